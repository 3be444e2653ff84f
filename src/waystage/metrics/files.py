"""The official score of one prediction file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from waystage.errors import DataError, InputError, UnknownName
from waystage.metrics.benchmarks import LABEL_TASKS, QA_TASKS, TAG_TASKS, file_task
from waystage.metrics.reading import (
    kind_of,
    no_collection,
    read_lines,
    read_object,
    read_questions,
    read_tags,
    read_xcopa,
)


def score_files(
    task: str, language: str | None, gold: str | Path, predictions: str | Path, *, extras: bool = True
) -> dict[str, float]:
    """What XTREME's evaluator prints for this pair of files, in percent, under its names.

    Only mlqa looks at the language. `extras` adds what is not official: for udpos `f1_seqeval_1.2.2` and
    `token_accuracy`, where they exist (they need sentences of equal lengths). Raises DataError wherever the evaluator
    would die, with the file and what to mend.
    """
    task = file_task(task)
    gold, predictions = Path(gold), Path(predictions)
    try:
        with no_collection():
            return _score(task, language, gold, predictions, extras)
    except (DataError, UnknownName):
        raise
    except InputError as problem:
        raise DataError(f"{problem} (gold: {gold})", predictions) from problem


def _score(task: str, language: str | None, gold: Path, predictions: Path, extras: bool) -> dict[str, float]:
    if task in TAG_TASKS:
        return _score_tags(task, gold, predictions, extras)
    if task in QA_TASKS:
        return _score_answers(task, language, gold, predictions)
    if task == "mewslix":
        return _score_mewslix(gold, predictions)
    if task == "bucc2018":
        from waystage.metrics.mining import score_pairs

        # Lines instead of the tuples of their columns: they are equal in the same cases.
        return score_pairs(read_lines(gold), read_lines(predictions))
    from waystage.metrics.labels import score_accuracy

    read = read_lines if task in LABEL_TASKS else read_xcopa
    return score_accuracy(read(gold), read(predictions))


def _score_tags(task: str, gold: Path, predictions: Path, extras: bool) -> dict[str, float]:
    from waystage.metrics.pos import score_pos
    from waystage.metrics.spans import TagCodes, score_spans

    codes = TagCodes()
    g, p = read_tags(gold, codes), read_tags(predictions, codes)
    if extras and task == "udpos":
        with suppress(InputError):
            return score_pos(g, p)
    return score_spans(g, p)


def _score_answers(task: str, language: str | None, gold: Path, predictions: Path) -> dict[str, float]:
    from waystage.metrics.answers import score_answers
    from waystage.metrics.mlqa import mlqa_rules
    from waystage.metrics.squad import SQUAD

    rules = mlqa_rules(language or "") if task == "mlqa" else SQUAD
    ids, golds = read_questions(gold)
    found = read_object(predictions, "question id to answer")
    answers: list[str | None] = []
    for name, texts in zip(ids, golds, strict=True):
        if name not in found:
            answers.append(None)
            continue
        answer = found[name]
        if type(answer) is not str:
            raise DataError(f"the answer to question {name!r:.80} must be text, not {kind_of(answer)}", predictions)
        if not texts:
            raise DataError(f"question {name!r:.80} has an empty list of gold answers", gold)
        answers.append(answer)
    return score_answers(golds, answers, rules)


def _score_mewslix(gold: Path, predictions: Path) -> dict[str, float]:
    from waystage.metrics.mewslix import score_mewslix

    wanted = read_object(gold, "example id to a list of entities")
    found = read_object(predictions, "example id to a list of ranked entities")
    entities, ranked = [], []
    for name, labels in wanted.items():
        if not isinstance(labels, list) or not labels or not isinstance(labels[0], str):
            raise DataError(f"the gold of {name!r:.80} must be a list that starts with an entity id", gold)
        ranking = found.get(name, [])
        if not isinstance(ranking, list):
            raise DataError(f"the prediction for {name!r:.80} must be a list of entity ids", predictions)
        entities.append(labels[0].strip())
        ranked.append(ranking)
    return score_mewslix(entities, ranked)
