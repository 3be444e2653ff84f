"""list, show, doctor: what there is."""

from __future__ import annotations

import dataclasses
import os
import platform
import shutil
from importlib import metadata, util
from pathlib import Path
from typing import Any

from waystage import languages as language_table
from waystage import tasks as task_table
from waystage.commands.output import as_json, say, size, table
from waystage.errors import InputError, StudyError, UnknownName
from waystage.models import shapes

WHAT = ("tasks", "models", "languages", "studies", "engines", "benchmarks")
KINDS = ("task", "model", "language", "benchmark", "study")  # that may stand before a name, and say nothing


def listing(what: str, json: bool) -> None:
    if what not in WHAT:
        raise UnknownName("list", what, WHAT, f"There are: {', '.join(WHAT)}.")
    columns, rows = {
        "tasks": _tasks,
        "models": _models,
        "languages": _languages,
        "studies": _studies,
        "engines": _engines,
        "benchmarks": _benchmarks,
    }[what]()
    if json:
        as_json([dict(zip(columns, row, strict=True)) for row in rows])
    elif rows:
        table(columns, rows)
    else:  # only of studies there may be none
        say("there is no study file in ./studies. Write one (docs/tutorial.md), or go to the folder that has them")


def _tasks() -> tuple[list[str], list[list[Any]]]:
    rows = [
        [t.name, t.title, t.form, t.metric, len(t.languages), ", ".join(_sources(t)), t.licence]
        for t in task_table.all_tasks()
    ]
    return ["name", "title", "form", "metric", "languages", "from", "licence"], rows


def _sources(task: task_table.Task) -> list[str]:
    return [*(["hub"] if task.hub else []), *(["folder"] if task.files else []), "world"]


def _models() -> tuple[list[str], list[list[Any]]]:
    rows = [
        [name, shape.family, shape.layers, shape.hidden, f"{shape.parameters / 1e6:,.1f} M", shape.vocab]
        for name, shape in shapes.known().items()
    ]
    return ["name", "family", "layers", "hidden", "parameters", "vocabulary"], rows


def _languages() -> tuple[list[str], list[list[Any]]]:
    rows = [
        [x.code, x.name, x.family, x.script, x.word_order, x.morphology, x.resource]
        for x in language_table.all_languages()
    ]
    return ["code", "name", "family", "script", "order", "morphology", "resource"], rows


def _studies() -> tuple[list[str], list[list[Any]]]:
    from waystage.study import load

    found = sorted(Path("studies").glob("*.toml")) if Path("studies").is_dir() else []
    rows: list[list[Any]] = []
    for path in found:
        try:
            study = load(path)
        except StudyError as error:  # the others are not worse for it
            count = len(error.problems)
            said = f"cannot be read: {count} problem{'s' if count > 1 else ''}, named by: waystage show {path}"
            rows.append([str(path), said, None, None, None])
            continue
        rows.append([str(path), study.title, len(study.intermediate), len(study.target_tasks()), len(study.seeds)])
    return ["file", "title", "arms", "targets", "seeds"], rows


def _engines() -> tuple[list[str], list[list[Any]]]:
    from waystage import engines

    return ["name", "what"], [[name, engines.describe(name)] for name in engines.names()]


def _benchmarks() -> tuple[list[str], list[list[Any]]]:
    rows = [[b.name, b.title, ", ".join(b.languages)] for b in task_table.BENCHMARKS.values()]
    return ["name", "title", "tasks"], rows


def show(said: list[str], json: bool) -> None:
    names = named(said)
    found = {name: _facts(name) for name in names}
    if json:
        as_json(found if len(found) > 1 else found[names[0]])
        return
    for name, facts in found.items():
        shown = _study(name) if name.endswith(".toml") else facts
        table(["", name], [[key, _plain(value)] for key, value in shown.items() if value not in ("", (), {}, None)])


def named(said: list[str]) -> list[str]:
    """`show task xnli` is about xnli alone; `show xnli sw` is about both."""
    return said[1:] if len(said) > 1 and said[0] in KINDS else said


def _facts(name: str) -> dict[str, Any]:
    if name in task_table.names():
        task = task_table.get(name)
        facts = {f.name: getattr(task, f.name) for f in dataclasses.fields(task) if f.name not in ("hub", "files")}
        facts["hub"] = [f"{h.repo} {h.config} @ {h.revision or 'newest'}".replace("  ", " ") for h in task.hub]
        facts["folder"] = [str(f.path) for f in task.files]
        facts["contains"] = sorted(task_table.ancestry(name))
        return facts
    if name in task_table.BENCHMARKS:
        bench = task_table.BENCHMARKS[name]
        return {"title": bench.title, **{task: " ".join(codes) for task, codes in bench.languages.items()}}
    if name in shapes.known():
        shape = shapes.known()[name]
        return {
            **dataclasses.asdict(shape),
            "parameters": shape.parameters,
            "without embeddings": shape.encoder_parameters,
        }
    if name.endswith(".toml"):
        from waystage.study import load

        return load(name).model_dump(mode="json", exclude_defaults=True)
    try:
        return dataclasses.asdict(language_table.get(name))
    except InputError:
        known = [*task_table.names(), *task_table.BENCHMARKS, *shapes.known()]
        raise UnknownName(
            "task, benchmark, model or language", name, known, "`waystage list tasks` shows all"
        ) from None


def _study(path: str) -> dict[str, Any]:
    """A study as a person reads it: what is compared, on what, what is asked, and what else its file says."""
    from waystage.reports.arms import described
    from waystage.study import load
    from waystage.study.lookup import find_task

    study = load(path)
    facts: dict[str, Any] = {
        "title": study.title,
        "models": study.models,
        **{f"arm {name}": described(arm, lambda task: find_task(study, task).title)
           for name, arm in study.intermediate.items()},
        "targets": [f"{find_task(study, name).title} ({name})" for name in study.target_tasks()],
        "languages": study.languages,
        "trained in": study.source_languages,
        "seeds": study.seeds,
        **{f"question {number}": _asked(question) for number, question in enumerate(study.question, 1)},
    }  # fmt: skip
    told = {"title", "models", "targets", "intermediate", "languages", "source_languages", "seeds", "question"}
    return facts | study.model_dump(mode="json", exclude_defaults=True, exclude=told)


def _asked(question: Any) -> str:
    kind = "" if question.kind == "difference" else f"{question.kind}, "
    where = "" if question.languages == "all" else f", in {_plain(question.languages)}"
    return f"{question.ask} ({kind}{' against '.join(question.compare)}{where})".strip()


def data(said: list[str], source: str, limit: int, model: str, json: bool) -> None:
    """Lengths, labels, repetitions, leaks and wrong offsets of a task's rows, per split and language."""
    from waystage.models import identity, load
    from waystage.sources import doctor

    name, *more = named(said)
    if more:
        raise InputError(f"--data describes one task at a time, not {len(more) + 1}: {', '.join([name, *more])}")
    task = task_table.get(name)
    places = {"model": model} if identity.local_folder(model) else {}
    tokenizer = load.tokenizer(identity.tokenizer(model), places)
    found = doctor.examine(task, source, limit=limit or None, tokenizer=tokenizer)
    if json:
        as_json(found)
        return
    rows = []
    for split, languages in found["splits"].items():
        for language, page in languages.items():
            pieces = page.get("pieces", {})
            rows.append(
                [
                    split, language, page["examples"], page["duplicates"], page["characters"].get("median", ""),
                    f"{pieces['per word']:.2f}" if pieces else "",
                    f"{pieces['cut or in windows']:.1%}" if pieces else "",
                    doctor.balance(page), doctor.remarks(page),
                ]
            )  # fmt: skip
    columns = ["split", "language", "examples", "repeated", "characters", "pieces per word", "cut", "labels",
               "left out or odd"]  # fmt: skip
    table(columns, rows, numbers=columns[2:7], title=f"{task.title}, from {source}, in pieces of {model}")
    for text in found.get("seen", ()):
        say(f"as the model sees it: {text}")
    for leak in found["leaks"]:
        say(f"leak: {doctor.leak_in_words(leak)}")
    for lacking in found["missing"]:
        say(f"not there: {lacking['split']} {lacking['language']}: {lacking['why']}")
    if not rows:
        raise InputError(f"nothing of {name} could be read from {source}")


def _plain(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return ", ".join(f"{k} = {_plain(v)}" for k, v in value.items())
    return str(value)


def doctor() -> None:
    from waystage.graph.store import default_root

    root = default_root()
    there = next(folder for folder in (root, *root.parents) if folder.exists())
    rows = [
        ["waystage", metadata.version("waystage")],
        ["python", platform.python_version()],
        *([name, metadata.version(name)] for name in ("torch", "transformers", "datasets", "tokenizers")),
        ["cores", os.cpu_count()],
        ["bf16 on the CPU", _bf16()],
        ["accelerators", _accelerators()],
        ["store", root],
        ["free disk there", size(shutil.disk_usage(there).free)],
        ["optional parts", ", ".join(n for n in ("ray", "bitsandbytes", "cairosvg") if util.find_spec(n)) or "none"],
    ]
    table(["what", "here"], rows)
    say("Everything needed for a rehearsal is here: waystage rehearse studies/quickstart.toml")


def _bf16() -> str:
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return "unknown"
    return "AMX" if "amx_bf16" in flags else "AVX-512" if "avx512_bf16" in flags else "no: fp32 is faster here"


def _accelerators() -> str:
    import torch

    if not torch.cuda.is_available():
        return "none: stages run on the CPU"
    names = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return ", ".join(f"{p.name} ({size(p.total_memory)})" for p in names)


def stand_in(code: str) -> str:
    """What a text of the built-in world is."""
    one = language_table.get(language_table.resolve(code))
    return f"[artificial language {one.code}*, a stand-in for {one.name}]"
