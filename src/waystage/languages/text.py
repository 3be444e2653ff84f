"""How much text of each language a model was pretrained on, where that was published."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from waystage.languages.table import read_data

# Beginnings of hub names (without the organisation) of models whose papers say CC-100 as XLM-R's paper lists it.
CC100 = ("xlm-roberta", "mdeberta-v3")


@cache
def cc100() -> dict[str, float]:
    """GiB of text by code. Sizes and not token counts: those split at blanks, so Chinese has 0.4 billion in 64 GiB."""
    return {row["code"]: float(row["gib"]) for row in read_data("cc100.tsv")}


def pretraining_text(model: str) -> Mapping[str, float] | None:
    """GiB by language; None where nothing is published for this model. A language that is absent was not seen."""
    return cc100() if model.rsplit("/", 1)[-1].startswith(CC100) else None
