"""Each test asks the stand-in hub in a process of its own kind: huggingface_hub reads its settings when imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COMMIT = "1" * 40
LABELS = ["entailment", "neutral", "contradiction"]
ROWS = [
    {"premise": "a", "hypothesis": "b", "label": 0},
    {"premise": "c", "hypothesis": "d", "label": 2},
]
CHILD = """
import json, sys
from waystage import sources
from waystage.errors import DataError
from waystage.sources.notes import Notes
from waystage.tasks.task import Hub, Task

for line in sys.stdin:
    job = json.loads(line)
    copies = tuple(Hub(**hub) for hub in job["hub"])
    task = Task(name="mine", title="mine", form="pairs", metric="accuracy", labels=tuple(job["labels"]), hub=copies)
    notes = Notes()
    try:
        identity = sources.identify(task, "hub", "test", ["sw"], lock=job.get("lock"))
        examples = list(sources.read(task, identity, "test", "sw", place={}, notes=notes))
        said = {"rows": [[e.first, e.second, e.label] for e in examples], "source": notes.source, "identity": identity}
    except DataError as error:
        said = {"error": str(error)}
    print(json.dumps(said), flush=True)
"""
COLUMNS = {"first": "premise", "second": "hypothesis", "label": "label"}


class Asker:
    """A child process that reads data sets of the stand-in."""

    def __init__(self, endpoint: str, home: Path, *, offline: bool = False):
        env = {
            **os.environ, "HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"),
            "WAYSTAGE_CACHE": str(home / "waystage"),
            "WAYSTAGE_RETRY_SECONDS": "0.01", "HF_HUB_OFFLINE": "1" if offline else "0",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "HF_HUB_DISABLE_XET": "1",
        }  # fmt: skip
        env.pop("HF_TOKEN", None)
        self.child = subprocess.Popen(
            [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, env=env,
        )  # fmt: skip

    def __call__(self, *repos: str, labels: list[str] = LABELS, lock: dict[str, str] | None = None, **more: Any) -> Any:
        assert self.child.stdin and self.child.stdout and self.child.stderr
        hub = [{"repo": r, "config": "{lg}", "columns": COLUMNS, "splits": {"test": "test"}, **more} for r in repos]
        self.child.stdin.write(json.dumps({"hub": hub, "labels": labels, "lock": lock}) + "\n")
        self.child.stdin.flush()
        answer = self.child.stdout.readline()
        assert answer, self.child.stderr.read()
        return json.loads(answer)

    def close(self) -> None:
        self.child.stdin.close()  # type: ignore[union-attr]
        self.child.wait()
        self.child.stdout.close()  # type: ignore[union-attr]
        self.child.stderr.close()  # type: ignore[union-attr]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def ask(stand_in: Any, home: Path) -> Any:
    asker = Asker(stand_in.endpoint, home)
    yield asker
    asker.close()


@pytest.fixture(scope="module")
def offline(stand_in: Any, home: Path) -> Any:
    asker = Asker(stand_in.endpoint, home, offline=True)
    yield asker
    asker.close()


CLASSES = {"label": LABELS}
GOOD = [["a", "b", "entailment"], ["c", "d", "contradiction"]]


def test_a_pinned_commit_is_read_and_recorded(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/pinned", ROWS, CLASSES)
    said = ask("o/pinned", revision=COMMIT)
    assert said.get("rows") == GOOD, said
    assert said["source"]["commit"] == COMMIT
    assert list(said["source"]["files"]) == ["sw/test-0.parquet"]
    assert said["identity"]["copies"] == [{"copy": f"o/pinned@{COMMIT}", "config": "{lg}", "revision": COMMIT}]


def test_the_commit_of_the_lock_is_used_and_is_identity(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/locked", ROWS, CLASSES)
    said = ask("o/locked", lock={"o/locked@main": COMMIT})
    assert said["identity"]["copies"][0]["revision"] == COMMIT
    assert said.get("rows") == GOOD, said


def test_without_a_pin_today_s_commit_is_looked_up(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/newest", ROWS, CLASSES)
    said = ask("o/newest")
    assert (said["identity"]["copies"][0]["revision"], said["source"]["commit"]) == ("unknown", COMMIT)


def test_a_commit_that_is_gone_is_named(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/rewritten", ROWS, CLASSES)
    said = ask("o/rewritten", revision="2" * 40)
    assert "o/rewritten" in said["error"] and "gone" in said["error"]


def test_a_data_set_that_is_not_there(ask: Any) -> None:
    said = ask("o/nowhere", revision=COMMIT)
    assert "o/nowhere" in said["error"] and "not there" in said["error"]


def test_a_gated_data_set_says_where_to_accept(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/gated", ROWS, CLASSES, status=401, error="GatedRepo")
    said = ask("o/gated", revision=COMMIT)
    assert f"{stand_in.endpoint}/datasets/o/gated" in said["error"] and "hf auth login" in said["error"]


def test_the_next_copy_is_taken_where_the_first_is_gone(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/second", ROWS, CLASSES)
    said = ask("o/first", "o/second", revision=COMMIT)
    assert said["rows"] == GOOD and said["source"]["repo"] == "o/second"


def test_a_copy_in_packed_files_gives_way_to_the_next(stand_in: Any, ask: Any) -> None:
    card = b"---\nconfigs:\n- config_name: sw\n  data_files:\n  - split: test\n    path: sw/test.jsonl.tar.gz\n---\n"
    stand_in.add("o/packed", ROWS, CLASSES).files = {"README.md": card, "sw/test.jsonl.tar.gz": b"\x1f\x8b"}
    stand_in.add("o/plain", ROWS, CLASSES)
    assert ask("o/packed", "o/plain", revision=COMMIT)["source"]["repo"] == "o/plain"
    assert "'.tar' are not read from the hub (sw/test.jsonl.tar.gz)" in ask("o/packed", revision=COMMIT)["error"]


def test_the_branch_of_conversions_has_no_card(stand_in: Any, ask: Any) -> None:
    """Folders say which configuration and split a file is of, and each file what its classes are called."""
    (data,) = (content for name, content in stand_in.add("o/made", ROWS, CLASSES).files.items() if "sw/" in name)
    names = ("sw/test/0000.parquet", "sw/train/0000.parquet", "sw/made-test.parquet", "xx/test/0000.parquet")
    stand_in.add("o/converted", ROWS).files = dict.fromkeys(names, data)
    said = ask("o/converted", revision="refs/convert/parquet")
    assert said.get("rows") == GOOD and list(said["source"]["files"]) == ["sw/test/0000.parquet"], said
    stand_in.add("o/older", ROWS).files = {"sw/made-test.parquet": data, "sw/made-train.parquet": data}
    assert list(ask("o/older", revision="refs/convert/parquet")["source"]["files"]) == ["sw/made-test.parquet"]
    stand_in.add("o/other", ROWS).files = {"sw/made-train.parquet": data}
    error = ask("o/other", revision="refs/convert/parquet")["error"]
    assert "no split 'test' of sw on the branch refs/convert/parquet" in error


def test_a_loading_script_is_refused_by_name(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/scripted", ROWS, CLASSES)
    stand_in.repos["o/scripted"].files = {"README.md": b"", "scripted.py": b"print('no')"}
    assert "script" in ask("o/scripted", revision=COMMIT)["error"]


def test_a_split_that_is_not_there_lists_those_that_are(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/splits", ROWS, CLASSES)
    said = ask("o/splits", revision=COMMIT, splits={"test": "validation"})
    assert "'validation'" in said["error"] and "test" in said["error"]


def test_a_busy_hub_is_asked_again(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/busy", ROWS, CLASSES, busy=3)
    assert ask("o/busy", revision=COMMIT)["rows"] == GOOD


@pytest.mark.slow  # huggingface_hub waits between its own tries
def test_a_hub_that_stays_busy_ends_in_a_sentence(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/overrun", ROWS, CLASSES, busy=10**9)
    assert "too many requests" in ask("o/overrun", revision=COMMIT)["error"]


def test_a_download_that_was_cut_off_is_repeated(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/cut", ROWS, CLASSES, cut=1)
    assert ask("o/cut", revision=COMMIT)["rows"] == GOOD


@pytest.mark.slow  # huggingface_hub waits between its own tries
def test_a_download_that_is_always_cut_off_ends_in_a_sentence(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/always_cut", ROWS, CLASSES, cut=10**9)
    assert "could not be fetched" in ask("o/always_cut", revision=COMMIT)["error"]


def test_a_file_with_another_hash_than_announced_is_refused(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/changed", ROWS, CLASSES, announced={"sw/test-0.parquet": "f" * 64})
    said = ask("o/changed", revision=COMMIT)
    assert "is not what it was" in said["error"] and "f" * 12 in said["error"]


def test_another_number_of_rows_than_known_is_refused(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/grown", ROWS, CLASSES)
    assert "2 rows" in ask("o/grown", revision=COMMIT, rows={"test": 3})["error"]


def test_classes_in_another_order_are_refused(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/classes", ROWS, {"label": ["neutral", "entailment", "contradiction"]})
    said = ask("o/classes", revision=COMMIT, values={"label": dict(zip("012", LABELS, strict=True))})
    assert "order of the classes" in said["error"]


def test_unknown_labels_are_refused_with_their_row(stand_in: Any, ask: Any) -> None:
    stand_in.add("o/labels", ROWS)
    said = ask("o/labels", revision=COMMIT)
    assert "label '0' is none of entailment" in said["error"] and ":1:" in said["error"]


def test_what_was_fetched_is_read_without_network(stand_in: Any, ask: Any, offline: Any) -> None:
    stand_in.add("o/kept", ROWS, CLASSES)
    assert ask("o/kept", revision=COMMIT)["rows"] == GOOD
    assert ask("o/kept")["rows"] == GOOD
    before = sum(stand_in.asked.values())
    assert offline("o/kept", revision=COMMIT)["rows"] == GOOD
    assert offline("o/kept")["source"]["commit"] == COMMIT
    assert sum(stand_in.asked.values()) == before


def test_what_was_not_fetched_says_so_without_network(offline: Any) -> None:
    for revision in (COMMIT, ""):
        said = offline("o/never", revision=revision)
        assert "never fetched" in said["error"] and "waystage check" in said["error"]
