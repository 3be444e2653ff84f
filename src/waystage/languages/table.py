"""The language table: one row per language, read when first asked for."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from waystage.errors import UnknownName

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Language:
    """Facts about one language; `docs/languages.md` says where each comes from and which are set by hand."""

    code: str  # as XTREME writes it, otherwise ISO 639-1, otherwise ISO 639-3
    iso3: str
    aliases: tuple[str, ...]
    name: str
    family: str  # Glottolog; an isolate is its own family
    genus: str
    glottocode: str
    script: str  # ISO 15924, of the text in the benchmarks
    word_order: str  # SOV SVO VSO VOS OVS OSV, or none: no dominant order
    adposition: str  # pre, post, or none: no dominant order, or no adpositions
    adjective_order: str  # AN or NA
    morphology: str  # isolating agglutinative fusional introflexive polysynthetic
    resource: int  # Joshi et al. 2020, class 0 (least) to 5
    speakers: int | None


def read_data(name: str) -> Iterator[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, delimiter="\t")


@cache
def all_languages() -> tuple[Language, ...]:
    """Every language known, in the order of the table: by code."""
    return tuple(_language(row) for row in read_data("languages.tsv"))


def _language(row: dict[str, str]) -> Language:
    return Language(
        code=row["code"],
        iso3=row["iso3"],
        aliases=tuple(row["aliases"].split(";")),
        name=row["name"],
        family=row["family"],
        genus=row["genus"],
        glottocode=row["glottocode"],
        script=row["script"],
        word_order=row["word_order"],
        adposition=row["adposition"],
        adjective_order=row["adjective_order"],
        morphology=row["morphology"],
        resource=int(row["resource"]),
        speakers=int(row["speakers"]) if row["speakers"] else None,
    )


def slug(text: str) -> str:
    """How names are compared: `Haitian Creole`, `haitian_creole` and `haitian-creole` are one, `zho_CN` is `zho-cn`."""
    return text.strip().lower().replace("_", "-").replace(" ", "-")


@cache
def by_alias() -> dict[str, Language]:
    return {slug(said): one for one in all_languages() for said in (one.code, one.name, *one.aliases)}


def get(code: str) -> Language:
    """The language of a code, alias or English name, whatever the case: `tl`, `fil`, `tgl_Latn`, `Tagalog`."""
    found = by_alias().get(slug(code))
    if found is None:
        known = [said for one in all_languages() for said in (one.code, one.name, *one.aliases)]
        raise UnknownName("language", code, known, hint="Type `waystage list languages` to see them.")
    return found


def resolve(code: str) -> str:
    """The one code that Waystage uses for a language: `cmn`, `zho-CN` and `Chinese` give `zh`."""
    return get(code).code


def name(code: str) -> str:
    return get(code).name
