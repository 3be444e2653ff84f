"""Derive the shipped language tables from the raw typology folder and the hand-written file beside this script.

    python tools/build_languages.py ../shared/data/typology

The folder holds lang2vec/feature_averages.npz, glottolog/languages.csv, linguameta/linguameta.tsv and
language_metadata/data.tsv as published. A filled cell of `languages_by_hand.tsv` always wins over a derived one; an
empty cell there means "derive it". Running the script twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BY_HAND = ROOT / "tools" / "languages_by_hand.tsv"
DATA = ROOT / "src" / "waystage" / "languages" / "data"
PAGE = ROOT / "docs" / "languages.md"
BEGIN, END = "<!-- coverage: begin (tools/build_languages.py) -->", "<!-- coverage: end -->"

COLUMNS = (
    "code", "iso3", "aliases", "name", "family", "genus", "glottocode", "script", "word_order", "adposition",
    "adjective_order", "morphology", "resource", "speakers", "by_hand",
)  # fmt: skip
ORDERS = ("SOV", "SVO", "VSO", "VOS", "OVS", "OSV")
ADPOSITIONS = {"pre": "S_ADPOSITION_BEFORE_NOUN", "post": "S_ADPOSITION_AFTER_NOUN"}
ADJECTIVES = {"AN": "S_ADJECTIVE_BEFORE_NOUN", "NA": "S_ADJECTIVE_AFTER_NOUN"}

Row = dict[str, str]


def rows(path: Path, delimiter: str) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as lines:
        return [{k: v or "" for k, v in row.items()} for row in csv.DictReader(lines, delimiter=delimiter)]


class Uriel:
    """Observed syntax features by code; a missing value is -1, as published."""

    def __init__(self, path: Path):
        raw = np.load(path)
        names = [str(f) for f in raw["feats"]]
        syntax = [i for i, f in enumerate(names) if f.startswith("S_")]
        self.features = [names[i] for i in syntax]
        self.by_code = dict(zip((str(c) for c in raw["langs"]), raw["data"][:, syntax, 0], strict=True))

    def observed(self, code: str) -> int:
        return int((self.by_code[code] >= 0).sum()) if code in self.by_code else 0

    def best(self, candidates: Sequence[str]) -> str:
        """The first candidate (the language itself) if half of its features are known, otherwise the best known.

        A code for a group averages over its members: the one for Arabic mixes Cairo with the written standard. So the
        group stands in only where the language itself is poorly described.
        """
        if 2 * self.observed(candidates[0]) >= len(self.features):
            return candidates[0]
        return max(candidates, key=self.observed)

    def value(self, code: str, feature: str) -> float | None:
        vector = self.by_code.get(code)
        if vector is None or vector[self.features.index(feature)] < 0:
            return None
        return float(vector[self.features.index(feature)])

    def strongest(self, code: str, options: dict[str, str]) -> str:
        """The option with the single highest value, 'none' if all are observed absent, '' if unknown or tied."""
        seen = {name: value for name, f in options.items() if (value := self.value(code, f)) is not None}
        if not seen:
            return ""
        top = max(seen.values())
        winners = [name for name, value in seen.items() if value == top]
        if top == 0:
            return "none" if len(seen) == len(options) else ""
        return winners[0] if len(winners) == 1 and top >= 0.5 else ""


class Registers:
    """Glottolog for family and glottocode; LinguaMeta and language_metadata for codes and speakers."""

    def __init__(self, folder: Path):
        glottolog = rows(folder / "glottolog" / "languages.csv", ",")
        self.languoid = {row["Glottocode"]: row for row in glottolog}
        self.by_iso3 = {row["ISO639P3code"]: row for row in glottolog if row["ISO639P3code"]}
        meta = rows(folder / "linguameta" / "linguameta.tsv", "\t")
        self.meta = {row["bcp_47_code"]: row for row in meta}
        self.meta_iso3 = {row["iso_639_3_code"]: row for row in meta}
        self.crowd = {row["ISO 639 code"]: row for row in rows(folder / "language_metadata" / "data.tsv", "\t")}

    def glottocode(self, iso3: str) -> str:
        return self.by_iso3[iso3]["Glottocode"]

    def family(self, glottocode: str) -> str:
        languoid = self.languoid[glottocode]
        return self.languoid[languoid["Family_ID"] or glottocode]["Name"]

    def speakers(self, codes: Iterable[str]) -> str:
        for code in codes:
            for row in (self.meta.get(code), self.meta_iso3.get(code)):
                if row and row["estimated_number_of_speakers"]:
                    return row["estimated_number_of_speakers"]
        for code in codes:
            said = self.crowd.get(code, {}).get("Number of speakers (rounded)", "")
            if said.isdigit():
                return said
        return ""

    def codes(self, code: str, iso3: str) -> list[str]:
        """Other codes of one language: ISO 639-3 of the code and of the language itself, 639-2/B, withdrawn ones."""
        own = self.meta.get(code, {})
        mine = [
            own.get("iso_639_3_code", ""),
            iso3,
            own.get("iso_639_2b_code", ""),
            own.get("deprecated_bcp_47_code", ""),
        ]
        return [c for c in dict.fromkeys(mine) if c]


def build(folder: Path) -> tuple[list[Row], list[tuple[str, str, list[str]]], Uriel]:
    uriel, registers = Uriel(folder / "lang2vec" / "feature_averages.npz"), Registers(folder)
    languages, typology = [], []
    for hand in sorted(rows(BY_HAND, "\t"), key=lambda row: row["code"]):
        code, iso3, script = hand["code"], hand["iso3"], hand["script"]
        own, other = registers.codes(code, iso3), list(filter(None, hand["aliases"].split(";")))
        source = uriel.best([iso3, *own, *other, *hand["uriel"].split()])
        orders = {
            "word_order": uriel.strongest(source, {o: f"S_{o}" for o in ORDERS}),
            "adposition": uriel.strongest(source, ADPOSITIONS),
            "adjective_order": uriel.strongest(source, ADJECTIVES),
        }
        glottocode = hand["glottocode"] or registers.glottocode(iso3)
        aliases = [*own, *(f"{c}_{script}" for c in own[:2] if len(c) == 3), *other]
        languages.append(
            {
                **{key: hand[key] for key in ("code", "iso3", "name", "genus", "script", "morphology", "resource")},
                **{key: hand[key] or value for key, value in orders.items()},
                "aliases": ";".join(a for a in dict.fromkeys(aliases) if a not in (code, hand["name"])),
                "family": registers.family(glottocode),
                "glottocode": glottocode,
                "speakers": registers.speakers([code, iso3, *own, *other]),
                "by_hand": ";".join(["genus", "script", "morphology", "resource", *(k for k in orders if hand[k])]),
            }
        )
        if uriel.observed(source):
            typology.append((code, source, ["" if v < 0 else f"{v:g}" for v in uriel.by_code[source]]))
        else:
            typology.append((code, "", [""] * len(uriel.features)))
    return languages, typology, uriel


def write(path: Path, header: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(lines)


def coverage_table(typology: list[tuple[str, str, list[str]]], codes: Iterable[str]) -> str:
    observed = {code: (source, sum(v != "" for v in values), len(values)) for code, source, values in typology}
    cells = [
        f"| {code} | {source or '-'} | {n} | {n / total:.2f} |"
        for code, (source, n, total) in ((c, observed[c]) for c in codes)
    ]
    return "\n".join(["| code | URIEL code | features observed | share of 103 |", "|---|---|---|---|", *cells])


def put_into_page(table: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    head, rest = page.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n{table}\n{END}{rest.split(END)[1]}", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="the raw typology folder")
    folder = parser.parse_args(arguments).folder
    languages, typology, uriel = build(folder)
    write(DATA / "languages.tsv", COLUMNS, ([row[c] for c in COLUMNS] for row in languages))
    write(DATA / "typology.tsv", ("code", "uriel", *uriel.features),
          ((code, source, *values) for code, source, values in typology))  # fmt: skip
    sys.path.insert(0, str(ROOT / "src"))
    from waystage.languages import select  # reads the tables just written

    put_into_page(coverage_table(typology, select("xtreme-r")))
    empty = {row["code"]: [c for c in COLUMNS if c not in ("speakers", "aliases") and not row[c]] for row in languages}
    print(f"{len(languages)} languages; cells without a value: { {c: e for c, e in empty.items() if e} or 'none' }")
    return 0


if __name__ == "__main__":
    sys.exit(main())
