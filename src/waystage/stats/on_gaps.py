"""The answer to "does A close the gap?": a smaller gap alone is not enough, the low side must gain too."""

from __future__ import annotations

from collections.abc import Collection
from math import isnan

from waystage.stats import words
from waystage.stats.answering import Answer, Line, QuestionLike, warnings
from waystage.stats.average import Contrast
from waystage.stats.gaps import Gap, gap
from waystage.stats.verdict import Verdict


def answer(
    question: QuestionLike, found: Contrast, *, high: Collection[str], low: Collection[str], rehearsal: bool
) -> Answer:
    whole = gap(found, high, low)
    used = found.of(whole.targets)
    counts = {
        str(target): {side: int(count) for side, count in row.items()}
        for target, row in whole.groups.to_dict(orient="index").items()
    }
    lines = tuple(_line(target, used.of((target,)), high, low) for target in whole.targets)
    left_out = [target for target in found.targets if target not in whole.targets]
    notes = ["languages of the high and of the low side: " + _matrix(counts)]
    notes.append(f"low side {_side(whole)}")
    if left_out:
        notes.append(f"without languages of both groups, and so not in the answer: {', '.join(left_out)}")
    return Answer(
        ask=question.ask,
        a=found.a,
        b=found.b,
        model=found.model,
        source_language=found.source_language,
        reading="fixed",
        sentence=_sentence(whole, used, question, rehearsal),
        interval=whole.change,
        verdict=Verdict(whole.word, whole.why),
        seeds=used.seeds,
        languages=tuple(code for code in used.languages if code in high or code in low),
        targets=lines,
        variants=(),
        notes=tuple(notes),
        warnings=warnings(used),
        rehearsal=rehearsal,
        kind="gap",
        details={
            "gap_a": whole.gap_a, "gap_b": whole.gap_b, "low_gain": whole.low_gain, "high_gain": whole.high_gain,
            "low_error": whole.low_error, "error_gap_change": whole.error_gap_change, "groups": counts,
            "high": sorted(code for code in used.languages if code in high),
            "low": sorted(code for code in used.languages if code in low),
        },
    )  # fmt: skip


def _line(target: str, part: Contrast, high: Collection[str], low: Collection[str]) -> Line:
    """`a` and `b` are the gaps of the two arms, not scores."""
    one = gap(part, high, low)
    (pair,) = part.pairs
    codes = tuple(code for code in pair.languages if code in high or code in low)
    return Line(f"gap on {target}", pair.metric, codes, one.gap_a, one.gap_b, one.change, Verdict(one.word, one.why))


def _matrix(counts: dict[str, dict[str, int]]) -> str:
    return ", ".join(f"{target} {row['high']} / {row['low']}" for target, row in counts.items())


def _side(whole: Gap) -> str:
    said = f"{whole.low_gain.estimate:+.2f} points, high side {whole.high_gain.estimate:+.2f}"
    low, more = whole.low_error.estimate, whole.error_gap_change.estimate
    if isnan(more):
        return f"{said}; {whole.b} makes no error on one side, so there is no share of errors removed to compare"
    said += f"; errors removed on the low side {low:+.1f} %, {more:+.1f} percentage points more than on the high side"
    return said


def _sentence(whole: Gap, used: Contrast, question: QuestionLike, rehearsal: bool) -> str:
    high, low = (_named(said, used, "*" if rehearsal else "") for said in (question.high, question.low))
    sides = f"between {high} and {low} languages"
    behind = words.numbers(whole.change, len(used.seeds))
    change = f"the gap goes from {whole.gap_b:.2f} to {whole.gap_a:.2f} points, a change of "
    change += f"{whole.change.estimate:+.2f} ({behind}), within {words.listed_targets(used.targets)}"
    match whole.word:
        case "closes the gap" | "widens the gap" | "does not close the gap":
            aside = f", {whole.why}" if whole.why else ""
            said = f"{whole.a} {whole.word} {sides}{aside}: {change}"
        case "not distinguishable":
            said = f"{whole.a} is not shown to close the gap {sides}, {whole.why}: {change}"
        case _:
            said = f"there is no verdict on whether {whole.a} closes the gap {sides}: {change}"
    return words.start(said + ".", rehearsal=rehearsal)


def _named(said: object, used: Contrast, star: str) -> str:
    if said == "source":
        return f"the source language ({used.source_language}{star})"
    if isinstance(said, str):
        return said
    return "the named (" + ", ".join(f"{code}{star}" for code in said) + ")"  # type: ignore[attr-defined]
