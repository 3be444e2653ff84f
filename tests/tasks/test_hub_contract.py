"""Every copy that every task declares on the hub, fetched from a stand-in over loopback by `datasets`' own rules."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from waystage import tasks
from waystage.tasks.task import Hub, Task

pytestmark = pytest.mark.slow

CHILD = """
import dataclasses, json, sys
from waystage import sources, tasks
from waystage.errors import DataError

for line in sys.stdin:
    name, number, language, split = json.loads(line)
    task = tasks.get(name)
    task = dataclasses.replace(task, hub=(dataclasses.replace(task.hub[number], rows={}),))
    try:
        identity = sources.identify(task, "hub", split, [language])
        found = sources.read(task, identity, split, language, place={}, notes=sources.Notes(), languages=[language])
        print(json.dumps([dataclasses.asdict(example) for example in found]), flush=True)
    except DataError as error:
        print(json.dumps({"error": str(error)}), flush=True)
"""
COPIES = [(task, number) for task in tasks.all_tasks() for number in range(len(task.hub))]


def language_of(task: Task, hub: Hub) -> str:
    served = hub.languages or (*task.languages, *task.train_languages)
    return next(lg for lg in served if not hub.names or lg in hub.names)


def searched(task: Task, hub: Hub, language: str) -> list[dict[str, Any]]:
    """Rows of the search tasks, whose shapes are their own."""
    context = {"text": "Ana met Bob.", "language": language}
    mention = {"example_id": "m", "mention_span": {"start": 0, "end": 3, "text": "Ana"}, "entity_id": "Q1"}
    rows: dict[str, list[dict[str, Any]]] = {
        "bucc_rows": [{"sentence1": ["a", "b"], "sentence2": ["x", "y"], "gold": [[1, 2]]}],
        "mewslix_mentions": [{"context": context, "mentions": [mention]}],
        "mewslix_pairs": [{
            "contextual_mention": {"context": context, "mention": mention},
            "entity": {"entity_id": "Q1", "title": "Ana", "description": "A woman."},
        }],
    }  # fmt: skip
    if language == "candidates":
        return [rows["mewslix_pairs"][0]["entity"]]
    if hub.reader == "bitext":
        return [{hub.columns["text"]: "eins\n", hub.columns["english"]: "one\n"}]  # type: ignore[dict-item]
    return rows[hub.reader]


@pytest.fixture(scope="module")
def served(hub_stand_in: Any, made: SimpleNamespace) -> Any:
    server = hub_stand_in.StandIn()
    cards: dict[str, dict[str, dict[str, str]]] = {}
    files: dict[str, dict[str, bytes]] = {}
    for task, number in COPIES:
        hub, language = task.hub[number], language_of(task, task.hub[number])
        lg = hub.names.get(language, language)
        config = hub.config.replace("{lg}", lg) or "default"
        if task.form == "retrieval":
            rows = searched(task, hub, language)
        else:
            rows = [made.record(example, hub, lg) for example in made.examples(task, hub)]
        for theirs in hub.splits.values():
            path = f"{config}/{theirs}-00000.parquet"
            files.setdefault(hub.repo, {})[path] = hub_stand_in.parquet(rows)
            cards.setdefault(hub.repo, {}).setdefault(config, {})[theirs] = path
    for repo, configs in cards.items():
        lines = ["---", "configs:"]
        for config, splits in configs.items():
            lines += [f'- config_name: "{config}"', "  data_files:"]
            for split, path in splits.items():
                lines += [f"  - split: {split}", f"    path: {path}"]
        card = "\n".join([*lines, "---", ""]).encode()
        pinned = {h.revision for t, n in COPIES if (h := t.hub[n]).repo == repo and len(h.revision) == 40}
        server.repos[repo] = hub_stand_in.Repo(
            commit=next(iter(pinned), "1" * 40), files={**files[repo], "README.md": card}
        )
    yield server
    server.server.shutdown()
    server.server.server_close()


def test_every_declared_copy_is_found_and_read(served: Any, made: SimpleNamespace, tmp_path: Path) -> None:
    env = {
        **os.environ, "HF_ENDPOINT": served.endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1",
        "WAYSTAGE_CACHE": str(tmp_path / "waystage"), "WAYSTAGE_RETRY_SECONDS": "0.01", "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1",
    }  # fmt: skip
    wishes = [
        (task.name, number, language_of(task, task.hub[number]), split)
        for task, number in COPIES
        for split in task.hub[number].splits
    ]
    asked = "".join(json.dumps(wish) + "\n" for wish in wishes)
    child = subprocess.run([sys.executable, "-c", CHILD], input=asked, capture_output=True, text=True, env=env)
    answers = [json.loads(line) for line in child.stdout.splitlines()]
    assert len(answers) == len(wishes) > 100, child.stderr
    for (name, number, language, split), answer in zip(wishes, answers, strict=True):
        assert isinstance(answer, list), (name, number, split, answer)
        task = tasks.get(name)
        if task.form == "retrieval":
            assert any(passage["query"] == (language != "candidates") for passage in answer), (name, split)
            continue
        wanted = [dataclasses.asdict(example) for example in made.examples(task, task.hub[number])]
        assert len(answer) == len(wanted), (name, split)
        for got, want in zip(answer, wanted, strict=True):
            free = {"id", "item", "cluster"} | (
                {"options", "label"} if task.hub[number].reader == "right_first" else set()
            )
            expected = {k: list(v) if isinstance(v, tuple) else v for k, v in want.items() if k not in free}
            assert {k: v for k, v in got.items() if k not in free} == expected, (name, split)
