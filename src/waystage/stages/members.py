"""What a config says of a task, made into what training and prediction need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from waystage import forms, tasks
from waystage.errors import InputError, UnknownName
from waystage.forms import table
from waystage.forms.encoded import Encoded, Head
from waystage.graph import manifest
from waystage.sources.own import SCORES

if TYPE_CHECKING:
    import numpy as np

    from waystage.models.backbone import Backbone


BLOCK = 1 << 22  # tokens that are looked at together


@dataclass(frozen=True)
class Said:
    task: str
    form: ModuleType
    labels: tuple[str, ...]
    options: dict[str, Any]
    metric: str
    head_name: str

    @property
    def head(self) -> Head:
        head: Head = self.form.head(self.labels, self.options)
        return head

    def score(self, examples: list[Any], predictions: dict[str, Any], language: str) -> dict[str, float]:
        scores: dict[str, float] = self.form.score(
            examples, predictions, metric=self.metric, language=language, **self.options
        )
        return scores


def said(config: Mapping[str, Any], tokens: Path) -> Said:
    """`tokens` is the folder of training data, which knows the labels where the declaration leaves them to the data."""
    options = {k: v for k, v in (config.get("options") or {}).items() if k != "labels"}
    labels = tuple(config["labels"])
    if (config.get("options") or {}).get("labels") == "from train":
        labels = tuple(encoded(tokens)[0][1].facts["labels"])
    form = forms.get(config["form"])
    return Said(config["task"], form, labels, options, _metric(config), config.get("head") or config["task"])


def encoded(folder: Path) -> list[tuple[str, Encoded]]:
    """(language, its arrays), in the order of the codes."""
    return [(path.name, Encoded.load(path)) for path in sorted(folder.iterdir()) if (path / "ids.npy").exists()]


def examples(rows: Path, language: str, form: str) -> list[Any]:
    return table.read(rows / f"{language}.parquet", form)


def named(tokens: Path) -> Callable[[str, int], str]:
    """The id of the example in a row of a language, found beside the tokens in the store; elsewhere the row itself."""

    def name(language: str, row: int) -> str:
        said = f"{language}:{row}"
        if not (tokens / manifest.NAME).exists():
            return said
        rows = manifest.load(tokens / manifest.NAME)["stage"]["inputs"]["rows"]
        stages = [rows] if isinstance(rows, str) else rows  # several, where each has other languages
        files = [tokens.parents[1] / one[:2] / one / f"{language}.parquet" for one in stages]
        return next((f"{said} ({table.ids(file)[row]})" for file in files if file.exists()), said)

    return name


def fitting(
    backbone: Backbone, task: str, languages: Iterable[tuple[str, Encoded]], *, running_text: bool = False
) -> None:  # fmt: skip
    """Refuse what a model has no positions or no embeddings for, before torch stumbles over it."""
    import numpy as np

    for language, arrays in languages:
        longest = int(np.diff(arrays.sequences).max(initial=0))
        if backbone.longest is not None and longest > backbone.longest:
            raise InputError(
                f"task {task!r} has a sequence of {longest} tokens in {language!r}, but the model has positions for "
                f"{backbone.longest} only. Set max_length in the recipe to at most {backbone.longest}"
            )
        # Running text may be longer than anybody wants to read before the first step: its beginning will do.
        read = min(len(arrays.ids), BLOCK) if running_text else len(arrays.ids)
        largest = max((int(arrays.ids[first : first + BLOCK].max()) for first in range(0, read, BLOCK)), default=0)
        if largest >= backbone.embedding.num_embeddings:
            raise InputError(
                f"task {task!r} has the token {largest} in {language!r}, but the model has embeddings for "
                f"{backbone.embedding.num_embeddings} only. Its tokenizer.json belongs to another model"
            )


def headline(scores: Mapping[str, float], metric: str) -> float:
    """One number, higher is better."""
    value = scores.get(metric, next(iter(scores.values())))
    return -value if metric == "loss" else value


def found_again(vectors: np.ndarray, answers: np.ndarray) -> float:
    """Percent of pairs whose second text is the nearest to the first, among the second texts of all pairs."""
    import numpy as np

    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    nearest = (unit[0::2] @ unit[1::2].T).argmax(axis=1)
    return 100 * float(np.mean(np.asarray(answers)[nearest] == answers))


def _metric(config: Mapping[str, Any]) -> str:
    if config.get("metric"):
        return str(config["metric"])
    if config["form"] == "masked":
        return "loss"
    try:
        return tasks.get(config["task"]).metric
    except UnknownName:
        return SCORES.get(config["form"], ("",))[0]  # a task of the user's own; other forms have one score
