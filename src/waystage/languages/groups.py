"""Named sets of languages: the benchmarks, the low-resource rule, what a model saw in pretraining."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from functools import cache

from waystage.errors import InputError, UnknownName
from waystage.languages.table import DATA, Language, all_languages, slug

# fmt: off
XTREME = frozenset({
    "af", "ar", "bg", "bn", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "he", "hi", "hu", "id", "it", "ja",
    "jv", "ka", "kk", "ko", "ml", "mr", "ms", "my", "nl", "pt", "ru", "sw", "ta", "te", "th", "tl", "tr", "ur", "vi",
    "yo", "zh",
})
# fmt: on
XTREME_R = XTREME | {"az", "gu", "ht", "lt", "pa", "pl", "qu", "ro", "uk", "wo"}
LOW_RESOURCE = "0-2"  # classes of Joshi et al. 2020, unless a study says otherwise
NAMED = ("all", "xtreme", "xtreme-r", "low-resource", "high-resource")

# What may stand before a colon, and the column it asks.
COLUMNS = {
    "family": "family",
    "genus": "genus",
    "script": "script",
    "order": "word_order",
    "adposition": "adposition",
    "adjective": "adjective_order",
    "morphology": "morphology",
}
PREFIXES = (*COLUMNS, "resource", "unseen")
CLASSES = re.compile(r"([0-5])(?:-([0-5]))?")


@cache
def pretraining() -> dict[str, frozenset[str]]:
    """Codes of the languages of this table that a model was pretrained on, by model."""
    raw = json.loads((DATA / "pretraining.json").read_text(encoding="utf-8"))
    return {model: frozenset(entry["languages"].split()) for model, entry in raw.items()}


@cache
def families() -> dict[str, str]:
    return {slug(one.family): one.family for one in all_languages()}


def having(prefix: str, value: str, where: str = "") -> frozenset[str]:
    """Codes with a property: `having("script", "Latn")`, `having("resource", "0-2")`, `having("unseen", "xlm-r")`.

    `where` is put behind an error message.
    """
    if prefix == "resource":
        if not (classes := CLASSES.fullmatch(value)):
            said = f"resource:{value} is no class from 0 to 5; write resource:2 or resource:0-2 {where}"
            raise InputError(said.strip())
        low, high = int(classes[1]), int(classes[2] or classes[1])
        return _where(lambda one: low <= one.resource <= high)
    if prefix == "unseen":
        seen = pretraining()[_choice("model with a known list of pretraining languages", value, pretraining(), where)]
        return _where(lambda one: one.code not in seen)
    column = COLUMNS[prefix]
    wanted = _choice(prefix, value, {getattr(one, column) for one in all_languages()}, where)
    return _where(lambda one: getattr(one, column) == wanted)


def _choice(kind: str, value: str, options: Collection[str], where: str) -> str:
    by_slug = {slug(option): option for option in options}
    if slug(value) not in by_slug:
        few = f"(one of {', '.join(sorted(options))}) " if len(options) <= 8 else ""
        raise UnknownName(kind, value, options, hint=few + where)
    return by_slug[slug(value)]


def _where(holds: Callable[[Language], bool]) -> frozenset[str]:
    return frozenset(one.code for one in all_languages() if holds(one))
