"""What a report says in sentences, beside those of the statistics."""

from __future__ import annotations

from typing import Any

from waystage.reports import numbers
from waystage.reports.numbers import counted, listed

__all__ = ["compared", "counted", "how_much", "interval", "meaning", "opening", "where"]


def compared(content: dict[str, Any]) -> str:
    arms = [arm["name"] for arm in content["study"]["arms"]]
    return f"{counted(len(arms), 'arm')} ({listed(arms)}) of {listed(content['study']['models'])}"


def where(content: dict[str, Any]) -> str:
    study = content["study"]
    targets = [target["name"] for target in study["targets"]]
    codes = [language["shown"] for language in content["languages"]]
    return (
        f"{counted(len(targets), 'target')} ({listed(targets)}) in {counted(len(codes), 'language')} "
        f"({listed(codes)}), {counted(len(study['seeds']), 'seed')}"
    )


def how_much(content: dict[str, Any]) -> str:
    progress, left_out = content["progress"], content["left_out"]
    said = f"{progress['done']} of {counted(progress['wanted'], 'evaluation')}"
    if progress["done"] < progress["wanted"]:
        lacking = [f"{m['target']} after {m['intermediate']}" for m in progress["missing"]]
        said += f"; not in yet: {listed(lacking, 4)}"
    if left_out:
        said += f"; {counted(len(left_out), 'combination')} cannot exist"
    return said


def interval(found: dict[str, Any]) -> str:
    if found["low"] is None or found["high"] is None:
        return f"no interval: {found['note']}"
    return f"{found['level'] * 100:g} % interval {numbers.interval(found['low'], found['high'])}"


def meaning(content: dict[str, Any]) -> str:
    """One sentence on what all of it means, that claims no more than the verdicts do."""
    answers = content["answers"]
    open_ = [a for a in answers if not a["answered"]]
    count = {
        word: sum(a["answered"] and a["verdict"]["word"] == word for a in answers)
        for word in ("better", "worse", "equivalent", "not distinguishable", "no verdict")
    }
    if not answers:
        said = "the study asks no question, so nothing is judged; the gain matrix shows what came out"
    elif len(open_) == len(answers):
        said = "nothing can be answered yet"
    else:
        parts = [f"{number} '{word}'" for word, number in count.items() if number]
        parts += [f"{len(open_)} not answerable yet"] if open_ else []
        said = f"of {counted(len(answers), 'question')}: {', '.join(parts)}"
        if count["no verdict"]:
            said += " (a verdict needs three seeds)"
        if count["not distinguishable"]:
            said += "; 'not distinguishable' is no proof of no effect: the intervals say what is still possible"
    if content["rehearsal"]:
        said += ". This was a rehearsal: it shows that the study runs, and says nothing about real languages"
    return said[0].upper() + said[1:] + "."


def opening(content: dict[str, Any]) -> list[str]:
    lines = [content["note"].capitalize() + "."] if content["note"] else []
    lines += [
        f"Compared: {compared(content)}.",
        f"On: {where(content)}.",
        f"In so far: {how_much(content)}.",
    ]
    return lines
