"""How the results were made, read from the manifests: stages, time, memory, disk, versions, data, learning curves."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from waystage.errors import StoreError
from waystage.graph.stage import Stage
from waystage.results import Results
from waystage.study.cells import Cell

Records = dict[str, tuple[Stage, dict[str, Any] | None]]
POINTS = 60  # of a curve on the page
UNSHOWN = frozenset({"learning_rate", "gradient_norm"})


def records(results: Results) -> Records:
    """Every distinct stage of the study in the order of work, with its manifest, or None where it has not run."""
    found: Records = {}
    for cell in results.plan.cells:
        for stage in lineage(cell.evaluate):
            if stage.fingerprint not in found:
                found[stage.fingerprint] = (stage, _manifest(results, stage))
    return found


def lineage(stage: Stage) -> list[Stage]:
    """A stage after all that it is made from, each once."""
    order: dict[str, Stage] = {}
    todo = [(stage, False)]
    while todo:
        one, ready = todo.pop()
        if one.fingerprint in order:
            continue
        if ready:
            order[one.fingerprint] = one
        else:
            todo.append((one, True))
            todo += [(parent, False) for parent in one.parents()]
    return list(order.values())


def _manifest(results: Results, stage: Stage) -> dict[str, Any] | None:
    try:
        return results.store.manifest(stage.fingerprint)
    except StoreError:
        return None


def group_of(stage: Stage) -> str:
    """Which row of the cost table a stage belongs to."""
    if stage.kind == "train":
        return "train: from another checkpoint" if "start" in stage.inputs else "train: from the model as published"
    return stage.kind


def costs(results: Results, found: Records) -> dict[str, Any]:
    """Per kind of stage, and what sharing saved: each combination by itself against each distinct stage once."""
    groups: dict[str, list[dict[str, Any] | None]] = defaultdict(list)
    disk: Counter[str] = Counter()
    for stage, record in found.values():
        groups[group_of(stage)].append(record)
        if record and results.store.has(stage.fingerprint):  # what was dropped after use takes no room
            disk[group_of(stage)] += sum(item["size"] for item in record["files"])
    rows = [_cost(name, members, disk[name]) for name, members in groups.items()]
    seconds = {print_: record["seconds"] for print_, (_, record) in found.items() if record}
    alone = alone_seconds = 0
    for cell in results.plan.cells:
        chain = lineage(cell.evaluate)
        alone += len(chain)
        alone_seconds += sum(seconds.get(stage.fingerprint, 0) for stage in chain)
    return {
        "rows": rows,
        "seconds": sum(seconds.values()),
        "distinct": len(found),
        "alone": alone,
        "alone_seconds": alone_seconds,
        "combinations": len(results.plan.cells),
    }


def _cost(name: str, members: list[dict[str, Any] | None], disk: int) -> dict[str, Any]:
    done = [record for record in members if record]
    rates = [rate for record in done if (rate := _rate(record))]
    return {
        "what": name,
        "stages": len(members),
        "done": len(done),
        "seconds": sum(record["seconds"] for record in done) if done else None,
        "median_seconds": median(record["seconds"] for record in done) if done else None,
        "per_second": median(rates) if rates else None,
        "peak_memory": max((record.get("peak_memory") or 0 for record in done), default=None),
        "disk": disk,
    }


def _rate(record: dict[str, Any]) -> float | None:
    """What the stage counted as its units in a second: examples or windows trained on, sequences read."""
    facts = record.get("facts", {})
    keys = ("units_per_second", "sequences_per_second")
    return next((float(facts[key]) for key in keys if facts.get(key)), None)


def stages(results: Results, found: Records) -> list[dict[str, Any]]:
    """Each distinct stage: what it is, whether it is there, its hash, what it took."""
    return [
        {
            "name": stage.name,
            "kind": stage.kind,
            "fingerprint": stage.fingerprint,
            "state": _state(results, stage, record),
            "seconds": record["seconds"] if record else None,
            "device": record.get("device", "") if record else "",
            "finished": record.get("finished", "") if record else "",
        }
        for stage, record in found.values()
    ]


def failed(results: Results, found: Records) -> list[dict[str, Any]]:
    """Stages of this study that are not there because they failed, by the newest run that had them."""
    return [
        {"name": row.name, "kind": row.kind, "why": row.note, "log": row.log}
        for fingerprint, row in failures(results).items()
        if fingerprint in found
    ]


def failures(results: Results) -> dict[str, Any]:
    """Stages of this store that are not there because they failed, by fingerprint, as the newest run has them."""
    from waystage.engines import status

    said: dict[str, Any] = {}
    seen: set[str] = set()
    for run in status.read(results.store):
        for fingerprint, row in run.rows.items():
            if fingerprint not in seen and row.status in status.ENDED:
                seen.add(fingerprint)
                if row.status == "failed" and not results.store.has(fingerprint):
                    said[fingerprint] = row
    return said


def lost(results: Results) -> list[tuple[Cell, str]]:
    """Evaluations that are not there because something they are made of failed, such as diverged training, and why."""
    failed, found = failures(results), []
    for cell in results.plan.cells if failed else ():
        if not cell.selection and not results.store.has(cell.evaluate.fingerprint):
            why = next((failed[s.fingerprint].note for s in lineage(cell.evaluate) if s.fingerprint in failed), None)
            if why is not None:
                found.append((cell, why.strip().split("\n")[0]))
    return found


def _state(results: Results, stage: Stage, record: dict[str, Any] | None) -> str:
    if results.store.has(stage.fingerprint):
        return "there"
    return "dropped after use" if record else "missing"


def provenance(results: Results, found: Records) -> dict[str, Any]:
    """Versions, machines, revisions. Two versions of one library are a mixture, which is said."""
    done = [record for _, record in found.values() if record]
    libraries: dict[str, Counter[str]] = defaultdict(Counter)
    for record in done:
        for library, version in record.get("versions", {}).items():
            libraries[library][version] += 1
    models = {
        (model["name"], str(model["revision"]))
        for stage, _ in found.values()
        if (model := stage.config.get("model")) and "name" in model
    }
    times = sorted(record[key] for record in done for key in ("started", "finished") if record.get(key))
    return {
        "versions": {name: dict(sorted(counts.items())) for name, counts in sorted(libraries.items())},
        "mixed": sorted(name for name, counts in libraries.items() if len(counts) > 1),
        "models": [{"name": name, "revision": revision} for name, revision in sorted(models)],
        "data": _sources(stage for stage, _ in found.values()),
        "machines": _counted(_machine(record.get("host", {})) for record in done),
        "hosts": len({record["host"]["host"] for record in done if "host" in record.get("host", {})}),
        "devices": _counted(record.get("device", "") for record in done),
        "engines": _counted(record.get("engine", "") for record in done),
        "precisions": _counted(
            str(stage.config["precision"]) for stage, _ in found.values() if "precision" in stage.config
        ),
        "threads": _counted(str(stage.config["threads"]) for stage, _ in found.values() if "threads" in stage.config),
        "first": times[0] if times else "",
        "last": times[-1] if times else "",
        "store": _at_home(results.store.root),
    }


def _sources(stages: Iterable[Stage]) -> list[dict[str, Any]]:
    rows = {  # a split is read in several stages, each with languages of its own, and so with files of its own
        (stage.config["task"], stage.config["split"], json.dumps(stage.config.get("source", {}), sort_keys=True))
        for stage in stages
        if stage.kind == "rows"
    }
    return [{"task": task, "split": split, "identity": identity} for task, split, identity in sorted(rows)]


def _machine(host: dict[str, Any]) -> str:
    """What it is, not what its owner calls it: pages are shown to others."""
    return f"{host['system']}, {host['cpus']} cores" if host else ""


def _at_home(path: Path) -> str:
    return f"~/{path.relative_to(Path.home())}" if path.is_relative_to(Path.home()) else str(path)


def _counted(values: Iterable[str]) -> dict[str, int]:
    return {value: count for value, count in sorted(Counter(values).items()) if value}


def data(results: Results, found: Records) -> list[dict[str, Any]]:
    """Per task, split and language: examples, what was left out, and what each tokenizer made of those that were used.

    One split is often read in several ways: in part and as a whole, by the tokenizers of several models.
    """
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    read: dict[tuple[str, str, str], dict[tuple[Any, ...], dict[str, Any]]] = defaultdict(dict)
    for stage, record in found.values():
        if not record or stage.kind not in ("rows", "tokens"):
            continue
        of = _rows(stage)
        for code, facts in language_facts(results, stage, record).items():
            key = (of.config["task"], of.config["split"], code)
            row = rows.setdefault(key, {"task": key[0], "split": key[1], "language": code})
            if stage.kind == "rows":
                row.update(_row_facts(facts))
            else:
                said = _token_facts(facts) | {"tokenizer": _tokenizer(stage)}
                way = (said["tokenizer"], stage.config.get("max_length"), said.get("used"))
                read[key][way] = said
    return [row | said for key, row in rows.items() for said in (read[key].values() or [{}])]


def _tokenizer(stage: Stage) -> str:
    said = stage.config.get("tokenizer") or {}
    name, revision = said.get("name", ""), said.get("revision", "")
    return f"{name} {revision[:8]}".strip() if name == "local" else name


def _rows(stage: Stage) -> Stage:
    """The rows that a stage is about; translated or altered ones come from rows themselves."""
    while stage.kind != "rows":
        stage = next(iter(stage.parents()))
    return stage


def language_facts(results: Results, stage: Stage, record: dict[str, Any]) -> dict[str, Any]:
    """By language, from the manifest or from the file beside the data."""
    if "languages" in record.get("facts", {}):
        return dict(record["facts"]["languages"])
    path = results.store.find(stage.fingerprint, "facts.json")
    if path is None:
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    return dict(found.get("languages", {}))


def _row_facts(facts: dict[str, Any]) -> dict[str, Any]:
    left = {reason: count["count"] for reason, count in facts.get("excluded", {}).items()}
    odd = {reason: count["count"] for reason, count in facts.get("kept", {}).items()}
    return {"examples": facts["examples"], "left_out": left, "left_out_rows": sum(left.values()), "odd": odd}


def _token_facts(facts: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        key: facts[key] for key in ("units", "tokens", "truncated", "words", "pieces") if key in facts
    }
    if "examples" in facts:
        found["used"] = facts["examples"]
    if found.get("words") and "pieces" in found:
        found["pieces_per_word"] = found["pieces"] / found["words"]
    if found.get("units"):  # what the model reads at once: an example, a window of a long one, an option
        found["tokens_each"] = found["tokens"] / found["units"]
    return found


def curves(results: Results, found: Records) -> list[dict[str, Any]]:
    """What each training saw on the way: its loss and, where it was measured, the score on its selection set."""
    import pyarrow.parquet as pq

    said = []
    for stage, record in found.values():
        path = results.store.find(stage.fingerprint, "curve.parquet") if record and stage.kind == "train" else None
        if path is None:
            continue
        lines: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
        columns = pq.read_table(path, columns=["step", "name", "value"]).to_pydict()
        for step, name, value in zip(*columns.values(), strict=True):
            if name not in UNSHOWN and math.isfinite(value):
                lines[name].append((step, value))
        tasks = [member["task"] for member in stage.config["members"]]
        said.append(
            {"name": stage.name, "stage": stage.fingerprint, "model": stage.config["model"]["name"], "tasks": tasks,
             "seed": stage.config["seed"],
             "after": _arm(stage), "lines": {name: thinned(line) for name, line in lines.items()}}
        )  # fmt: skip
    return said


def _arm(stage: Stage) -> str:
    """What this stage starts from: the tasks of the stage before it, or what kind of checkpoint that is."""
    start = stage.inputs.get("start")
    if not isinstance(start, Stage):
        return ""
    return " + ".join(member["task"] for member in start.config.get("members", ())) or start.name


def thinned(points: list[tuple[Any, Any]]) -> list[list[float]]:
    """At most POINTS, evenly taken, the last one always."""
    step = max(1, -(-len(points) // POINTS))
    kept = points[::-step][::-1]
    return [[x, round(float(y), 5)] for x, y in kept]
