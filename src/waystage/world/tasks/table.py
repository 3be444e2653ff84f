"""Which generator stands in for which task. A task that is not listed gets one by its form and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from waystage.errors import InputError
from waystage.forms.examples import Example
from waystage.tasks.benchmarks import BENCHMARKS
from waystage.tasks.task import Task
from waystage.world.tasks import choices, nli, paraphrase, questions, raw, search, similar, tagging
from waystage.world.tasks.setting import Setting

Generator = Callable[[Setting, int], Iterator[Example]]

GENERATORS: dict[str, Generator] = {
    "anli_r1": partial(nli.examples, kind="adversarial"),
    "anli_r2": partial(nli.examples, kind="adversarial"),
    "anli_r3": partial(nli.examples, kind="adversarial"),
    "snli": partial(nli.examples, kind="scene"),
    "qqp": paraphrase.questions,
    "pawsx": paraphrase.swapped,
    "squad2": partial(questions.examples, unanswerable=33),
    "pquad": partial(questions.examples, unanswerable=33),
    "tydiqa": partial(questions.examples, blind=True),
    "hellaswag": choices.endings,
    "xstorycloze": partial(choices.endings, options=2),
    "cosmosqa": partial(choices.reasons, options=4, around=2),
    "commonsenseqa": choices.knowledge,
    "sciq": partial(choices.knowledge, options=4),
    "siqa": partial(choices.reasons, options=3),
    "belebele": choices.reading,
    "ccg": partial(tagging.analysed, kind="categories"),
    "supertags": partial(tagging.analysed, kind="relations"),
}


def generator(task: Task) -> Generator:
    if task.name in GENERATORS:
        return GENERATORS[task.name]
    by_form: dict[str, Callable[[Task], Generator]] = {
        "pairs": _pairs,
        "choice": lambda _: choices.reasons,
        "spans": lambda t: partial(questions.examples, unanswerable=33 if t.options.get("unanswerable") else 0),
        "tags": lambda t: partial(tagging.examples, kind="names" if _names(t) else "pos"),
        "similarity": lambda _: similar.examples,
        "retrieval": _retrieval,
        "masked": lambda _: raw.texts,
    }
    if task.form not in by_form:
        raise InputError(
            f"the built-in world has no stand-in for {task.name!r}, whose form is {task.form!r}; "
            f"it knows the forms {', '.join(by_form)}"
        )
    return by_form[task.form](task)


def _names(task: Task) -> bool:
    return any(label.startswith("B-") for label in task.labels)


def _pairs(task: Task) -> Generator:
    if len(task.labels) > 3:
        return raw.topics
    if set(task.labels) == {"0", "1"}:
        return paraphrase.questions
    return nli.examples


def _retrieval(task: Task) -> Generator:
    mode = task.options.get("mode", "bitext")  # as the form has it
    if mode == "bitext":
        return search.bitext
    if mode == "margin":
        return search.mining
    if task.parallel:
        return partial(search.answers, languages=task.languages)
    return partial(search.entities, languages=task.languages)


def role(task: Task) -> str:
    """Targets and intermediate tasks draw from different names, so that nothing of one is met in the other."""
    return "target" if any(task.name in benchmark.languages for benchmark in BENCHMARKS.values()) else "intermediate"
