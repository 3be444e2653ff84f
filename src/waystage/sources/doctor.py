"""What a person should know about data before a model sees it: lengths, labels, repetitions, leaks, wrong offsets.

Everything comes back as plain dictionaries, for `waystage check` and `waystage show`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from waystage import sources
from waystage.errors import DataError
from waystage.forms.examples import Choice, Example, Pair, Passage, Similar, Span, Tags, Text
from waystage.sources.notes import Notes
from waystage.tasks.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from tokenizers import Tokenizer

    from waystage.forms.encoded import Encoded

SAMPLE = 2_000  # examples that are made into pieces
SHOWN = 10
ROOM = 10**7  # pieces: nothing is cut
SEEN = 3  # examples that a person should look at as the model sees them
TRAINED = ("train", "fit")
Where = tuple[str, str, str]  # task, split, language


def examine(
    task: Task,
    source: str,
    *,
    splits: Sequence[str] = (),
    languages: Sequence[str] = (),
    tokenizer: Tokenizer | None = None,
    max_length: int | None = None,
    limit: int | None = None,
    prints: dict[Where, Prints] | None = None,
    lock: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Every split and language of a task that the source has. What is missing is listed, not raised.

    `prints` collects fingerprints over several tasks, for `leaks`; otherwise those of this task are compared.
    """
    found: dict[str, Any] = {"task": task.name, "form": task.form, **licence(task), "splits": {}, "missing": []}
    mine: dict[Where, Prints] = {}
    for split in splits or task.splits:
        for language in languages or _languages(task, split):
            try:
                identity = sources.identify(task, source, split, (language,), lock=lock)
                notes = Notes()
                place = sources.places(task, source)
                examples = list(sources.read(task, identity, split, language, place=place, notes=notes, limit=limit))
            except DataError as error:
                found["missing"].append({"split": split, "language": language, "why": str(error)})
                continue
            page = describe(examples)
            page |= notes.as_dict()
            if tokenizer and examples:
                page["pieces"] = pieces(task, examples, tokenizer, max_length or task.max_length)
                if "seen" not in found:
                    found["seen"] = seen(task, examples[:SEEN], tokenizer, max_length)[:SEEN]
            found["splits"].setdefault(split, {})[language] = page
            mine[task.name, split, language] = prints_of(examples)
    found["leaks"] = leaks(mine)
    if prints is not None:
        prints |= mine
    return found


def licence(task: Task) -> dict[str, Any]:
    """What a page about a task must say of its licence."""
    return {"licence": task.licence, "non_commercial": task.non_commercial, "redistributable": task.redistributable}


def leaks(prints: Mapping[Where, Prints], before: Sequence[str] = TRAINED) -> list[dict[str, Any]]:
    """What of an evaluated split is also in one that was seen before, of the same language and whatever task."""
    trained = {where: each for where, each in prints.items() if where[1] in before}
    return [
        {"language": language, "of": f"{task} {split}", "in": f"{other} {theirs}", **leak}
        for (task, split, language), evaluated in prints.items()
        if split not in TRAINED
        for (other, theirs, same), known in trained.items()
        if same == language and (task, split) != (other, theirs) and (leak := shared(evaluated, known))
    ]


def _languages(task: Task, split: str) -> tuple[str, ...]:
    return task.train_languages if split in ("train", "fit", "held") else task.languages


def describe(examples: Sequence[Example]) -> dict[str, Any]:
    """Lengths, labels, repetitions and empty fields of some examples."""
    characters = sorted(len(text) for example in examples for text in (" ".join(texts(example)),))
    labels: Counter[str] = Counter()
    empty: Counter[str] = Counter()
    for example in examples:
        labels.update(_labels(example))
        for name in _TEXT_FIELDS.get(type(example), ()):
            value = getattr(example, name)
            for text in (value,) if isinstance(value, str) else value:
                empty[name] += not text.strip()
    found: dict[str, Any] = {
        "examples": len(examples),
        "characters": _spread(characters),
        "duplicates": duplicates(examples),
        "empty": {name: count for name, count in sorted(empty.items()) if count},
    }
    if labels:
        total = sum(labels.values())
        found["labels"] = {label: {"count": n, "share": n / total} for label, n in labels.most_common()}
    if any(isinstance(example, Span) for example in examples):
        wrong = [e.id for e in examples if isinstance(e, Span) and not offsets_are_right(e)]
        found["wrong offsets"] = {"count": len(wrong), "first": wrong[:SHOWN]}
    return found


def remarks(page: Mapping[str, Any]) -> str:
    """What was left out of a split and what is odd about it, in a few words."""
    said = []
    for reason, what in page.get("excluded", {}).items():
        said.append(f"{what['count'] if isinstance(what, dict) else what} {reason}")
    if kept := page.get("kept"):
        said += [f"{what['count']} {reason}" for reason, what in kept.items()]
    else:
        wrong = page.get("wrong offsets", {}).get("count", 0)
        said += [f"{wrong} wrong offsets"] if wrong else []
        said += [f"{count} empty {field}" for field, count in page.get("empty", {}).items()]
    return ", ".join(said)


def balance(page: Mapping[str, Any], most: int = 4) -> str:
    """The shares of the most frequent labels, in a few words."""
    return ", ".join(f"{label} {each['share']:.0%}" for label, each in [*page.get("labels", {}).items()][:most])


def leak_in_words(leak: Mapping[str, Any]) -> str:
    kinds = {"whole": "examples", "passage": "passages"}
    said = [f"{name} {leak[k]['count']} ({leak[k]['share']:.0%})" for k, name in kinds.items() if k in leak]
    first = next(leak[k]["first"][0] for k in kinds if k in leak)
    return f"{leak['of']} in {leak['language']} is partly in {leak['in']}: {', '.join(said)}, such as {first!r}"


_TEXT_FIELDS: dict[type[Example], tuple[str, ...]] = {
    Pair: ("first",), Choice: ("context", "options"), Span: ("context", "question"), Tags: ("words",),
    Similar: ("first", "second"), Passage: ("text",), Text: ("text",),
}  # fmt: skip


def offsets_are_right(example: Span) -> bool:
    pairs = zip(example.answers, example.starts, strict=True)
    return all(start >= 0 and example.context.startswith(answer, start) for answer, start in pairs)


def texts(example: Example) -> tuple[str, ...]:
    """What a model reads of an example."""
    match example:
        case Pair() | Similar():
            return (example.first, example.second)
        case Choice():
            return (example.context, example.question, *example.options)
        case Span():
            return (example.question, example.context)
        case Tags():
            return (" ".join(example.words),)
        case Passage() | Text():
            return (example.text,)
    raise AssertionError(f"no form has examples of the kind {type(example).__name__}")


def _labels(example: Example) -> Iterable[str]:
    match example:
        case Pair() | Choice():
            return [] if example.label is None else [str(example.label)]
        case Tags():
            return example.tags or []
        case Span():
            return [{True: "answerable", False: "unanswerable", None: "hidden"}[example.answerable]]
        case Similar():
            return [] if example.score is None else [str(round(example.score))]
    return []


def _spread(ordered: Sequence[int]) -> dict[str, float]:
    if not ordered:
        return {}
    last = len(ordered) - 1
    picks = {"least": 0, "median": last // 2, "95 %": round(last * 0.95), "most": last}
    return {"mean": sum(ordered) / len(ordered), **{name: ordered[at] for name, at in picks.items()}}


# -- the same text twice -----------------------------------------------------------------------------------------------


class _Unsaid(dict[int, int]):
    """Punctuation, symbols, and what is not seen become spaces; looked up once per character."""

    def __missing__(self, code: int) -> int:
        self[code] = found = 32 if unicodedata.category(chr(code))[0] in "PCS" else code
        return found


_UNSAID = _Unsaid()


@lru_cache(maxsize=1024)  # the questions of one passage come one after the other
def normal(text: str) -> str:
    """A text without what is not seen or not said: form, case, punctuation, spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().translate(_UNSAID).split())


def _print(parts: Iterable[str]) -> bytes:
    said = "\n".join(normal(part) or part.strip() for part in parts)  # signs alone are all that such a text says
    return hashlib.blake2b(said.encode(errors="surrogatepass"), digest_size=8).digest()


@dataclasses.dataclass(frozen=True)
class Prints:
    """Fingerprints of whole examples, and of the long text inside them that several examples share."""

    whole: Mapping[bytes, str]  # fingerprint -> id
    passage: Mapping[bytes, str]


def prints_of(examples: Iterable[Example]) -> Prints:
    whole: dict[bytes, str] = {}
    passage: dict[bytes, str] = {}
    for example in examples:
        whole.setdefault(_print(texts(example)), example.id)
        if isinstance(example, Span):
            passage.setdefault(_print([example.context]), example.id)
        elif isinstance(example, Pair | Choice):
            text = example.first if isinstance(example, Pair) else example.context
            if text.strip():  # an empty text is no passage that two tasks share
                passage.setdefault(_print([text]), example.id)
    return Prints(whole, passage)


def shared(evaluated: Prints, trained: Prints) -> dict[str, Any]:
    """Evaluated examples, and their passages, that are also trained on. Empty where there are none."""
    found: dict[str, Any] = {}
    for name in ("whole", "passage"):
        ours, theirs = getattr(evaluated, name), getattr(trained, name)
        common = [ours[fingerprint] for fingerprint in ours if fingerprint in theirs]
        if common:
            found[name] = {"count": len(common), "share": len(common) / len(ours), "first": common[:SHOWN]}
    return found


def leakage(evaluated: Iterable[Example], trained: Iterable[Example]) -> dict[str, Any]:
    """Also between two tasks, such as XQuAD's English passages in the training set of SQuAD 2.0."""
    return shared(prints_of(evaluated), prints_of(trained))


def duplicates(examples: Iterable[Example]) -> int:
    """Examples that say the same as an earlier one."""
    seen: set[bytes] = set()
    again = 0
    for example in examples:
        fingerprint = _print(texts(example))
        again += fingerprint in seen
        seen.add(fingerprint)
    return again


# -- what the model sees -----------------------------------------------------------------------------------------------


def pieces(task: Task, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int) -> dict[str, Any]:
    """Lengths in pieces and what is cut off, of the first examples."""
    some = examples[:SAMPLE]
    encoded = _encoded(task, some, tokenizer, max_length)
    read = " ".join(text for example in some for text in texts(example))
    tokens = sum(len(e) for e in tokenizer.encode_batch([t for e in some for t in texts(e)], add_special_tokens=False))
    return {
        "examples": len(some),
        "per unit": _spread(sorted(int(length) for length in encoded.lengths)),
        "cut or in windows": _cut(task, some, tokenizer, encoded) / len(some),
        "per word": tokens / max(1, len(read.split())),
        "per character": tokens / max(1, len(read)),
        "max_length": max_length,
    }


def _cut(task: Task, examples: Sequence[Example], tokenizer: Tokenizer, encoded: Encoded) -> int:
    """How many examples are not read whole and in one piece: their sequences are others where there is room for all."""
    if task.form == "masked":  # running text is laid end to end and cut anywhere
        return 0
    cut, whole = (_sizes(one, len(examples)) for one in (encoded, _encoded(task, examples, tokenizer, ROOM)))
    return int((cut != whole).any(axis=1).sum())


def _sizes(encoded: Encoded, examples: int) -> NDArray[np.int64]:
    """The number of sequences and of tokens of each example."""
    import numpy as np

    of = np.repeat(encoded.example, np.diff(encoded.units))
    found: NDArray[np.int64] = np.zeros((examples, 2), np.int64)
    np.add.at(found, of, np.stack([np.ones(len(of), np.int64), np.diff(encoded.sequences.astype(np.int64))], axis=1))
    return found


def seen(task: Task, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int | None = None) -> list[str]:
    """The first sequences of some examples, back from tokens to text: what the model sees."""
    encoded = _encoded(task, examples, tokenizer, max_length or task.max_length)
    starts = encoded.sequences
    firsts = dict[int, int]()
    for unit, example in enumerate(encoded.example):
        firsts.setdefault(int(example), int(encoded.units[unit]))
    return [
        tokenizer.decode([int(i) for i in encoded.ids[starts[s] : starts[s + 1]]], skip_special_tokens=False)
        for s in firsts.values()
    ]


def _encoded(task: Task, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int) -> Encoded:
    from waystage import forms

    form = forms.get(task.form)
    encoded: Encoded = form.encode(examples, tokenizer, labels=task.labels, max_length=max_length, **task.options)
    return encoded
