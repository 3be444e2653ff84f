"""store push, pull and pack, and where a run is asked to go, as typed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from waystage.commands import placing, storing
from waystage.errors import InputError, UnknownName
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store, equality


def filled(root: Path) -> Store:
    store = Store(root)
    stage = Stage(kind="rows", name="rows of something", config={})
    folder = store.open(stage.fingerprint)
    (folder / "x").write_text("x")
    told = {"kind": "rows", "name": stage.name, "version": stage.version, "config": {}, "inputs": {}}
    store.commit(stage.fingerprint, folder, {"stage": told})
    return store


def test_there_and_back_and_packed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = filled(tmp_path / "a")
    storing.push(str(tmp_path / "far"), [], store.root)
    storing.push(str(tmp_path / "far"), [], store.root)
    storing.pull(str(tmp_path / "far"), tmp_path / "b")
    storing.pack(tmp_path / "all.tar", [], store.root)
    storing.pull(str(tmp_path / "all.tar"), tmp_path / "c")
    said = capsys.readouterr().out
    assert "sent rows of something" in said and "0 artifacts sent (0 B), 1 were there" in said
    for name in "bc":
        other = Store(tmp_path / name)
        assert equality(other, other.fingerprints()) == equality(store, store.fingerprints())


def test_what_cannot_be_sent(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no store"):
        storing.push(str(tmp_path / "far"), [], tmp_path / "none")
    with pytest.raises(InputError, match="is no place"):  # a variable of the shell that is not set
        storing.push("", [], filled(tmp_path / "a").root)
    with pytest.raises(InputError, match="nothing of this study is in"):
        storing.push(str(tmp_path / "far"), [Path("studies/quickstart.toml")], filled(tmp_path / "a").root)


def test_options_of_another_engine_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--dashboard is an option of --engine ray, not of local"):
        placing.engine("local", jobs=1, dashboard=True)
    with pytest.raises(InputError, match="--address is an option of --engine ray, not of local"):
        placing.engine("local", jobs=1, address="auto", profile=None)
    with pytest.raises(InputError, match="--profile is an option of --engine slurm, not of inline"):
        placing.engine("inline", jobs=1, address=None, profile=tmp_path)
    with pytest.raises(UnknownName, match="did you mean 'slurm'"):
        placing.engine("slrum", jobs=1)
    placing.engine("inline", jobs=1, address=None).close()


def test_scripts_without_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from waystage.graph.plan import Plan

    rows = Stage(kind="rows", name="rows", config={})
    plan = Plan([Stage(kind="train", name=f"seed {n}", config={"seed": n}, inputs={"dev": rows}) for n in range(3)])
    store, out = Store(tmp_path / "store"), tmp_path / "scripts"

    def resources(stage: Stage) -> Resources:
        return Resources(devices=int(stage.kind == "train"), seconds=1000.0)

    placing.dry_run(plan, store, resources, engine="slurm", profile=None, out=out, only=None, study="s")
    assert "4 stages in 2 arrays" in capsys.readouterr().out
    assert "--array=0-2" in (out / "0001.sh").read_text() and "--gres=gpu:1" in (out / "0001.sh").read_text()
    subprocess.run(["bash", "-n", str(out / "submit.sh")], check=True)
    with pytest.raises(InputError, match="--engine ray has none"):
        placing.dry_run(plan, store, resources, engine="ray", profile=None, out=out, only=None, study="s")
    told = {"engine": "slurm", "profile": None, "only": None, "study": "s"}
    placing.dry_run(plan, store, resources, out=out, limit=2, **told)
    assert "2 stages in 2 arrays" in capsys.readouterr().out
    placing.dry_run(plan, filled(tmp_path / "full"), resources, out=out, existing="redo", **told)
    assert "4 stages in 2 arrays" in capsys.readouterr().out
    assert '\\"redo\\": true' in (out / "0000.json").read_text()
    with pytest.raises(InputError, match="--existing only runs nothing"):
        placing.dry_run(plan, store, resources, out=out, existing="only", **told)
    with pytest.raises(InputError, match="--address is an option of --engine ray, not of slurm"):
        placing.dry_run(plan, store, resources, out=out, others={"address": "auto", "dashboard": None}, **told)
