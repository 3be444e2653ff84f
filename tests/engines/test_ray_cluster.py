"""Ray on a cluster that others started: here two machines that are one."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from waystage import engines
from waystage.engines.run import execute
from waystage.errors import InputError, MissingExtra
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store

Step = Callable[..., Stage]
HERE = Path(__file__).parent


@pytest.mark.slow
def test_a_stage_on_several_machines_and_names_for_people(step: Step, tmp_path: Path) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster
    from ray.util.state import list_tasks

    how = {"num_cpus": 1, "num_gpus": 2, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args={**how, "include_dashboard": True})
    try:
        cluster.add_node(**how)
        path = os.pathsep.join([str(HERE), *sys.path])
        runtime = {"env_vars": {"PYTHONPATH": path}}
        ray.init(address=cluster.address, runtime_env=runtime, log_to_driver=False)
        store = Store(tmp_path / "store")
        gate, tally = tmp_path / "gate", tmp_path / "tally"
        wide = step(id="wide", name="train on two machines", resources=Resources(devices=4), places={"gate": str(gate)})

        def open_when_both_are_there() -> None:
            while not tally.exists() or tally.read_text().split() != ["wide", "wide"]:
                time.sleep(0.05)
            gate.touch()

        threading.Thread(target=open_when_both_are_there, daemon=True).start()
        with contextlib.closing(engines.get("ray")(jobs=1, address=cluster.address)) as engine:
            assert engine.places == (2, 4)
            assert execute(Plan([wide]), store, engine).ok
            assert store.shared
            team = store.manifest(wide.fingerprint)["facts"]["team"]
            assert (team["PET_NNODES"], team["PET_NODE_RANK"], team["PET_NPROC_PER_NODE"]) == ("2", "0", "2")
            assert team["PET_MASTER_ADDR"] and 1024 < int(team["PET_MASTER_PORT"]) < 65536
            assert tally.read_text().split() == ["wide", "wide"]  # once on each
            until(lambda: "train on two machines" in {task.name for task in list_tasks()})  # told about once a second
            how: dict[str, Any] = {"kind": "toys.shared", "version": 1, "resources": Resources(devices=4, processes=4)}
            shared = Stage(name="four processes", config={}, **how)
            assert execute(Plan([shared]), store, engine).ok
            assert (store.use(shared.fingerprint) / "a.txt").read_text() == "4 False"
            lost = Stage(name="one is lost", config={"told": {"3": "die once"}}, **how)
            assert execute(Plan([lost]), store, engine).ok, "all of them start again"
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.slow
def test_machines_that_join_are_used_and_those_that_are_lost_are_not_waited_for(
    step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    from waystage.engines import ray as house

    how = {"num_cpus": 1, "object_store_memory": 100 * 2**20}
    cluster = Cluster(initialize_head=True, head_node_args=how)
    try:
        runtime = {"env_vars": {"PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}}
        with monkeypatch.context() as patch:
            patch.setattr("ray._private.utils.compute_version_info", lambda: ("1.0.0", "3.8.1"))
            with pytest.raises(InputError, match=r"has other versions than this process.* Ray: 1.0.0 Python: 3.8.1"):
                engines.get("ray")(jobs=1, address=cluster.address)
            ray.shutdown()
        ray.init(address=cluster.address, runtime_env=runtime, log_to_driver=False)
        monkeypatch.setattr(house, "LOOK", 0.2)
        store = Store(tmp_path / "store")
        with contextlib.closing(engines.get("ray")(jobs=1, address=cluster.address)) as engine:
            assert engine.places == (1, 0)
            joined = [cluster.add_node(**how, num_gpus=2) for _ in range(2)]
            until(lambda: engine.poll(0.1) or engine.places == (3, 4))
            wide = step(name="wide", resources=Resources(devices=4))
            assert execute(Plan([wide]), store, engine).ok
            assert store.manifest(wide.fingerprint)["facts"]["team"]["PET_NNODES"] == "2"
            monkeypatch.setattr(house, "PATIENCE", 1.0)
            monkeypatch.setattr(house, "LOOK", 10**9)  # it does not know yet that one is gone
            cluster.remove_node(joined[0])
            heard: list[str] = []

            def lose(event: dict[str, Any], state: Any) -> None:
                if event.get("status") == "running" and not heard:
                    heard.append("running")
                    monkeypatch.setattr(house, "LOOK", 0.2)

            outcome = execute(Plan([step(name="more", resources=Resources(devices=4))]), store, engine, events=lose)
            assert "it needs 2 accelerators on each of 2 machines, and for 0 minutes" in outcome.failed[0].error
            assert engine.places == (2, 2)
            assert execute(Plan([step(name="fewer", resources=Resources(devices=4))]), store, engine).ok
            cluster.remove_node(joined[1])
            until(lambda: engine.poll(0.1) or engine.places == (1, 0))
            last = [step(name="none left", resources=Resources(devices=1)), step(name="on a CPU")]
            outcome = execute(Plan(last), store, engine)
            assert len(outcome.done) == 1 and "it needs 1 accelerator, and" in outcome.failed[0].error
    finally:
        ray.shutdown()
        cluster.shutdown()


def until(true: Callable[[], Any], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_no_cluster_there() -> None:
    pytest.importorskip("ray")
    with pytest.raises(InputError, match=r"no Ray cluster answers at '127.0.0.1:1'"):
        engines.get("ray")(jobs=1, address="127.0.0.1:1")


def test_a_token_is_shown_to_clusters_of_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = pytest.importorskip("ray")
    tokens = pytest.importorskip("ray._private.authentication.authentication_token_setup")
    from waystage.engines import ray as house

    enabled: list[bool] = []
    monkeypatch.setattr(tokens, "maybe_enable_token_auth_if_token_available", lambda **how: enabled.append(True))

    def refuse(**how: Any) -> None:
        raise ConnectionError("Failed to connect") from RuntimeError("InvalidAuthToken: token is missing")

    monkeypatch.setattr(ray, "init", refuse)
    monkeypatch.setattr(house, "_knock", lambda address: None)
    for address, count in (("127.0.0.1:6379", 1), ("ray://localhost:10001", 2), ("192.0.2.77:6379", 2), ("auto", 2)):
        with pytest.raises(InputError, match=r"asks for a token\. Set RAY_AUTH_MODE=token"):
            engines.get("ray")(jobs=1, address=address)
        assert len(enabled) == count


def test_another_cluster_keeps_its_own_dashboard() -> None:
    with pytest.raises(InputError, match=r"the one at '10.0.0.1:6379' has its own or none"):
        engines.get("ray")(jobs=1, address="10.0.0.1:6379", dashboard=True)


@pytest.mark.slow
def test_a_cluster_of_our_own_has_a_dashboard_where_it_is_asked_for(step: Step, store: Store) -> None:
    pytest.importorskip("ray")
    from ray.util.state import list_tasks

    with contextlib.closing(engines.get("ray")(jobs=1, dashboard=True)) as engine:
        assert execute(Plan([step(name="a stage with a name")]), store, engine).ok
        assert engine.page.startswith("http://127.0.0.1:")  # type: ignore[attr-defined]
        while "a stage with a name" not in {task.name for task in list_tasks()}:
            time.sleep(0.2)  # workers report about once a second


def test_without_ray_the_pip_line_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"waystage\[ray\]"):
        engines.get("ray")(jobs=1)
