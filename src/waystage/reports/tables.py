"""The tables of a report, once for all formats. A rehearsal's tables say so in the caption and in every row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from waystage.reports import numbers
from waystage.reports.numbers import counted


@dataclass(frozen=True)
class Column:
    name: str
    kind: str = "text"  # a key of numbers.FORMATS


@dataclass(frozen=True)
class Table:
    name: str  # of the file, and the anchor
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    def texts(self) -> list[list[str]]:
        return [
            [numbers.written(value, column.kind) for value, column in zip(row, self.columns, strict=True)]
            for row in self.rows
        ]


def tables(content: dict[str, Any], *, long: bool = False) -> list[Table]:
    """Those that have rows; `long` adds the scores themselves and the stages."""
    made = [
        answers(content),
        decomposition(content),
        claims(content),
        gains(content),
        marks(content),
        best(content),
        by_language(content),
        gaps(content),
        transfer(content),
        variants(content),
        costs(content),
        data(content),
        versions(content),
        missing(content),
        failed(content),
        left_out(content),
        licences(content),
    ]
    if long:
        made += [scores(content), stages(content)]
    return [marked(table, content) for table in made if table.rows]


def marked(table: Table, content: dict[str, Any]) -> Table:
    note = content["note"]
    if not note:
        return table
    if any(column.name == "note" for column in table.columns):
        return Table(table.name, f"{table.caption} ({note})", table.columns, table.rows)
    rows = tuple((*row, note) for row in table.rows)
    return Table(table.name, f"{table.caption} ({note})", (*table.columns, Column("note")), rows)


def shown(content: dict[str, Any]) -> dict[str, str]:
    """How a code is written: `sw*` in a rehearsal. A source language need not be evaluated itself."""
    star = "*" if content["rehearsal"] else ""
    sources = {code: f"{code}{star}" for code in content["study"]["source_languages"]}
    return sources | {language["code"]: language["shown"] for language in content["languages"]}


def several(content: dict[str, Any]) -> list[Column]:
    """Columns that matter only where a study has several models or source languages."""
    study = content["study"]
    found = [Column("model")] if len(study["models"]) > 1 else []
    return found + ([Column("source_language")] if len(study["source_languages"]) > 1 else [])


def head(row: dict[str, Any], extra: list[Column], codes: dict[str, str]) -> list[Any]:
    """The values of these columns."""
    return [codes.get(row[c.name], row[c.name]) if c.name == "source_language" else row[c.name] for c in extra]


def answers(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (
            a["number"], a["ask"], *head(a, extra, codes), f"{a['a']} against {a['b']}", a["interval"]["estimate"],
            a["interval"]["low"], a["interval"]["high"], len(a["seeds"]), a["p_holm"], a["verdict"]["word"],
        )
        for a in content["answers"]
        if a["answered"]
    ]  # fmt: skip
    columns = (
        Column("question", "many"), Column("ask"), *extra, Column("compared"), Column("difference", "gain"),
        Column("low", "gain"), Column("high", "gain"), Column("seeds", "many"), Column("p after Holm", "p"),
        Column("verdict"),
    )  # fmt: skip
    return Table("answers", "Answers: difference in points, 95 % interval over seeds", columns, tuple(rows))


def decomposition(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (
            a["number"], *head(a, extra, codes), line["what"], line["metric"], len(line["languages"]), line["a"],
            line["b"], line["interval"]["estimate"], line["interval"]["low"], line["interval"]["high"],
            line["verdict"]["word"], line.get("share"),
        )
        for a in content["answers"]
        if a["answered"]
        for line in (*a["targets"], *a["variants"], *a["items"])
    ]  # fmt: skip
    columns = (
        Column("question", "many"), *extra, Column("part"), Column("metric"), Column("languages", "many"),
        Column("first", "score"), Column("second", "score"), Column("difference", "gain"), Column("low", "gain"),
        Column("high", "gain"), Column("verdict"), Column("share", "share"),
    )  # fmt: skip
    return Table("answers_by_target", "Where each answer comes from", columns, tuple(rows))


def claims(content: dict[str, Any]) -> Table:
    """Those with something to read; what a study cannot say anything about would bury them."""
    extra, codes = several(content), shown(content)
    rows = [
        (
            c["id"], c["text"], *head(c, extra, codes), c["published"], c["measured"], c["low"], c["high"], c["seeds"],
            c["word"], c["why"],
        )
        for c in content["claims"]
        if c["tested"]
    ]  # fmt: skip
    columns = (
        Column("claim"), Column("text"), *extra, Column("published", "score"), Column("measured", "gain"),
        Column("low", "gain"), Column("high", "gain"), Column("seeds", "many"), Column("verdict"), Column("why"),
    )  # fmt: skip
    return Table("claims", "Published claims, and what this study says of them", columns, tuple(rows))


def gains(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (
            *head(g, extra, codes), g["intermediate"], g["target"], g["metric"], g["score"], g["baseline_score"],
            g["gain"], g["low"], g["high"], g["n"], g["q"], "*" if g["star"] else "", g["pooled"],
        )
        for g in content["gains"]["rows"]
    ]  # fmt: skip
    columns = (
        *extra, Column("arm"), Column("target"), Column("metric"), Column("score", "score"),
        Column(f"score of {content['gains']['baseline']}", "score"), Column("gain", "gain"), Column("low", "gain"),
        Column("high", "gain"), Column("seeds", "many"), Column("q", "p"), Column("star"), Column("pooled", "gain"),
    )  # fmt: skip
    caption = (
        f"Gain over {content['gains']['baseline']} in points, averaged over languages, 95 % interval over seeds; "
        "* false discovery rate at most 5 % over the table; pooled: drawn towards the effects of arm and target"
    )
    return Table("gains", caption, columns, tuple(rows))


def best(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (
            *head(b, extra, codes), target, arm, b["by_target"][target]["estimate"], b["by_target"][target]["low"],
            b["by_target"][target]["high"],
        )
        for b in content["best"]
        for target, arm in b["chosen"].items()
    ]  # fmt: skip
    columns = (*extra, Column("target"), Column("chosen arm"), Column("gain", "gain"), Column("low", "gain"),
               Column("high", "gain"))  # fmt: skip
    caption = (
        "The best arm of each target: chosen on some seeds, its gain read on the others. Controls, arms for a few "
        "targets and arms trained on the target in the evaluated languages are not among them"
    )
    return Table("best", caption, columns, tuple(rows))


def by_language(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (
            *head(block, extra, codes), block["intermediate"], block["target"], block["metric"], codes[cell[0]],
            *cell[1:], len(block["seeds"]),
        )
        for block in content["by_language"]
        for cell in block["cells"]
    ]  # fmt: skip
    columns = (
        *extra, Column("arm"), Column("target"), Column("metric"), Column("language"), Column("score", "score"),
        Column(f"score of {content['gains']['baseline']}", "score"), Column("gain", "gain"), Column("low", "gain"),
        Column("high", "gain"), Column("seeds", "many"),
    )  # fmt: skip
    caption = f"Gain over {content['gains']['baseline']} language by language, 95 % interval over seeds"
    return Table("by_language", caption, columns, tuple(rows))


def gaps(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (
            *head(g, extra, codes), g["intermediate"], g["gap"], len(g["targets"]), g["gap_b"], g["gap_a"],
            g["change"]["estimate"], g["change"]["low"], g["change"]["high"], g["seeds"], g["word"], g["why"],
            g["low_gain"]["estimate"], g["low_error"]["estimate"],
        )
        for g in content["gaps"]
    ]  # fmt: skip
    columns = (
        *extra, Column("arm"), Column("gap"), Column("targets", "many"),
        Column(f"gap of {content['gains']['baseline']}", "gain"), Column("gap of the arm", "gain"),
        Column("change", "gain"), Column("low", "gain"), Column("high", "gain"), Column("seeds", "many"),
        Column("verdict"), Column("why"), Column("gain of the low side", "gain"),
        Column("% of its errors removed", "gain"),
    )  # fmt: skip
    return Table(
        "gaps", "Gaps between languages, within targets that have both groups, in points", columns, tuple(rows)
    )


def transfer(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (*head(t, extra, codes), t["intermediate"], t["target"], t["metric"], t["source"], t["others"], t["gap"],
         t["low"], t["high"], t["n"])
        for t in content["transfer"]
    ]  # fmt: skip
    columns = (
        *extra, Column("arm"), Column("target"), Column("metric"), Column("source", "score"),
        Column("other languages", "score"), Column("gap", "gain"), Column("low", "gain"), Column("high", "gain"),
        Column("seeds", "many"),
    )  # fmt: skip
    return Table("transfer", "Score in the source language, in the other languages, and the gap", columns, tuple(rows))


def variants(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (*head(v, extra, codes), v["target"], v["intermediate"], v["metric"], v["variant"], v["score"], v["languages"],
         v["seeds"])
        for v in content["variants"]
    ]  # fmt: skip
    columns = (
        *extra, Column("target"), Column("arm"), Column("metric"), Column("variant"), Column("score", "score"),
        Column("languages", "many"), Column("seeds", "many"),
    )  # fmt: skip
    return Table("other_scores", "Other metrics and variants, means over languages and seeds", columns, tuple(rows))


def costs(content: dict[str, Any]) -> Table:
    rows = [
        (
            c["what"], c["done"], c["stages"], c["seconds"], c["median_seconds"], c["per_second"],
            c["peak_memory"], c["disk"],
        )
        for c in content["costs"]["rows"]
    ]  # fmt: skip
    columns = (
        Column("stages of the kind"), Column("done", "many"), Column("planned", "many"), Column("time", "span"),
        Column("median", "span"), Column("examples per second", "many"), Column("peak memory", "size"),
        Column("disk", "size"),
    )  # fmt: skip
    return Table("costs", "What it cost", columns, tuple(rows))


def data(content: dict[str, Any]) -> Table:
    codes = shown(content)
    rows = [
        (
            d["task"], d["split"], codes.get(d["language"], d["language"]), d.get("examples"),
            d.get("left_out_rows"), d.get("used"), d.get("tokenizer", ""), d.get("tokens"), d.get("tokens_each"),
            d.get("truncated"), d.get("pieces_per_word"),
        )
        for d in content["data"]
    ]  # fmt: skip
    columns = (
        Column("task"), Column("split"), Column("language"), Column("examples", "many"), Column("left out", "many"),
        Column("used", "many"), Column("tokenizer"), Column("tokens", "many"), Column("tokens each", "score"),
        Column("truncated", "many"), Column("pieces per word", "score"),
    )  # fmt: skip
    return Table("data", "The data, as it was read and tokenised", columns, tuple(rows))


def versions(content: dict[str, Any]) -> Table:
    rows = [
        (library, version, count)
        for library, found in content["provenance"]["versions"].items()
        for version, count in found.items()
    ]
    columns = (Column("library"), Column("version"), Column("stages", "many"))
    return Table("versions", "Versions that made the stages", columns, tuple(rows))


def marks(content: dict[str, Any]) -> Table:
    rows = tuple((m["intermediate"], m["target"], m["mark"], m["why"]) for m in content["marks"])
    columns = (Column("arm"), Column("target"), Column("mark"), Column("why"))
    return Table("marks", "Cells to read with care: shared data, or no zero-shot transfer", columns, rows)


def licences(content: dict[str, Any]) -> Table:
    rows = tuple((x["task"], x["forbids"]) for x in content["licences"])
    return Table("licences", "Licences that forbid something", (Column("task"), Column("licence")), rows)


def missing(content: dict[str, Any]) -> Table:
    extra, codes = several(content), shown(content)
    rows = [
        (*head(m, extra, codes), m["intermediate"], m["target"], m["lacking"], m["of"])
        for m in content["progress"]["missing"]
    ]
    columns = (*extra, Column("arm"), Column("target"), Column("not in yet", "many"), Column("of", "many"))
    return Table("missing", "Evaluations that are not in yet", columns, tuple(rows))


def failed(content: dict[str, Any]) -> Table:
    rows = tuple((f["name"], f["why"], f["log"]) for f in content["failed"])
    return Table("failed", "Stages that failed", (Column("stage"), Column("why"), Column("log")), rows)


def left_out(content: dict[str, Any]) -> Table:
    rows = tuple((reason,) for reason in content["left_out"])
    return Table("left_out", "Combinations that cannot exist", (Column("what and why"),), rows)


def scores(content: dict[str, Any]) -> Table:
    codes, long = shown(content), content["scores"]
    at = [n for n, name in enumerate(long["columns"]) if name in ("language", "source_language")]
    rows = [tuple(codes.get(v, v) if n in at else v for n, v in enumerate(row)) for row in long["rows"]]
    columns = tuple(Column(name, "score" if name == "value" else "text") for name in long["columns"])
    return Table("scores", "Every score", columns, tuple(rows))


def stages(content: dict[str, Any]) -> Table:
    rows = [(s["kind"], s["name"], s["fingerprint"], s["state"], s["seconds"], s["device"]) for s in content["stages"]]
    columns = (Column("kind"), Column("name"), Column("fingerprint"), Column("state"), Column("time", "span"),
               Column("device"))  # fmt: skip
    return Table("stages", f"{counted(len(rows), 'distinct stage')} with their fingerprints", columns, tuple(rows))
