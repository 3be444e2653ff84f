"""The world by itself: examples of every task in every language, running text, and what it all means in English."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from itertools import islice

from waystage import languages as language_table
from waystage import tasks as task_table
from waystage.errors import InputError
from waystage.forms.examples import Example
from waystage.tasks.task import Task
from waystage.world import documents
from waystage.world.language import english, language
from waystage.world.plant import planted
from waystage.world.tasks.search import POOL
from waystage.world.tasks.setting import Setting, glossed
from waystage.world.tasks.table import generator, role

VERSION = 4  # goes up whenever any byte of any text or label of any seed changes
SPLITS = ("train", "dev", "test")


@dataclass(frozen=True)
class World:
    """All is a function of the version and the seed: the same bytes everywhere."""

    seed: int = 0
    plant: tuple[tuple[str, str], ...] = ()  # (task, effect) pairs, see waystage.world.plant

    def examples(
        self, task: Task | str, language: str, split: str, n: int, *, translated_from: str = "", error: int = 0
    ) -> Iterator[Example]:
        """`n` examples of a task (for search: `n` queries, with what they are searched in).

        With `translated_from` they are the examples of that language put into this one by a translator who gets
        `error` percent of the words wrong and loses as many answer spans.
        """
        it = task_table.get(task) if isinstance(task, str) else task
        if it.members:
            return self._union(it, language, split, n, translated_from, error)

        def make(code: str, count: int) -> Iterator[Example]:
            return generator(it)(self.setting(it, code, split, translated_from, error), count)

        effect = dict(self.plant).get(it.name)
        if effect and split in ("train", "fit"):
            return planted(effect, it, language, n, make)
        return make(language, n)

    def _union(
        self, task: Task, language: str, split: str, n: int, translated_from: str, error: int
    ) -> Iterator[Example]:
        effect = dict(self.plant).get(task.name)
        for name, share in shares(task, n):
            world = replace(self, plant=(*self.plant, (name, effect))) if effect else self
            for one in world.examples(name, language, split, share, translated_from=translated_from, error=error):
                yield replace(one, id=f"{name}/{one.id}")

    def glossed(self, task: Task | str, language: str, split: str, n: int) -> Iterator[tuple[Example, Example]]:
        """Examples beside the same examples in plain English."""
        it = task_table.get(task) if isinstance(task, str) else task
        if it.members:
            return (
                (replace(one, id=f"{name}/{one.id}"), replace(gloss, id=f"{name}/{gloss.id}"))
                for name, share in shares(it, n)
                for one, gloss in self.glossed(name, language, split, share)
            )
        setting = self.setting(it, language, split, "", 0)
        return zip(generator(it)(setting, n), generator(it)(glossed(setting), n), strict=True)

    def text(self, language: str, *, n: int | None = None, start: int = 0) -> Iterator[str]:
        """Documents of a language, without end unless `n` is given."""
        code = language_table.resolve(language)
        return islice(documents.documents(self.seed, code, start=start), n)

    def setting(self, task: Task, code: str, split: str, translated_from: str, error: int) -> Setting:
        split = {"fit": "train"}.get(split, split)  # nothing need be held out of it: `held` is drawn for itself
        known = {"held": "dev"}.get(split, split.split("_")[0])
        if known not in SPLITS:
            raise InputError(f"the world has no split {split!r} of {task.name!r}; it has {', '.join(SPLITS)}")
        pool = code == POOL
        code = POOL if pool else language_table.resolve(code)
        return Setting(
            seed=self.seed,
            task=task.name if known == split else f"{task.name}/{split}",
            language=code,
            split=known,
            role=role(task),
            tongue=language(self.seed, "en" if pool else code),
            parallel=task.parallel,
            planned_in=language_table.resolve(translated_from) if translated_from else "",
            error=error,
            labels=task.labels,
            domain={"medicine": "medicine", "science": "medicine", "commerce": "commerce"}.get(task.domain, "general"),
            options=task.options,
        )


def shares(task: Task, n: int) -> list[tuple[str, int]]:
    """How many of `n` examples of a union each member gives: as many as the others, the first one more."""
    count = len(task.members)
    return [(name, n // count + (place < n % count)) for place, name in enumerate(task.members)]


def sample(task: Task | str, language: str, n: int = 3, *, split: str = "test", seed: int = 0) -> str:
    """Examples with a gloss in plain English, for people to judge."""
    out = []
    for example, gloss in World(seed).glossed(task, language, split, n):
        out.append(f"--- {example.id}")
        for column in fields(example):
            value, meaning = getattr(example, column.name), getattr(gloss, column.name)
            if column.name in ("id", "item", "cluster") or value in ("", (), None):
                continue
            out.append(f"{column.name}: {_shown(value)}")
            if meaning != value:
                out.append(f"{' ' * len(column.name)}= {_shown(meaning)}")
    return "\n".join(out) + "\n"


def _shown(value: object) -> str:
    return " | ".join(str(v) for v in value) if isinstance(value, tuple) else str(value)


def text(language: str, n: int = 5, *, seed: int = 0) -> str:
    """A few documents, each with its gloss."""
    code = language_table.resolve(language)
    out = []
    for number in range(n):
        out.append(documents.document(seed, code, number))
        out.append("= " + documents.document(seed, code, number, tongue=english()) + "\n")
    return "\n".join(out)
