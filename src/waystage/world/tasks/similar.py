"""Graded similarity: how much of what one sentence says the other says too."""

from __future__ import annotations

from collections.abc import Iterator

from waystage.forms.examples import Similar
from waystage.world.clauses import Clause, speaks_of
from waystage.world.facts import Facts
from waystage.world.names import Pool
from waystage.world.stream import Stream
from waystage.world.tasks.nli import premise
from waystage.world.tasks.setting import Setting

WEIGHTS = {"verb": 30, "subject": 25, "object": 20, "others": 13, "time": 12}
MOST = 5.0  # the score of two sentences that say the same


def examples(setting: Setting, n: int) -> Iterator[Similar]:
    most = float(setting.options.get("scale", MOST))  # of a task of the user's own, which may count from 0 to 1
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        first, second = pair(plan, setting.facts, setting.names, setting.domain)
        score = similarity(first, second)
        yield Similar(
            id=setting.name(number), first=voice.say(first), second=voice.say(second),
            score=score if most == MOST else score * most / MOST,
        )  # fmt: skip


def pair(draw: Stream, facts: Facts, names: Pool, domain: str) -> tuple[Clause, Clause]:
    """A statement and one of which between none and all is different."""
    one = premise(draw, facts, names, domain)._replace(negative=False)
    two = premise(draw, facts, names, domain)._replace(negative=False)
    parts = draw.sample(["subject", "object", "others", "time"], draw.below(5))
    if draw.below(4) == 0:
        return one, two
    out = one
    for part in parts:
        if part == "time" and two.time is not None and one.tense != two.tense:
            two = two._replace(time=facts.time(draw, one.tense))
        if part == "object" and (one.object is None or two.object is None):
            continue
        changed = out._replace(**{part: getattr(two, part)})
        if not speaks_of(changed, changed.subject.name):
            out = changed
    opposed = facts.opposed(out)
    if opposed is not None and draw.below(6) == 0:
        out = opposed
    return one, out


def similarity(a: Clause, b: Clause) -> float:
    """0 to 5: the weighted share of parts that agree, among the parts that either has."""
    agree = total = 0
    for part, weight in WEIGHTS.items():
        one, two = getattr(a, part), getattr(b, part)
        if not one and not two:
            continue
        total += weight
        if one == two:
            agree += weight
        elif part in ("subject", "object") and one and two and one.head == two.head and one.head >= 0:
            agree += weight // 2
    return round(50 * agree / total) / 10
