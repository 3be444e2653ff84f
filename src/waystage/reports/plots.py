"""Which figures a report has, under which names; `figures` draws them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from waystage.errors import UnknownName
from waystage.reports import figures, numbers, svg
from waystage.reports.tables import head, several, shown

CURVES = 24  # pictures of learning; the JSON has all
LINES = 8  # in one of them


@dataclass(frozen=True)
class Plot:
    """Shows itself in a notebook; `standalone` is the text of an SVG file."""

    group: str  # answers, gains, distance, scaling, transfer, layers, learning
    name: str  # of a file
    title: str
    svg: str
    of: str = ""  # what it belongs to inside its group

    @property
    def standalone(self) -> str:
        return svg.standalone(self.svg)

    def _repr_html_(self) -> str:
        return self.standalone


def every(content: dict[str, Any]) -> Iterator[Plot]:
    for group in (_answers, _gains, _distance, _scaling, _transfer, _layers, _learning):
        yield from group(content)


def named(content: dict[str, Any], name: str) -> Plot:
    """One figure by its name."""
    found = {plot.name: plot for plot in every(content)}
    if name not in found:
        raise UnknownName("figure", name, found, f"There are: {', '.join(found) or 'none yet, nothing is scored'}.")
    return found[name]


def which(row: dict[str, Any], content: dict[str, Any]) -> str:
    """Which model and source language, where a study has several."""
    return ", ".join(map(str, head(row, several(content), shown(content))))


def file_name(*parts: str) -> str:
    return re.sub(r"[^\w.-]+", "-", "-".join(filter(None, parts)))


def said(*parts: str) -> str:
    return ", ".join(filter(None, parts))


def _answers(content: dict[str, Any]) -> Iterator[Plot]:
    for number, answer in enumerate(content["answers"]):
        for plot in of_answer(answer, content):
            yield replace(plot, of=str(number))


def of_answer(answer: dict[str, Any], content: dict[str, Any]) -> list[Plot]:
    """None while there is no answer."""
    if not answer["answered"]:
        return []
    name = file_name("answer", str(answer["number"]), which(answer, content))
    title = f"{answer['a']} against {answer['b']}"
    return [Plot("answers", name, title, figures.answer(answer, content["note"]))]


def matrices(content: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    """The gain matrix of each model and source language: arms, targets, cells."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in content["gains"]["rows"]:
        key = (row["model"], row["source_language"])
        block = found.setdefault(key, {"model": key[0], "source": key[1], "title": which(row, content), "arms": [],
                                       "targets": [], "cells": {}})  # fmt: skip
        for names, value in (("arms", row["intermediate"]), ("targets", row["target"])):
            if value not in block[names]:
                block[names].append(value)
        block["cells"][row["intermediate"], row["target"]] = row
    return found


def _gains(content: dict[str, Any]) -> Iterator[Plot]:
    for block in matrices(content).values():
        title = said(f"Gain over {content['gains']['baseline']}, points", block["title"])
        drawn = figures.matrix(block["arms"], block["targets"], block["cells"], title, content["note"])
        yield Plot("gains", file_name("gains", block["title"]), title, drawn)


def _distance(content: dict[str, Any]) -> Iterator[Plot]:
    """Per arm: gain of each language on each target, against distance and against resource class."""
    about = {language["code"]: language for language in content["languages"]}
    fits = {(t["model"], t["source_language"], t["intermediate"], t["against"]): t["line"] for t in content["trends"]}
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for block in content["by_language"]:
        groups.setdefault((block["model"], block["source_language"], block["intermediate"]), []).append(block)
    for key, blocks in groups.items():
        _, source, arm = key
        title = said(f"{arm} over {content['gains']['baseline']}", which(blocks[0], content))
        axes = {
            "distance": f"syntactic distance from {shown(content).get(source, source)}",
            "resource class": "resource class, 0 (least) to 5",
        }
        for against, axis in axes.items():
            points = {
                b["target"]: [p for cell in b["cells"] if (p := _point(cell, about, source, against))] for b in blocks
            }
            if any(points.values()):
                drawn = figures.scatter(
                    points, title=f"{title}, by {against}", x=axis, y="gain, points", note=content["note"],
                    fit=fits.get((*key, against), []),
                )  # fmt: skip
                name = file_name(against, arm, which(blocks[0], content))
                yield Plot("distance", name, f"{title}, by {against}", drawn, " / ".join(key))


def _point(cell: list[Any], about: dict[str, Any], source: str, against: str) -> tuple[float, float, str, str] | None:
    code, gain = cell[0], cell[3]
    language = about[code]
    x = language["distance"].get(source) if against == "distance" else language.get("resource")
    if code == source or x is None:
        return None  # the source language is no case of transfer
    if against != "distance":  # classes are few: languages of a class stand side by side, always in the same order
        x += (int(hashlib.sha256(code.encode()).hexdigest()[:4], 16) / 65535 - 0.5) * 0.5
    return x, gain, f"{language['shown']} {language['name']}: {numbers.gain(gain)}", code


def _scaling(content: dict[str, Any]) -> Iterator[Plot]:
    for one in content["scaling"]:
        said_of = one["source_language"]  # of two of them, where a question compares what is trained in each
        extra = shown(content).get(said_of, said_of) if len(content["study"]["source_languages"]) > 1 else ""
        title = said(f"{one['a']} against {one['b']} by size", extra)
        line = (one["intercept"], one["slope"]["estimate"])
        drawn = figures.sizes(one["points"], line, title=title, note=content["note"])
        yield Plot("scaling", file_name("size", str(one["number"]), extra), title, drawn)


def _transfer(content: dict[str, Any]) -> Iterator[Plot]:
    """Per target: score in the source language and in the others, arm by arm."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in content["transfer"]:
        groups.setdefault((row["model"], row["source_language"], row["target"]), []).append(row)
    for (_, _, target), rows in groups.items():
        title = said(f"{target}: source and other languages", which(rows[0], content))
        drawn = figures.dots(
            [(row["intermediate"], row["source"], row["others"]) for row in rows], title=title,
            names=("source language", "mean of the others"), x=rows[0]["metric"], note=content["note"],
        )  # fmt: skip
        yield Plot("transfer", file_name("transfer", target, which(rows[0], content)), title, drawn)


def _layers(content: dict[str, Any]) -> Iterator[Plot]:
    """Per search: a line per arm over the layers, the fixed layer marked, and what needs no model."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for one in content["layers"]:
        groups.setdefault((one["model"], one["source_language"], one["target"]), []).append(one)
    for (_, _, target), own in groups.items():
        title = said(f"{target} by layer", which(own[0], content))
        lines = {one["intermediate"]: one["line"] for one in own[:LINES]}
        drawn = figures.curves(
            lines, title=title, y=own[0]["metric"], x="layer", note=content["note"], at=own[0]["fixed"],
            level=own[0]["bag"],
        )  # fmt: skip
        yield Plot("layers", file_name("layers", target, which(own[0], content)), title, drawn)


def _learning(content: dict[str, Any]) -> Iterator[Plot]:
    """One picture per model, training task and measure: a line per stage of the first seed."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for curve in content["curves"]:
        model = curve["model"] if len(content["study"]["models"]) > 1 else ""
        scores = [name for name, line in curve["lines"].items() if name != "loss" and len(line) > 1]
        for measure in scores or ["loss"]:  # a score that was taken once, at the end, is no curve
            own = groups.setdefault((model, " + ".join(curve["tasks"]), measure), [])
            if measure in curve["lines"] and (not own or own[0]["seed"] == curve["seed"]):
                own.append(curve)
    for (model, tasks, measure), own in [(key, own) for key, own in groups.items() if own][:CURVES]:
        names = _names(own)
        lines = {name: curve["lines"][measure] for name, curve in list(zip(names, own, strict=True))[:LINES]}
        title = said(f"training on {tasks}, seed {own[0]['seed']}", model)
        drawn = figures.curves(lines, title=title, y=measure, note=content["note"])
        yield Plot("learning", file_name("learning", tasks, measure, model), title, drawn)


def _names(own: list[dict[str, Any]]) -> list[str]:
    """By the tasks before it; where several stages come after the same ones, each by its own name."""
    short = [f"after {curve['after']}" if curve["after"] else "straight" for curve in own]
    return [name if short.count(name) == 1 else _itself(curve) for name, curve in zip(short, own, strict=True)]


def _itself(curve: dict[str, Any]) -> str:
    """The name of a stage without what all lines of a picture share."""
    name = str(curve["name"]).removeprefix("train ").removesuffix(f", seed {curve['seed']}")
    return name.replace(f" on {curve['model']}", "")
