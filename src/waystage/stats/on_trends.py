"""The answer to "does what A gains over B go with something about the language, or with the size of the model?"

A point is a language on a target. Targets differ in level, so each is a predictor of its own beside what is asked
about; the family is the unit of the interval. What stands beside the predictor (`beside` of the question) is adjusted
for, and how much the predictors say the same (variance inflation) is shown with each slope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

from waystage.errors import InputError
from waystage.languages.table import get
from waystage.stats import words
from waystage.stats.answering import Answer, Line, QuestionLike, means, warnings
from waystage.stats.average import Contrast
from waystage.stats.interval import Interval, without
from waystage.stats.scaling import fit
from waystage.stats.seeds import ONE_SEED
from waystage.stats.trend import Slope, Trend, trend
from waystage.stats.verdict import of, of_trend

Known = Mapping[str, Mapping[str, float | None]]  # predictor -> language -> value, None where it is unknown
SPOKEN = {
    "distance": "the syntactic distance",
    "text": "the pretraining text of the model (log10 of GiB)",
    "resource": "the resource class",
    "script": "another script",
    "fertility": "pieces per word",
    "size": "the size of the model (log10 of parameters)",
}


def answer(
    question: QuestionLike,
    found: Contrast,
    known: Known,
    *,
    families: Mapping[str, str] | None,
    rehearsal: bool,
) -> Answer:
    assert question.against is not None
    names = [question.against, *question.beside]
    lacking = [name for name in names if name not in known]
    if lacking:
        raise InputError(f"nothing is known of {' and '.join(SPOKEN[name] for name in lacking)} for {found.model}")
    every = _points(found)
    there = [
        target for target in found.targets
        if any(at == target and all(known[name].get(code) is not None for name in names) for at, code in every)
    ]  # fmt: skip
    lacking = [target for target in found.targets if target not in there]
    if there:  # a target without any point has no level that could be told apart
        found = found.of(there)
    points = _points(found)
    gains = {
        f"{pair.target}/{code}": float(pair.difference[code].mean()) for pair in found.pairs for code in pair.languages
    }
    family = dict(families) if families is not None else {code: get(code).family for _, code in points}
    fitted = _fitted(points, gains, {name: known[name] for name in names}, family)
    slopes = [slope for slope in fitted.slopes if slope.predictor in names]
    seeds = found.seeds
    if len(seeds) < 2:  # of this checkpoint, and what another one would give is in no interval
        slopes = [replace(slope, interval=bare(slope.interval)) for slope in slopes]
    first = slopes[0]
    verdict = of_trend(first.interval, seeds=found.counted)
    left_out = sorted({name.split("/")[-1] for name in fitted.left_out})
    notes = [_slope(slope) for slope in slopes[1:]]
    notes.append(
        f"{fitted.languages} points in {words.count(fitted.families, 'family', 'families')}; the predictors explain "
        f"{fitted.explained:.0%} of the variance"
    )
    if left_out:
        named = ", ".join(code + "*" * rehearsal for code in left_out)
        notes.append(f"left out, since a value is unknown: {named}")
    said = list(warnings(found))
    said += [f"{target}: left out, since of none of its languages everything is known" for target in lacking]
    if first.note:
        said.append(f"{SPOKEN[question.against]}: {first.note} (variance inflation {first.inflation:.1f})")
    return Answer(
        ask=question.ask,
        a=found.a,
        b=found.b,
        model=found.model,
        source_language=found.source_language,
        reading="random",
        sentence=_sentence(question, found, first, fitted, verdict.word, verdict.why, rehearsal),
        interval=first.interval,
        verdict=verdict,
        seeds=seeds,
        languages=tuple(code for code in found.languages if code != found.source_language and code not in left_out),
        targets=_levels(found),
        variants=(),
        notes=tuple(notes),
        warnings=tuple(said),
        rehearsal=rehearsal,
        kind="trend",
        details={
            "against": question.against, "slopes": [asdict(slope) for slope in slopes], "explained": fitted.explained,
            "points": [
                {"target": target, "language": code, "gain": gains[f"{target}/{code}"],
                 **{name: known[name].get(code) for name in names}}
                for target, code in points
            ],
            "families": fitted.families, "left_out": left_out,
        },
    )  # fmt: skip


def over_sizes(
    question: QuestionLike, contrasts: Mapping[str, Contrast], parameters: Mapping[str, int], *, rehearsal: bool
) -> Answer:
    """One contrast per model of the study; the models are the points, seeds only say how well each is known."""
    models = sorted(contrasts, key=lambda model: parameters[model])
    same = sorted({parameters[model] for model in models})
    if len(same) < len(models):
        raise InputError(f"two models of the same size are no step in size: {', '.join(models)}")
    sets = {model: set(one.languages) for model, one in contrasts.items()}
    if len({(one.targets, one.languages) for one in contrasts.values()}) > 1:
        raise InputError(f"the models are not scored on the same targets and languages yet ({', '.join(models)})")
    gains = {parameters[model]: contrasts[model].interval() for model in models}
    fitted = fit({size: gain.estimate for size, gain in gains.items()})
    fewest = min(one.counted for one in contrasts.values())
    verdict = of_trend(fitted.slope, seeds=fewest)
    first = contrasts[models[0]]
    beyond = 10 * same[-1]
    ahead = fitted.predict(beyond)
    lines = tuple(_size_line(model, contrasts[model], parameters[model]) for model in models)
    notes = [f"a model of {beyond:.2g} parameters: {ahead}" + (f"; {ahead.note}" if ahead.note else "")]
    return Answer(
        ask=question.ask,
        a=first.a,
        b=first.b,
        model=", ".join(models),
        source_language=first.source_language,
        reading="fixed",
        sentence=_size_sentence(first, fitted.slope, len(models), fewest, verdict.word, verdict.why, rehearsal),
        interval=fitted.slope,
        verdict=verdict,
        seeds=tuple(sorted({seed for one in contrasts.values() for seed in one.seeds})),
        languages=tuple(sorted(set.union(*sets.values()))),
        targets=lines,
        variants=(),
        notes=tuple(notes),
        warnings=(*filter(None, [fitted.note]), *(f"{m}: {said}" for m in models for said in warnings(contrasts[m]))),
        rehearsal=rehearsal,
        kind="trend",
        details={
            "against": "size", "points": [{"model": m, "parameters": parameters[m]} for m in models],
            "intercept": fitted.intercept, "prediction": {"parameters": beyond, "interval": asdict(ahead)},
        },
    )  # fmt: skip


def _fitted(
    points: Sequence[tuple[str, str]], gains: Mapping[str, float], known: Known, family: Mapping[str, str]
) -> Trend:
    targets = list(dict.fromkeys(target for target, _ in points))
    spread = {name: {f"{t}/{code}": values.get(code) for t, code in points} for name, values in known.items()}
    levels = {f"target {own}": {f"{t}/{code}": float(t == own) for t, code in points} for own in targets[1:]}
    families = {f"{t}/{code}": family[code] for t, code in points}
    return trend({f"{t}/{code}": gains[f"{t}/{code}"] for t, code in points}, {**spread, **levels}, families)


def _points(found: Contrast) -> list[tuple[str, str]]:
    """A language on a target; the source language is no case of transfer."""
    return [(pair.target, code) for pair in found.pairs for code in pair.languages if code != found.source_language]


def bare(slope: Interval) -> Interval:
    """Of one seed: what another one would give is unknown."""
    return without(slope.estimate, method=slope.method, n=slope.n, why=ONE_SEED)


def _levels(found: Contrast) -> tuple[Line, ...]:
    """The average gain of each target, for orientation: the slope is about what varies around it."""
    lines = []
    for pair in found.pairs:
        alone = found.of((pair.target,))
        gain = alone.interval()
        levels = means(pair, pair.seeds)
        verdict = of(gain, seeds=alone.counted)
        lines.append(Line(f"gain on {pair.target}", pair.metric, pair.languages, *levels, gain, verdict))
    return tuple(lines)


def _size_line(model: str, one: Contrast, parameters: int) -> Line:
    gain = one.interval()
    levels = [means(pair, one.seeds) for pair in one.pairs]
    of_a, of_b = (sum(side) / len(levels) for side in zip(*levels, strict=True))
    what = f"{model} ({parameters / 1e6:,.0f} M parameters)"
    return Line(what, "", one.languages, of_a, of_b, gain, of(gain, seeds=one.counted))


def _slope(slope: Slope) -> str:
    tangled = f"; {slope.note}" if slope.note else ""
    return (
        f"beside it {SPOKEN[slope.predictor]}: {slope.interval} points per standard deviation, "
        f"variance inflation {slope.inflation:.1f}{tangled}"
    )


def _sentence(
    question: QuestionLike, found: Contrast, slope: Slope, fitted: Trend, word: str, why: str, rehearsal: bool
) -> str:
    assert question.against is not None
    what = SPOKEN[question.against]
    if question.against == "distance":
        what += f" from {_reference(question, found, '*' * rehearsal)}"
    beside = f", adjusted for {', '.join(SPOKEN[name] for name in question.beside)}" if question.beside else ""
    behind = words.numbers(slope.interval, len(found.seeds))
    rate = f"{slope.interval.estimate:+.2f} points per standard deviation ({behind}){beside}"
    where = f"{fitted.languages} points on {words.listed_targets(found.targets)}"
    gain = f"what {found.a} gains over {found.b}"
    return words.start(_said(gain, what, rate, where, word, why) + ".", rehearsal=rehearsal)


def _size_sentence(
    first: Contrast, slope: Interval, sizes: int, seeds: int, word: str, why: str, rehearsal: bool
) -> str:
    rate = f"{slope.estimate:+.2f} points per tenfold size ({words.numbers(slope, seeds)})"
    where = f"{sizes} sizes on {words.listed_targets(first.targets)}"
    gain = f"what {first.a} gains over {first.b}"
    return words.start(_said(gain, "the size of the model", rate, where, word, why) + ".", rehearsal=rehearsal)


def _said(gain: str, what: str, rate: str, where: str, word: str, why: str) -> str:
    if word in ("rises", "falls"):
        return f"{gain} {word} with {what}: {rate}, {where}"
    if word == "no verdict":
        return f"there is no verdict on whether {gain} goes with {what}: {rate}, {where}" + (f" ({why})" if why else "")
    return f"{gain} is not shown to go with {what}: {rate}, {where}"


def _reference(question: QuestionLike, found: Contrast, star: str) -> str:
    said = question.reference
    if said == "source":
        return f"the source language ({found.source_language}{star})"
    return f"the language of {found.a}" if said == "intermediate" else f"{said}{star}"
