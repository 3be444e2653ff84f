"""Running text for masked language modelling, and texts by topic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from waystage.forms.examples import Pair, Text
from waystage.world.concepts import Frame
from waystage.world.documents import document
from waystage.world.facts import Facts
from waystage.world.sampling import amount
from waystage.world.tasks.setting import Setting

STARTS = {"train": 0, "dev": 50_000_000, "test": 60_000_000}


def texts(setting: Setting, n: int) -> Iterator[Text]:
    """`n` documents for the language with most text, for the others by their share."""
    start = STARTS[setting.split]
    for number in range(max(1, n * amount(setting.language) // amount("en"))):
        name = setting.name(number)
        said = document(setting.seed, setting.language, start + number, role="pretrain", tongue=setting.tongue)
        yield Text(id=name, cluster=name, text=said)


def topics(setting: Setting, n: int) -> Iterator[Pair]:
    """Which kinds of things a text is about: the kinds are dealt out to the labels in turn."""
    facts = setting.facts
    about = _dealt(facts, [facts.ontology.types[kind] for kind in sorted(facts.ontology.types)], len(setting.labels))
    if not all(frames for _, frames in about):  # more labels than kinds of which much can be told: things by themselves
        things = sorted({noun for objects in facts.object_sets.values() for noun in objects})
        about = _dealt(facts, [(noun,) for noun in things], len(setting.labels))
    for number in range(n):
        plan, voice = setting.plan(number), setting.voice(number)
        label = plan.below(len(setting.labels))
        nouns, frames = about[label]
        said = []
        for _ in range(3):
            frame = plan.pick(frames)
            favourites = plan.sample(sorted(nouns.intersection(frame.objects)), 1)
            clause = facts.event(plan, setting.names, frame=frame)
            said.append(voice.say(clause._replace(object=facts.phrase(plan, favourites[0]))))
        yield Pair(id=setting.name(number), first=voice.tongue.join(said), label=setting.labels[label])


def _dealt(facts: Facts, groups: Sequence[Sequence[int]], labels: int) -> list[tuple[frozenset[int], list[Frame]]]:
    """For each label the nouns of its groups, and what can be done with one of them."""
    every = [f for table in facts.transitive.values() for f in table]
    about = []
    for label in range(labels):
        mine = groups[label::labels] or groups[label % len(groups) :][:1]
        nouns = frozenset(noun for group in mine for noun in group)
        verbs = {verb for verb, objects in facts.object_sets.items() if nouns & objects}
        about.append((nouns, [f for f in every if f.verb in verbs]))
    return about
