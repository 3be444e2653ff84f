"""What the models answered: a few examples of each target and language, drawn by a hash of their ids, for every arm."""

from __future__ import annotations

import hashlib
import heapq
from typing import Any

from waystage import languages as language_table
from waystage.reports.about import RTL
from waystage.results import Results
from waystage.study.stages import Cell, find_task
from waystage.tasks import Task

DRAWN, SHOWN = 40, 6  # per target and language: looked at, and shown
LONG = 600  # characters of a text that are shown
FILES = 1500  # prediction files that are opened; with more, only the arms that a question names


def samples(results: Results) -> list[dict[str, Any]]:
    """One entry per model, target and language: examples with the answer of each arm, of the first seed that is in."""
    groups: dict[tuple[str, str, str, str], dict[str, Cell]] = {}
    for cell in results.plan.cells:
        if not cell.selection and results.store.has(cell.evaluate.fingerprint):
            for code in cell.languages:
                key = (cell.model, cell.target, cell.source_language, code)
                groups.setdefault(key, {}).setdefault(cell.intermediate, cell)
    files = sum(map(len, groups.values()))
    chosen = ((_arms(results, arms, files), key[-1]) for key, arms in groups.items())
    return [entry for arms, code in chosen if (entry := _entry(results, arms, code))]


def _arms(results: Results, arms: dict[str, Cell], files: int) -> dict[str, Cell]:
    if files <= FILES:
        return arms
    named = [name for question in results.study.question for name in question.compare if name in arms]
    return {name: arms[name] for name in dict.fromkeys(named or arms)} if named else dict(list(arms.items())[:2])


def _entry(results: Results, arms: dict[str, Cell], code: str) -> dict[str, Any] | None:
    first = next(iter(arms.values()))
    rows = first.evaluate.inputs["rows"]
    path = results.store.find(rows.fingerprint, f"{code}.parquet")  # type: ignore[union-attr]
    if path is None:
        return None
    answers = {arm: found for arm, cell in arms.items() if (found := _answers(results, cell, code)) is not None}
    if not answers:
        return None
    task = find_task(results.study, first.target)
    ids = _drawn(set.intersection(*(set(found) for found in answers.values())))
    said = {arm: {one: found[one].as_py() for one in ids} for arm, found in answers.items()}
    examples = _examples(path, ids)
    if task.form == "retrieval":
        _with_texts(path, examples, said)
    shown = [_shown(task, example, said, code) for example in examples]
    kinds: dict[tuple[bool | None, ...], list[dict[str, Any]]] = {}
    for one in shown:
        kinds.setdefault(tuple(one["right"].values()), []).append(one)
    return {
        "model": first.model,
        "target": first.target,
        "source_language": first.source_language,
        "language": code,
        "rtl": language_table.get(code).script in RTL,
        "arms": list(answers),
        "seeds": [arms[arm].seed for arm in answers],
        "drawn": len(shown),
        "items": _spread(list(kinds.values())),
    }


def _spread(kinds: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Taken in turn from each kind (who was right), so that disagreements are seen."""
    taken: list[dict[str, Any]] = []
    depth = 0
    while len(taken) < SHOWN and any(depth < len(kind) for kind in kinds):
        taken += [kind[depth] for kind in kinds if depth < len(kind)]
        depth += 1
    return taken[:SHOWN]


def _drawn(ids: set[str]) -> list[str]:
    return heapq.nsmallest(DRAWN, ids, key=lambda one: hashlib.blake2b(one.encode(errors="replace")).digest())


def _answers(results: Results, cell: Cell, code: str) -> dict[str, Any] | None:
    import pyarrow.parquet as pq

    path = results.store.find(cell.evaluate.fingerprint, f"predictions/{code}.parquet")
    if path is None:
        return None
    table = pq.read_table(path)
    names = table.column_names
    if "id" not in names or "prediction" not in names:
        return None
    if "variant" in names:  # a search is made in several ways; the official one stands first
        import pyarrow.compute as pc

        table = table.filter(pc.equal(table.column("variant"), table.column("variant")[0])) if len(table) else table
    return dict(zip(table.column("id").to_pylist(), table.column("prediction"), strict=True))


def _examples(path: Any, ids: list[str]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    found: list[dict[str, Any]] = table.filter(pc.is_in(table.column("id"), pa.array(ids, pa.string()))).to_pylist()
    return found


def _with_texts(path: Any, examples: list[dict[str, Any]], said: dict[str, dict[str, Any]]) -> None:
    """What was found, as text: only ids are kept with the predictions. Judged by id, so an id stays in front."""
    wanted = {one for e in examples for one in e["gold"] or ()}
    wanted |= {answer[0] for found in said.values() for answer in found.values() if answer}
    texts = {row["id"]: f"{row['id']}: {row['text']}" for row in _examples(path, sorted(wanted))}
    for example in examples:
        example["texts"] = texts


def _shown(task: Task, example: dict[str, Any], answers: dict[str, dict[str, Any]], code: str) -> dict[str, Any]:
    said = {arm: found[example["id"]] for arm, found in answers.items()}
    fields, gold = _fields(task.form, example)
    return {
        "id": cut(example["id"]),
        "fields": [[name, cut(text)] for name, text in fields],
        "gold": cut(_text(gold)),
        "said": {arm: cut(_text(_named(task.form, example, answer))) for arm, answer in said.items()},
        "right": {arm: _right(task, example, answer, code) for arm, answer in said.items()},
    }


def _fields(form: str, example: dict[str, Any]) -> tuple[list[tuple[str, str]], Any]:
    """What the model saw, and what it should have said."""
    match form:
        case "pairs":
            return [("first", example["first"]), ("second", example["second"])], example["label"]
        case "choice":
            options = [(f"option {n}", text) for n, text in enumerate(example["options"])]
            asked = [("context", example["context"]), ("question", example["question"]), *options]
            return [(n, t) for n, t in asked if t], _named(form, example, example["label"])
        case "spans":
            start = (example["starts"] or [0])[0]
            return [("question", example["question"]), ("context", _around(example["context"], start))], example[
                "answers"
            ]
        case "tags":
            return [("words", " ".join(example["words"]))], " ".join(example["tags"] or [])
        case "similarity":
            return [("first", example["first"]), ("second", example["second"])], example["score"]
        case "retrieval":
            return [("query", example["text"])], [example["texts"].get(one, one) for one in example["gold"] or ()]
    return [("text", str(example.get("text", "")))], None


def _named(form: str, example: dict[str, Any], answer: Any) -> Any:
    if form == "retrieval":
        return example["texts"].get(answer[0], answer[0]) if answer else "nothing"
    if form == "choice" and isinstance(answer, int):
        return f"option {answer}"
    return " ".join(answer) if form == "tags" and answer is not None else answer


def _right(task: Task, example: dict[str, Any], answer: Any, code: str) -> bool | None:
    """Exactly right by the metric's own reading; None where gold is hidden or right is a matter of degree."""
    match task.form:
        case "pairs" | "choice":
            return None if example["label"] is None else bool(answer == example["label"])
        case "tags":
            return None if example["tags"] is None else bool(answer == example["tags"])
        case "spans":
            return _same_answer(task, example, answer, code)
        case "retrieval":
            return None if example["gold"] is None else answer[0] in example["gold"] if answer else not example["gold"]
    return None


def _same_answer(task: Task, example: dict[str, Any], answer: Any, code: str) -> bool | None:
    """As the exact match of the task counts: MLQA has rules for each language, the others have SQuAD's."""
    from waystage.metrics import MLQA_LANGUAGES, SQUAD, mlqa_rules

    if not example["answers"]:
        return None
    rules = mlqa_rules(code) if task.name == "mlqa" and code in MLQA_LANGUAGES else SQUAD
    said, *gold = rules.normalize([str(answer or ""), *example["answers"]])
    return said in gold


def _text(value: Any) -> str:
    if value is None:
        return ""
    return " · ".join(map(str, value)) if isinstance(value, list) else str(value)


def _around(text: str, start: int) -> str:
    """The part of a long context that holds the answer."""
    begin = max(0, min(start - LONG // 2, len(text) - LONG))
    return ("… " if begin else "") + text[begin:]


def cut(text: str) -> str:
    left = len(text) - LONG
    return text if left <= 0 else f"{text[:LONG]} … ({left:,} more characters)"
