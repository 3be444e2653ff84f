"""Ray tasks, on a cluster that is there (--address) or one started on this machine; the store is on a shared disk."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from waystage.engines import Tell, devices, memory
from waystage.engines.job import Job, Message, assist, perform, tail, team, text_of
from waystage.engines.said import Ear, teller
from waystage.engines.schedule import Node, Place, Room
from waystage.engines.worker import printing_to, set_threads
from waystage.errors import InputError, MissingExtra
from waystage.graph.store import Store

RETRIES = 3  # times that a stage whose worker or machine was lost is started again; it goes on from its checkpoint
LISTEN = 0.5  # seconds between two looks at what stages say
GRACE = 10.0  # seconds that a stage has to stop by itself
LOOK = 5.0  # seconds between two looks at which machines a cluster of others has
PATIENCE = 300.0  # seconds that a stage waits for machines that the cluster has lost
SHORT = 5.0  # seconds: so short stages stand in line at a cluster of our own, behind those that have a place
SMALL = 10**9  # bytes of memory that one of these takes at most
ANSWER = 60.0  # seconds that a machine has to say what accelerators it has
OBJECTS = 100 * 2**20  # bytes of shared memory for a cluster of our own: what travels is names and JSON


SPARED = ("start_api_server", "start_monitor", "start_log_monitor")  # the dashboard, the autoscaler, tailing of logs
AGENTS = ("dashboard_agent", "runtime_env_agent")  # of a machine: one tells the dashboard, one installs packages
PORTS = ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN", "RUNTIME_ENV_AGENT")  # that they listen on
NOBODY = ["/bin/sh", "-c", "exec tail --pid=$PPID -f /dev/null"]  # in their place; it ends when Ray's process does
LEAN = {
    "RAY_enable_metrics_collection": "0",
    "RAY_task_events_report_interval_ms": "0",  # what tasks do is told to the dashboard, and at the end once more
    "RAY_raylet_client_connect_timeout_milliseconds": "10",  # instead of a second, in which its memory is ready long
    "RAY_raylet_client_num_connect_attempts": "3000",
}
BRISK = SimpleNamespace(**{**vars(time), "sleep": lambda seconds: time.sleep(min(seconds, 0.005))})
LATER = {"RAY_prestart_worker_first_driver": "0"}  # workers begin with the cluster, unless there are more than cores


def start(*, jobs: int = 1, address: str | None = None, dashboard: bool | None = None) -> Ray:
    """`address` of a running cluster ("auto": that of this machine); without it, one for `jobs` stages on loopback.

    `dashboard`: Ray's pages about the cluster on loopback, for some seconds more at the start.
    """
    if dashboard and address is not None:
        raise InputError(
            f"--dashboard is for a cluster that this run starts; the one at {address!r} has its own or none"
        )
    return Ray(jobs=jobs or os.cpu_count() or 1, address=address, dashboard=bool(dashboard))


@dataclass(eq=False)
class Task:
    job: Job
    tell: Tell
    others: list[Any]  # the same stage on further machines
    place: Place
    cpus: int = 0  # that it asks for, where it is not for accelerators
    group: Any = None  # what keeps places for it on several machines
    met: bool = True  # these have come together
    starts: int = 1
    stranded: float = 0.0  # since when no machine could take it

    @property
    def counts(self) -> list[int]:
        """How many accelerators of each machine."""
        return [len(numbers) for numbers in self.place.nodes.values()]


class Ray:
    ahead = False

    def __init__(
        self,
        *,
        jobs: int = 1,
        address: str | None = None,
        dashboard: bool = False,
        accelerators: int | None = None,
    ):
        try:
            import ray
        except ModuleNotFoundError:
            raise MissingExtra("the ray engine", "ray") from None
        self.ray = ray
        self.own = address is None
        if self.own:
            here = len(devices.visible()) if accelerators is None else accelerators
            how = {"address": "local", "num_cpus": jobs, "num_gpus": here, "include_dashboard": dashboard,
                   "object_store_memory": OBJECTS, "_node_ip_address": "127.0.0.1"}  # fmt: skip
        else:
            _knock(str(address))
            _with_token(str(address))
            how = {"address": address}
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # a stage on the CPU sees no accelerator
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own 15 gives way to everything else on the machine
        self.attached = ray.is_initialized()  # by whoever uses Waystage as a library: theirs to end
        self.page = ""  # where the dashboard is
        try:
            if not self.attached:
                said = _begin(ray, lean=self.own and not dashboard, **how)
                self.page = f"http://{said.dashboard_url}" if dashboard else ""
        except (ConnectionError, ValueError) as error:
            if "token" in f"{error} {error.__cause__}".lower():
                raise InputError(
                    f"the Ray cluster at {address!r} asks for a token. Set RAY_AUTH_MODE=token, and have the cluster's "
                    "token in ~/.ray/auth_token or RAY_AUTH_TOKEN (`ray get-auth-token` shows it there)"
                ) from None
            raise InputError(
                f"no Ray cluster answers at {address!r}: {error}. Is it running? `ray status` says"
            ) from None
        except RuntimeError as error:
            if "ersion mismatch" not in str(error):
                raise
            raise InputError(
                f"the Ray cluster at {address!r} has other versions than this process. Ray and Python, down to the "
                f"last number, have to be the same on both. Ray says: {' '.join(str(error).split())}"
            ) from None
        self.machines = {node["NodeID"]: node for node in ray.nodes() if node["Alive"]}
        self.room = Room([self._node(name, node) for name, node in self.machines.items()])
        self.run = ray.remote(_run)
        if self.own:  # workers begin now, while this process still looks at its store
            self.warm = [ray.remote(_warm).remote(sys.path) for _ in range(min(jobs, os.cpu_count() or 1))]
        self.tasks: dict[Any, Task] = {}
        self.line: set[str] = set()  # of these: without a place of their own, behind the others
        self.ear = Ear()
        self.listened = 0.0
        self.looked = time.monotonic()
        self.bare: dict[bool, float] = {}  # since when there is no place on a CPU (False), no accelerator (True)

    def _node(self, name: str, node: dict[str, Any]) -> Node:
        has = node["Resources"]
        count = int(has.get("GPU", 0))
        sizes: tuple[int, ...] = (0,) * count
        if count:
            # Which of a machine's accelerators a task gets is Ray's choice: each counts as the smallest.
            ask = self.ray.remote(_sizes).options(num_cpus=0, scheduling_strategy=self._at(name), name="accelerators")
            with suppress(self.ray.exceptions.RayError):  # it is slow, or gone again: not known
                sizes = (min(self.ray.get(ask.remote(), timeout=ANSWER), default=0),) * count
        total = memory.total() if self.own else int(has.get("memory", 0))
        return Node(name=name, slots=int(has.get("CPU", 0)), memory=total, devices=sizes)

    def _at(self, node: str) -> Any:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        if len(self.machines) == 1:
            return "DEFAULT"  # which spares a question to the scheduler per task
        return NodeAffinitySchedulingStrategy(node, soft=True)  # where it is gone, another will do

    @property
    def places(self) -> tuple[int, int]:
        return self.room.slots, self.room.total

    def submit(self, job: Job, tell: Tell) -> bool:
        now = time.monotonic()
        place = self.room.place(job.fingerprint, job.need, now=now, near=job.near)
        if place is None and self._in_line(job):
            self.line.add(job.fingerprint)
            place = Place(next(iter(self.machines)))
        if place is None:
            wide = bool(job.devices and self.room.accelerated)
            if now - self.bare.get(wide, now) <= PATIENCE:
                return False
            self._tell_gone(job, tell, _words([1] if wide else [], 1))
            return True
        if len(self.machines) > 1:
            Store(job.store, shared=True)
        if len(place.nodes) > 1:
            self._gather(Task(job, tell, [], place))
        else:
            cpus = 0 if place.devices else min(job.processes, self.room.nodes[place.node].slots)
            how = {"name": job.name, "max_retries": RETRIES, "num_gpus": len(place.devices), "num_cpus": cpus}
            run = self.run.options(**how, scheduling_strategy=self._at(place.node))
            self.tasks[run.remote(job.dump(), self._path, None)] = Task(job, tell, [], place, cpus)
        tell({"event": "started", "fingerprint": job.fingerprint, "log": job.log})
        return True

    def _in_line(self, job: Job) -> bool:
        """Whether Ray gets it already, so that a worker that is done with a short stage has the next one at once."""
        small = not job.devices and job.processes == 1 and job.seconds <= SHORT and job.memory <= SMALL
        full = len(self.tasks) - len(self.line) >= self.room.slots
        return self.own and small and full and len(self.line) < self.room.slots

    def _leave(self, fingerprint: str) -> None:
        if fingerprint in self.line:
            self.line.remove(fingerprint)
        else:
            self.room.free(fingerprint)

    @property
    def _path(self) -> list[str]:
        """Where workers find what this process can import; on a cluster of others they have their own."""
        return sys.path if self.own else []

    def _gather(self, task: Task) -> None:
        """Asks for places on several machines: all of them or none, however long it takes."""
        from ray.util import placement_group

        task.group = placement_group([{"GPU": count} for count in task.counts], strategy="STRICT_SPREAD")
        task.met, task.others = False, []
        self.tasks[self._on(task, 0, self.ray.remote(_meeting)).remote()] = task

    def _begin(self, task: Task, host: str, port: int) -> None:
        """The same stage on several machines: none is tried again by itself."""
        counts = task.counts
        teams = [team(machines=len(counts), number=n, each=counts[0], host=host, port=port) for n in range(len(counts))]
        first, *task.others = [
            self._on(task, n, self.run).remote(task.job.dump(), self._path, env) for n, env in enumerate(teams)
        ]
        task.met = True
        self.tasks[first] = task

    def _on(self, task: Task, number: int, function: Any) -> Any:
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        where = PlacementGroupSchedulingStrategy(task.group, number)
        how = {"name": task.job.name, "max_retries": 0, "num_gpus": task.counts[number], "num_cpus": 0}
        return function.options(**how, scheduling_strategy=where)

    def poll(self, timeout: float) -> None:
        now = time.monotonic()
        if not self.own and now - self.looked > LOOK:
            self.looked = now
            self._look(now)
        if self.tasks:
            for first, task in self.tasks.items():
                if task.others and self._lost(task.others):
                    self.ray.cancel(first, force=True)  # it would wait for them
            ended, _ = self.ray.wait(list(self.tasks), timeout=timeout)
            if ended:
                ended, _ = self.ray.wait(list(self.tasks), num_returns=len(self.tasks), timeout=0)
            for reference in ended:
                task = self.tasks.pop(reference)
                message = self._answer(reference, task)
                if message["event"] == "met":
                    self._begin(task, *message["at"])
                elif message["event"] == "lost":
                    task.starts += 1
                    self._gather(task)
                else:
                    self._leave(task.job.fingerprint)
                    self._hear(task)
                    task.tell({**message, "fingerprint": task.job.fingerprint})
        elif self.bare:
            time.sleep(LISTEN)
        if now - self.listened > LISTEN:
            self.listened = now
            for task in self.tasks.values():
                self._hear(task)

    # Machines that come and go

    def _look(self, now: float) -> None:
        alive = {node["NodeID"]: node for node in self.ray.nodes() if node["Alive"]}
        new, gone = alive.keys() - self.machines.keys(), self.machines.keys() - alive.keys()
        self.machines = alive
        for name in gone:
            self.room.leave(name)
        for name in sorted(new):
            self.room.join(self._node(name, alive[name]))
        lacking = {False: not self.room.slots, True: self.room.accelerated and not self.room.total}
        self.bare = {which: self.bare.get(which, now) for which, lacks in lacking.items() if lacks}
        for reference, task in list(self.tasks.items()):
            task.stranded = 0.0 if self._possible(task) else task.stranded or now
            if task.stranded and now - task.stranded > PATIENCE:
                del self.tasks[reference]
                self._end(task, [reference, *task.others])
                self._leave(task.job.fingerprint)
                self._tell_gone(task.job, task.tell, _words(task.counts, task.cpus))

    def _possible(self, task: Task) -> bool:
        """Whether the machines that are left could take it, were they free."""
        have = sorted((len(node.devices) for node in self.room.nodes.values()), reverse=True)
        wanted = sorted(task.counts, reverse=True)
        if not wanted:
            return any(node.slots >= task.cpus for node in self.room.nodes.values())
        return len(have) >= len(wanted) and all(had >= count for had, count in zip(have, wanted, strict=False))

    def _tell_gone(self, job: Job, tell: Tell, what: str) -> None:
        error = (
            f"it needs {what}, and for {PATIENCE / 60:.0f} minutes the Ray cluster has had no machine left for that. "
            "`ray status` shows those that it has. When they are back, run the study again: it goes on from here"
        )
        tell({"event": "failed", "fingerprint": job.fingerprint, "error": error, "tail": tail(Path(job.log))})

    def _end(self, task: Task, references: Iterable[Any]) -> None:
        for reference in references:
            self.ray.cancel(reference, force=True)
        if task.group:
            from ray.util import remove_placement_group

            remove_placement_group(task.group)
            task.group = None

    def _lost(self, others: list[Any]) -> bool:
        """Whether one of the other machines ended without having done its part."""
        ended, _ = self.ray.wait(others, num_returns=len(others), timeout=0)
        try:
            self.ray.get(ended)
        except self.ray.exceptions.RayError:
            return True
        return False

    def _hear(self, task: Task) -> None:
        message = self.ear.listen(task.job)
        if message and message["event"] == "progress":
            task.tell(message)

    def _answer(self, reference: Any, task: Task) -> Message:
        try:
            answer = self.ray.get(reference)
            if not task.met:
                return {"event": "met", "at": answer}
            message: Message = answer
        except self.ray.exceptions.RayError as error:
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            words = f"its Ray worker was lost {1 + RETRIES} times: {why}"
            if isinstance(error, self.ray.exceptions.RayTaskError):  # it could not even write its log
                words = f"its Ray task ended with {text_of(error.cause)}"
            message = {"event": "failed", "error": words,
                       "tail": tail(Path(task.job.log))}  # fmt: skip
            if task.group and task.starts <= RETRIES:
                message = {"event": "lost"}  # as Ray itself starts a single task again
        self._end(task, task.others)
        return message

    def withdraw(self, fingerprints: Iterable[str]) -> None:
        for fingerprint in fingerprints:
            self.room.forget(fingerprint)

    def close(self, *, cancel: bool = False) -> None:
        if not self.ray.is_initialized():
            return
        try:
            if self.tasks:
                references = [one for first, task in self.tasks.items() for one in (first, *task.others)]
                for reference in references:
                    self.ray.cancel(reference)  # KeyboardInterrupt in the stage
                _, left = self.ray.wait(references, num_returns=len(references), timeout=GRACE)
                for reference in left:
                    self.ray.cancel(reference, force=True)
                for task in self.tasks.values():
                    self._end(task, ())
        finally:
            self.tasks.clear()
            if not self.attached:
                self.ray.shutdown()


def _run(text: str, path: list[str], environment: dict[str, str] | None) -> Message:
    """What a Ray worker does."""
    import ray

    began = time.time()
    _warm(path)
    job = Job.load(text)
    set_threads(job)
    device = "cuda" if ray.get_gpu_ids() else "cpu"
    os.environ.update(environment or {})
    with printing_to(Path(job.log)):
        if environment and environment["PET_NODE_RANK"] != "0":
            assist(job, device=device, team=environment)
            return {"event": "assisted"}
        answer = perform(job, engine="ray", device=device, tell=teller(job), team=environment)
    return {**answer, "began": began}


def _begin(ray: Any, *, lean: bool, **how: Any) -> Any:
    if lean:
        # other versions of Ray may not begin so; if it is not that, it comes again
        with suppress(Exception), _lean(how["num_cpus"]):
            return ray.init(log_to_driver=False, logging_level="error", **how)
        ray.shutdown()
    return ray.init(log_to_driver=False, logging_level="error", **how)


@contextmanager
def _lean(jobs: int) -> Iterator[None]:
    """A cluster begins without what nobody looks at: it takes a third of the time. Ray has no switch for these.

    It always starts the dashboard's process and, on each machine, two agents, and waits for all of them, even where it
    is told that there shall be no dashboard.
    """
    from ray._private import node as nodes
    from ray._private import services, utils

    with _set(nodes.Node, {name: lambda self, **how: None for name in SPARED}), ExitStack() as more:
        if sys.platform == "linux" and all(hasattr(services, name) for name in ("start_ray_process", "get_node")):
            start, node = services.start_ray_process, services.get_node
            wait = getattr(nodes, "wait_for_persisted_port", None)
            ports = {"wait_for_persisted_port": partial(wait, poll_interval_ms=2)} if wait else {}
            more.enter_context(_set(nodes, {"time": BRISK, **ports}))
            more.enter_context(_set(utils, {"get_dashboard_dependency_error": lambda: ImportError("not looked for")}))
            more.enter_context(
                _set(services, {"start_ray_process": _without_agents(start), "get_node": _soon(services, node)})
            )
            said = LEAN | (LATER if jobs > (os.cpu_count() or 1) else {})
            for name in said.keys() - os.environ.keys():
                os.environ[name] = said[name]  # for the processes that begin now, not for another cluster later
                more.callback(os.environ.pop, name)
        yield


@contextmanager
def _set(where: Any, new: dict[str, Any]) -> Iterator[None]:
    before = {name: getattr(where, name) for name in new if hasattr(where, name)}
    for name in before:
        setattr(where, name, new[name])
    try:
        yield
    finally:
        for name, value in before.items():
            setattr(where, name, value)


def _without_agents(start: Callable[..., Any]) -> Callable[..., Any]:
    """Where Ray would start the agents, nobody stands; where it would read which ports they have, port 1 is written."""
    from ray import _raylet

    def started(command: list[str], kind: str, *more: Any, **how: Any) -> Any:
        said = dict(word[2:].split("=", 1) for word in command if word.startswith("--") and "=" in word)
        if all(f"{name}_command" in said for name in AGENTS) and all(hasattr(_raylet, f"{n}_PORT_NAME") for n in PORTS):
            for name in PORTS:
                _raylet.persist_port(said["session_dir"], said["node_id"], getattr(_raylet, f"{name}_PORT_NAME"), 1)
            nobody = {f"--{name}_command": subprocess.list2cmdline(NOBODY) for name in AGENTS}
            command = [
                f"{key}={nobody[key]}" if (key := word.partition("=")[0]) in nobody else word for word in command
            ]
        return start(command, kind, *more, **how)

    return started


def _soon(services: Any, get: Callable[..., Any]) -> Callable[..., Any]:
    """Ray asks once a second whether the machine is there."""
    from ray._private.state import GlobalState

    def found(address: str, node: str) -> Any:
        state = GlobalState()
        state._initialize_global_state(services._get_gcs_client_options(address))
        end = time.monotonic() + ANSWER
        while time.monotonic() < end and not any(one["NodeID"] == node for one in state.node_table()):
            time.sleep(0.01)
        return get(address, node)

    return found


def _knock(address: str) -> None:
    """Ray itself would wait for minutes for a cluster that is not there."""
    import socket

    host, _, port = address.rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.removeprefix("ray://"), int(port)), timeout=10).close()
        except OSError as error:
            raise InputError(
                f"no Ray cluster answers at {address!r}: {error}. Is it running? `ray status` says"
            ) from None


def _with_token(address: str) -> None:
    """Ray shows its token to a cluster that it finds on this machine by itself, not to one whose address is said.

    To one of this machine it may: the token is in a file of the same user. With others the user has to say so.
    """
    host = address.removeprefix("ray://").rpartition(":")[0]
    if _here(host):
        with suppress(ImportError):  # versions before there were tokens
            from ray._private.authentication.authentication_token_setup import (
                maybe_enable_token_auth_if_token_available as enable,
            )

            enable(warn_if_disabled=False)


def _here(host: str) -> bool:
    """Whether this machine has that address."""
    import socket

    try:
        with socket.socket() as probe:
            probe.bind((host, 0))
        return bool(host)
    except OSError:
        return False


def _warm(path: list[str]) -> None:
    """A worker that has begun, and can import what the run can."""
    sys.path += [place for place in path if place not in sys.path]


def _words(counts: list[int], cpus: int) -> str:
    if not counts:
        return f"{cpus} place{'s' if cpus > 1 else ''} on a CPU"
    each = f"{max(counts)} accelerator{'s' if max(counts) > 1 else ''}"
    return each if len(counts) == 1 else f"{each} on each of {len(counts)} machines"


def _sizes() -> tuple[int, ...]:
    return devices.sizes(devices.visible())


def _meeting() -> tuple[str, int]:
    """An address and a free port of this machine."""
    import socket

    import ray

    with socket.socket() as probe:
        probe.bind(("", 0))
        return ray.util.get_node_ip_address(), probe.getsockname()[1]
