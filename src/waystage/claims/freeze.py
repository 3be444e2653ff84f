"""What was decided before looking: hashes of questions, margins, what is analysed, and claims, with the day.

`STUDY.frozen` stands beside the study file and only grows: a question that is added or changed later gets an entry of
its own with its own day and with how many evaluations had been scored by then. It is a dated note, not a seal: commit
it, and whoever reads the repository can check the day.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from waystage.claims.read import SHIPPED
from waystage.errors import StudyError
from waystage.graph.files import sha256, write_text
from waystage.results import Results

# What of a study decides which numbers an answer is made of; the arms themselves are among it.
SCOPE = (
    "models", "targets", "languages", "seeds", "intermediate_seeds", "source_languages", "evaluate_on", "low_resource",
    "intermediate", "recipe", "translator", "attention", "task",
)  # fmt: skip


@dataclass(frozen=True)
class Entry:
    what: str  # "question", "scope" or "claims"
    hash: str
    said: str  # in words, for people
    on: str  # UTC
    scored: int  # evaluations of the study that had been scored by then
    of: int

    def words(self, first_score: str) -> str:
        day = self.on[:10]
        if self.scored:
            return f"made afterwards: frozen {day}, when {self.scored} of {self.of} evaluations had been scored"
        if first_score and first_score < self.on:
            return f"made afterwards: frozen {day}, and the first score is older"
        return f"frozen {day}, before any score"


def beside(study: Path) -> Path:
    return study.with_suffix(".frozen")


def freeze(results: Results, path: Path, claims: Path = SHIPPED) -> list[Entry]:
    """Write down what is not written yet; what is new is given back."""
    before = read(path)
    known = {(entry.what, entry.hash) for entry in before}
    now, (scored, of) = datetime.now(UTC).isoformat(timespec="seconds"), results.done
    wanted = [("scope", _scope(results), ", ".join(SCOPE)), ("claims", sha256(claims), claims.name)]
    wanted += [("question", _hash(q), q.ask or " against ".join(q.compare)) for q in results.study.question]
    new = [Entry(what, mark, said, now, scored, of) for what, mark, said in wanted if (what, mark) not in known]
    if new:
        import tomli_w

        head = "# Written by `waystage freeze`: what was decided before looking. It only grows; keep it.\n"
        text = head + tomli_w.dumps({"frozen": [asdict(entry) for entry in [*before, *new]]})
        write_text(path, text)
    return new


def read(path: Path) -> list[Entry]:
    """Nothing where nothing has been frozen."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        return [Entry(**entry) for entry in values.get("frozen", [])]
    except FileNotFoundError:
        return []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, TypeError) as error:
        raise StudyError([f"is damaged ({error}): restore it from your history; it is written once"], path) from None


def states(results: Results) -> list[str]:
    """For each question of the study: frozen before any score, or made afterwards. Empty texts in a rehearsal."""
    questions = results.study.question
    entries = read(beside(Path(results.path))) if results.path and not results.rehearsal else []
    if not entries:
        return ["" if results.rehearsal else "not frozen: `waystage freeze STUDY` writes questions down beforehand"
                for _ in questions]  # fmt: skip
    first, scope = _first_score(results), _find(entries, "scope", _scope(results))
    found = []
    for question in questions:
        entry = _find(entries, "question", _hash(question))
        if entry is None:
            found.append("made afterwards: this question is not among those that were frozen")
        else:
            found.append(_both(entry, scope, first))
    return found


def claims_state(results: Results, study: str | Path, claims: Path = SHIPPED) -> str:
    """The same of a file of claims: their tolerances are margins too. An empty text in a rehearsal."""
    if results.rehearsal:
        return ""
    entries = read(beside(Path(study))) if study else []
    if not entries:
        return "not frozen: `waystage freeze STUDY` writes the claims down beforehand"
    entry, scope = (_find(entries, *one) for one in (("claims", sha256(claims)), ("scope", _scope(results))))
    if entry is None:
        return "made afterwards: this file of claims is not the one that was frozen"
    return _both(entry, scope, _first_score(results))


def withdrawn(results: Results) -> list[str]:
    """Questions that were frozen and are no longer asked: what came out of them must not go unsaid."""
    if results.rehearsal or not results.path:
        return []
    asked = {_hash(question) for question in results.study.question}
    entries = read(beside(Path(results.path)))
    return [entry.said for entry in entries if entry.what == "question" and entry.hash not in asked]


def _both(entry: Entry, scope: Entry | None, first: str) -> str:
    """Of what was decided and of what it is decided about: the later of the two days."""
    if scope is None:
        return f"{entry.words(first)}; what is analysed was changed since (arms, targets, languages, seeds)"
    return max(entry, scope, key=lambda one: one.on).words(first)


def _find(entries: list[Entry], what: str, mark: str) -> Entry | None:
    return next((entry for entry in entries if (entry.what, entry.hash) == (what, mark)), None)


def _hash(question: Any) -> str:
    """Of everything but the wording."""
    return _of(question.model_dump(mode="json", exclude={"ask"}, exclude_defaults=True))


def _scope(results: Results) -> str:
    said = results.study.model_dump(mode="json", include=set(SCOPE), exclude_defaults=True)
    own = {
        name: {key: value for key, value in task.items() if key != "files"}
        for name, task in said.pop("task", {}).items()
    }
    return _of(said | ({"task": own} if own else {}))  # where the files of a task lie decides nothing


def _of(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _first_score(results: Results) -> str:
    """When the oldest evaluation of the study was finished."""
    there = {cell.evaluate.fingerprint for cell in results.plan.cells if results.store.has(cell.evaluate.fingerprint)}
    return min((results.store.manifest(one)["finished"] for one in there), default="")
