"""What a report says in sentences, beside those of the statistics."""

from __future__ import annotations

from collections import Counter
from typing import Any

from waystage.reports import numbers
from waystage.reports.numbers import counted, listed

NAMED = 3  # questions whose verdicts are spelled out in one line
__all__ = [
    "asked", "best", "caveats", "compared", "counted", "how_much", "interval", "meaning", "opening", "unit", "where",
]  # fmt: skip


def compared(content: dict[str, Any]) -> str:
    arms = [arm["name"] for arm in content["study"]["arms"]]
    return f"{counted(len(arms), 'arm')} ({listed(arms)}) of {listed(content['study']['models'])}"


def where(content: dict[str, Any]) -> str:
    study = content["study"]
    targets = [target["name"] for target in study["targets"]]
    codes = [language["shown"] for language in content["languages"]]
    return (
        f"{counted(len(targets), 'target')} ({listed(targets)}) in {counted(len(codes), 'language')} "
        f"({listed(codes)}), {seeds(study)}"
    )


def seeds(study: dict[str, Any]) -> str:
    """How many of them, of both kinds where they are crossed."""
    first, second = study["intermediate_seeds"], study["seeds"]
    if not first:
        return counted(len(second), "seed")
    return f"{counted(len(first), 'intermediate seed')} x {counted(len(second), 'target seed')}"


def how_much(content: dict[str, Any]) -> str:
    progress, left_out = content["progress"], content["left_out"]
    said = f"{progress['done']} of {counted(progress['wanted'], 'evaluation')}"
    if progress["done"] < progress["wanted"]:
        lacking = [f"{m['target']} after {m['intermediate']}" for m in progress["missing"]]
        said += f"; not in yet: {listed(lacking, 4)}"
    if content["failed"]:
        said += f"; {counted(len(content['failed']), 'stage')} failed"
    if progress["unscored"]:
        hidden = [f"{u['target']} ({counted(len(u['languages']), 'language')})" for u in progress["unscored"]]
        said += f"; answered, but without labels to score: {listed(hidden, 4)}"
    if left_out:
        said += f"; {counted(len(left_out), 'combination')} cannot exist"
    return said


def interval(found: dict[str, Any]) -> str:
    if found["low"] is None or found["high"] is None:
        return f"no interval: {found['note']}"
    return f"{found['level'] * 100:g} % interval {numbers.interval(found['low'], found['high'])}"


def asked(answer: dict[str, Any]) -> str:
    """A question, and which of several models and source languages its answer is of."""
    return " ".join([answer["ask"]] * bool(answer["ask"]) + [f"({answer['of']})"] * bool(answer["of"]))


def meaning(content: dict[str, Any]) -> str:
    """One sentence on what all of it means, that claims no more than the verdicts do."""
    answers = content["answers"]
    answered = [a for a in answers if a["answered"]]
    if not answers:
        said = "The study asks no question, so nothing is judged; the gain matrix shows what came out"
    elif not answered:
        said = "Nothing can be answered yet"
    elif len(answers) <= NAMED:
        said = "; ".join(_verdict(a) for a in answers)
    else:
        counts = Counter(a["verdict"]["word"] for a in answered)
        parts = [f"{number} '{word}'" for word, number in counts.most_common()]
        parts += [f"{len(answers) - len(answered)} not answerable yet"] if len(answered) < len(answers) else []
        said = f"Of {counted(len(answers), 'answer')}: {', '.join(parts)}"
    return ". ".join([said, *caveats(content)]) + "."


def caveats(content: dict[str, Any]) -> list[str]:
    """What the verdicts do not say."""
    answered = [a for a in content["answers"] if a["answered"]]
    verdicts = {a["verdict"]["word"] for a in answered}
    said = []
    weak = [str(a["number"]) for a in answered if any("after Holm" in warning for warning in a["warnings"])]
    if weak:
        of = f"verdict of answer {weak[0]} does" if len(weak) == 1 else f"verdicts of answers {', '.join(weak)} do"
        said.append(f"The {of} not hold once all questions are counted (Holm)")
    if "no verdict" in verdicts:
        said.append("A verdict needs three seeds")
    if "not distinguishable" in verdicts:
        said.append("'Not distinguishable' is no proof of no effect: the interval says what is still possible")
    if content["rehearsal"]:
        said.append("This was a rehearsal: it shows that the study runs, and says nothing about real languages")
    return said


def unit(answer: dict[str, Any]) -> str:
    """What the number of an answer counts."""
    match answer.get("kind", "difference"):
        case "gap":
            return "points of the gap"
        case "trend":
            size = answer["details"].get("against") == "size"
            return "points per tenfold size" if size else "points per standard deviation"
    return "points"


def parts(answer: dict[str, Any]) -> list[str]:
    """Where an answer comes from, what else is known of it, and what is to be heeded, a line each."""
    found = [_part(line) for line in (*answer["targets"], *answer["variants"], *answer["items"])]
    holm = answer["p_holm"]
    if holm is not None:
        p = ("" if holm < 0.001 else "= ") + numbers.p_value(holm)
        found.append(f"p {p} {tested(answer)}, after Holm over all answers")
    return [*found, *answer["notes"], *(f"! {warning}" for warning in answer["warnings"])]


def _part(line: dict[str, Any]) -> str:
    metric = f" {line['metric']}" if line["metric"] else ""
    share = f", {numbers.share(line['share'])} of the average" if line.get("share") is not None else ""
    return (
        f"{line['what']}:{metric} {numbers.score(line['a'])} against {numbers.score(line['b'])}, "
        f"{numbers.gain(line['interval']['estimate'])} ({interval(line['interval'])}): {line['verdict']['word']}{share}"
    )


def tested(answer: dict[str, Any]) -> str:
    """What the p of an answer speaks against."""
    goal = answer.get("goal")
    if goal and goal["goal"] != "better":
        what = "loss" if goal["goal"] == "not worse" else "difference"
        return f"against a {what} of {goal['margin']:g} points or more"
    return "against no trend" if answer.get("kind") == "trend" else "against no difference"


def _verdict(answer: dict[str, Any]) -> str:
    pair = f"{answer['a']} against {answer['b']}" + (f" ({answer['of']})" if answer["of"] else "")
    return f"{pair}: {answer['verdict']['word'] if answer['answered'] else 'not answerable yet'}"


def best(found: dict[str, Any], content: dict[str, Any]) -> str:
    """What choosing per target is worth, with the luck of the choice told apart."""
    head = "In the rehearsal (artificial languages), choosing" if content["rehearsal"] else "Choosing"
    over, gain = f"points over {content['gains']['baseline']}", found["gain"]
    naive, arms = f"{numbers.gain(found['naive'])} {over}", counted(len(found["among"]), "arm")
    if not found["chosen"]:
        return (
            f"{head} the best of {arms} for each target looks like {naive}, which is optimistic: luck is chosen along "
            f"with quality. No honest number: {gain['note']}."
        )
    chosen = f"chosen on {counted(len(found['choosing']), 'seed')}, read on {len(found['reporting'])} others"
    return (
        f"{head} the best of {arms} for each target gains {numbers.gain(gain['estimate'])} {over} "
        f"({interval(gain)}; {chosen}). Chosen and read on the same seeds it would look like {naive}."
    )


def opening(content: dict[str, Any]) -> list[str]:
    lines = [content["note"].capitalize() + "."] if content["note"] else []
    lines += [
        f"Compared: {compared(content)}.",
        f"On: {where(content)}.",
        f"In so far: {how_much(content)}.",
    ]
    return lines
