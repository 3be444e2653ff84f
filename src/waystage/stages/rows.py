"""Examples of one task and split, one Parquet file per language, with what was noticed on the way in `facts.json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from waystage import sources
from waystage.errors import DataError
from waystage.forms import table
from waystage.sources import retrieval
from waystage.stages import Context, Inputs


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    """config: task, form, split, languages, source (an identity), limit."""
    identity = config["source"]
    task = sources.task_of(config["task"], identity, context.places)
    languages = sources.languages_of(task, identity, config["languages"])
    facts: dict[str, Any] = {"source": identity, "licence": task.licence, "languages": {}}
    for done, language in enumerate(languages):
        context.progress({"step": done, "of": len(languages)})
        notes = sources.Notes()
        examples: Any = sources.read(
            task, identity, config["split"], language,
            place=context.places, notes=notes, languages=config["languages"], limit=config.get("limit"),
        )  # fmt: skip
        if config["form"] != task.form:
            assert (task.form, config["form"]) == ("spans", "retrieval"), f"{task.form} cannot become {config['form']}"
            examples = retrieval.from_spans(examples)
        written = table.write(out / f"{language}.parquet", examples, form=config["form"])
        facts["languages"][language] = {"examples": written, **notes.as_dict()}
        if not written and config["split"] not in ("held", "dev"):  # of few rows, none may fall to these
            raise DataError(_nothing(task.name, config["split"], language, notes))
        for reason, count in notes.excluded.items():
            context.log(f"{task.name} {config['split']} {language}: {count.count} rows left out ({reason})")
        context.log(f"{task.name} {config['split']} {language}: {written} examples")
    facts["examples"] = sum(found["examples"] for found in facts["languages"].values())
    text = json.dumps(facts, ensure_ascii=False, sort_keys=True, indent=1)
    (out / "facts.json").write_text(text, encoding="utf-8")
    return {"examples": facts["examples"]}


def _nothing(task: str, split: str, language: str, notes: sources.Notes) -> str:
    """A language of which nothing is trained on or scored would be missing from every table without a word."""
    left = "".join(f", {count.count} left out ({reason})" for reason, count in notes.excluded.items())
    return (
        f"{task} has no example in {language} ({split}): {notes.rows} rows were read{left}. "
        "Put some there, or leave the language out of the study"
    )
