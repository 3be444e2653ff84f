"""The answer to "what is choosing the best arm per target worth?", without the luck of the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from waystage.errors import InputError
from waystage.stats import items, words
from waystage.stats import verdict as verdicts
from waystage.stats.answering import Answer, Line, Outcomes, QuestionLike, means
from waystage.stats.average import Contrast, shared_targets
from waystage.stats.best import Best, Gains, best_of


def answer(
    question: QuestionLike,
    contrasts: Sequence[Contrast],
    *,
    outcomes: Outcomes | None = None,
    chosen: Mapping[str, str] | None = None,
    rehearsal: bool = False,
) -> Answer:
    """`contrasts` are the arms to choose from, each against the same baseline."""
    how, left_out = "other seeds", list(dict.fromkeys(reason for one in contrasts for reason in one.left_out))
    if question.choose == "dev":
        if not chosen:
            raise InputError(
                "no dev scores to choose on: training never looked at dev (see `eval_every` of the recipe), or each "
                "target has an arm that is not trained on it in the source language (name the others in `among`)"
            )
        left_out += [f"{t}: no dev scores to choose on" for t in contrasts[0].targets if t not in chosen]
        contrasts = [one.of(chosen.keys()) for one in contrasts]
        best, how = best_of(contrasts, chosen=chosen), "the dev data of the source language"
    elif question.choose == "other-seeds-and-items":
        if outcomes is None:
            raise InputError("the single answers are not in the store, so items cannot be told apart")
        halves, lacking = _halves(contrasts, outcomes)
        left_out += [f"{t}: its score is no sum over items that could be split into halves" for t in lacking]
        contrasts = [one.of(list(halves[0])) for one in contrasts]
        best, how = best_of(contrasts, halves=halves), "other seeds and the other half of the test items"
    else:
        best = best_of(contrasts)
    first = contrasts[0]
    verdict = verdicts.of(best.gain, seeds=best.gain.n)
    of_all = first.of(shared_targets(contrasts))
    lines = tuple(_line(target, best, contrasts) for target in best.chosen)
    seeds = tuple(sorted({*best.choosing, *best.reporting}))
    left_out += _crossing(best, contrasts)
    return Answer(
        ask=question.ask,
        a="best",
        b=first.b,
        model=first.model,
        source_language=first.source_language,
        reading="fixed",
        sentence=_sentence(best, of_all, verdict, how, len(contrasts), rehearsal),
        interval=best.gain,
        verdict=verdict,
        seeds=seeds,
        languages=of_all.languages,
        targets=lines,
        variants=_variants(best, contrasts),
        notes=(f"chosen and reported on the same scores it would look like {best.naive:+.2f} points",),
        warnings=tuple(left_out),
        rehearsal=rehearsal,
        kind="best-of",
        details={
            "chosen": dict(best.chosen), "choosing": list(best.choosing), "reporting": list(best.reporting),
            "naive": best.naive, "optimism": best.optimism, "among": [one.a for one in contrasts], "chosen_on": how,
            **({"target_seeds": {"choosing": best.crossed[0], "reporting": best.crossed[1]}} if best.crossed else {}),
        },
    )  # fmt: skip


def _crossing(best: Best, contrasts: Sequence[Contrast]) -> list[str]:
    """What has to be said where intermediate seeds are crossed with target seeds."""
    if best.crossed is None:
        crossed = any(one.grid is not None for one in contrasts) and best.chosen
        said = "the interval is over intermediate seeds; what another target seed would give is not in it"
        return [said] if crossed else []
    shared = sorted(set(best.crossed[0]) & set(best.crossed[1]))
    both = " and ".join(map(str, shared))
    return [f"target seeds {both} both choose and report, since three are needed to divide them"] if shared else []


def _halves(contrasts: Sequence[Contrast], outcomes: Outcomes) -> tuple[tuple[Gains, Gains], list[str]]:
    """Gains on the two halves of the clusters of each target, the same halves for every arm."""
    both: tuple[Gains, Gains] = ({}, {})
    if any(one.grid is not None for one in contrasts):
        raise InputError(
            'where intermediate seeds are crossed with target seeds, items are not halved: write choose = "other-seeds"'
        )
    lacking = []
    for target in shared_targets(contrasts):
        parts = [one.of((target,)) for one in contrasts]
        blocks = [outcomes(part).get(target, ()) for part in parts]
        if not all(blocks) or any(block.clusters.max() == 0 for found in blocks for block in found):
            lacking.append(target)
            continue
        for part, found in zip(parts, blocks, strict=True):
            for half, own in zip(both, zip(*map(items.halves, found), strict=True), strict=True):
                gains = items.by_seed(own)
                half.setdefault(target, {})[part.a] = dict(zip(part.seeds, gains, strict=True))
    if not both[0]:
        raise InputError("no target has single answers in the store that add up to its score and can be halved")
    return both, lacking


def _line(target: str, best: Best, contrasts: Sequence[Contrast]) -> Line:
    pairs = [one.of((target,)).pairs[0] for one in contrasts if one.a in best.picked[target]]
    levels = [means(pair, best.reporting) for pair in pairs]
    of_a, of_b = (sum(side) / len(levels) for side in zip(*levels, strict=True))
    gain = best.by_target[target]
    verdict = verdicts.of(gain, seeds=gain.n)
    return Line(f"{target} ({best.chosen[target]})", pairs[0].metric, pairs[0].languages, of_a, of_b, gain, verdict)


def _variants(best: Best, contrasts: Sequence[Contrast]) -> tuple[Line, ...]:
    """Without retrieval that nothing was trained for, which is where much of a gain may come from."""
    free = [target for target in best.chosen if target in contrasts[0].untrained]
    kept = [target for target in best.chosen if target not in free]
    if not free or not kept:
        return ()
    parts = [_line(target, best, contrasts) for target in kept]
    gain = best.on(kept)
    return (
        Line(
            f"without untrained retrieval ({', '.join(free)})", "", contrasts[0].of(kept).languages,
            sum(part.a for part in parts) / len(parts), sum(part.b for part in parts) / len(parts), gain,
            verdicts.of(gain, seeds=gain.n),
        ),
    )  # fmt: skip


def _sentence(best: Best, first: Contrast, verdict: verdicts.Verdict, how: str, arms: int, rehearsal: bool) -> str:
    head = f"choosing the best of {arms} arms for each target"
    behind = words.numbers(best.gain, best.gain.n)
    where = f"{words.listed_targets(first.targets)}, in {words.count(len(first.languages), 'language')}"
    if not best.chosen:
        said = f"{head} looks like {best.naive:+.2f} points over {first.b}, which is optimistic: {best.gain.note}"
    else:
        said = f"{head} on {how} gains {best.gain.estimate:+.2f} points over {first.b} ({behind}) on {where}"
        said += f": {verdict.word}" + (f" ({verdict.why})" if verdict.why else "")
        said += f". Chosen and reported on the same scores it would look like {best.naive:+.2f}"
    return words.start(said + ".", rehearsal=rehearsal)
