"""Running text for masked language modelling, and texts by topic."""

from __future__ import annotations

from collections.abc import Iterator

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
        yield Text(
            id=name, cluster=name, text=document(setting.seed, setting.language, start + number, role="pretrain")
        )


def topics(setting: Setting, n: int) -> Iterator[Pair]:
    """Which kinds of things a text is about: the kinds are dealt out to the labels in turn."""
    facts = setting.facts
    about = [_about(facts, label, len(setting.labels)) for label in range(len(setting.labels))]
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


def _about(facts: Facts, label: int, labels: int) -> tuple[frozenset[int], list[Frame]]:
    """The nouns of a label's kinds, and what can be done with one of them."""
    mine = [kind for i, kind in enumerate(sorted(facts.ontology.types)) if i % labels == label]
    nouns = frozenset(noun for kind in mine for noun in facts.ontology.types[kind])
    verbs = {verb for verb, objects in facts.object_sets.items() if nouns & objects}
    return nouns, [f for table in facts.transitive.values() for f in table if f.verb in verbs]
