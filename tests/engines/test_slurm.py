"""SLURM: what goes into its queue, and, where Debian's slurm-wlm is there, what comes of it on a cluster of one."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from waystage.engines.inline import Inline
from waystage.engines.job import Job, job_of
from waystage.engines.run import execute
from waystage.engines.said import path as last_words
from waystage.engines.slurm import Profile, Slurm, batches, dry_run, profiles, queue, start
from waystage.engines.slurm import job as on_the_cluster
from waystage.errors import InputError, UnknownName, WaystageError
from waystage.graph import retention
from waystage.graph.plan import Plan
from waystage.graph.stage import Resources, Stage
from waystage.graph.store import Store, equality

Step = Callable[..., Stage]
Tally = Callable[[], list[str]]
HERE = Path(__file__).parent
LONG = Resources(seconds=1000.0)
SLURM_SAYS = {"SLURM_ARRAY_JOB_ID": "17", "SLURM_ARRAY_TASK_ID": "0", "PET_NODE_RANK": "0"}


def jobs_of(plan: Plan, store: Store) -> list[Job]:
    log = store.root / "runs" / "r" / "logs" / "l.log"
    return [job_of(s, store, resources=s.resources, log=log, run="r") for s in plan.stages.values()]


def names(plan: Plan, store: Store) -> list[list[list[str]]]:
    return [[[job.name for job in element] for element in batch.elements] for batch in batches(jobs_of(plan, store))]


# What goes into the queue


def test_equal_stages_that_wait_for_the_same_are_one_array(step: Step, store: Store) -> None:
    top = step(name="top", resources=LONG)
    seeds = [step(name=f"seed {n}", inputs={"start": top}, resources=LONG) for n in range(3)]
    wide = step(name="wide", inputs={"start": top}, resources=Resources(seconds=1000.0, devices=2))
    assert names(Plan([*seeds, wide]), store) == [[["top"]], [["seed 0"], ["seed 1"], ["seed 2"]], [["wide"]]]


def test_small_stages_that_share_a_checkpoint_share_a_job(step: Step, store: Store) -> None:
    rows = [step(name=f"rows {n}") for n in range(3)]
    trained = step(name="train", resources=LONG)
    ends = [step(name=f"e{n}", inputs={"checkpoint": trained, "rows": r}) for n, r in enumerate(rows)]
    slow = step(name="slow", inputs={"checkpoint": trained}, resources=LONG)
    found = names(Plan([*ends, slow]), store)
    assert [["e0", "e1", "e2"]] in found and [["slow"]] in found
    assert [["train"], ["rows 0"], ["rows 1"], ["rows 2"]] in found


def test_no_batch_waits_for_one_behind_it(step: Step, store: Store) -> None:
    """e1 reads what is made from the same checkpoint as e0: it cannot ride in the job of e0."""
    a = step(name="a", resources=LONG)
    e0 = step(name="e0", inputs={"checkpoint": a})
    b = step(name="b", inputs={"start": e0}, resources=LONG)
    e1 = step(name="e1", inputs={"checkpoint": a, "other": b})
    jobs = jobs_of(Plan([e1]), store)
    done: set[str] = set()
    for batch in batches(jobs):
        assert batch.after & {job.fingerprint for job in jobs} <= done
        done |= {job.fingerprint for job in batch.jobs}
    assert len(done) == 4


def test_a_dry_run_writes_scripts_that_bash_understands(step: Step, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "slurm.toml"
    file.write_text('account = "lab"\nsetup = ["module load cuda"]\n[gpu]\npartition = "a100"\ntime = "1-00:00"\n'
                    'gpus_per_node = 8\noptions = ["--constraint=nvlink"]\n')  # fmt: skip
    top = step(name="top")
    wide = step(name="train: wide", inputs={"start": top}, resources=Resources(devices=16, seconds=9000.0))
    home = tmp_path / "scripts"
    written = dry_run(jobs_of(Plan([wide]), store), home, file)
    assert [path.name for path in written] == ["0000.sh", "0001.sh", "submit.sh"]
    for path in written:
        subprocess.run(["bash", "-n", str(path)], check=True)
    first, second = (path.read_text() for path in written[:2])
    assert '"$SLURM_ARRAY_TASK_ID" 0' in first and '"$SLURM_ARRAY_TASK_ID" 8' in second
    assert "--account=lab" in first and "--partition" not in first and "--gres" not in first and "srun" not in first
    for said in ("--partition=a100", "--time=1-00:00", "--gres=gpu:8", "--nodes=2", "--constraint=nvlink", "--requeue",
                 "--kill-on-invalid-dep=yes", "--job-name=train--wide", "PET_NNODES=2",
                 "exec srun --kill-on-bad-exit=1 --cpus-per-task=32 ", "module load cuda"):  # fmt: skip
        assert said in second
    file.write_text("gpus_per_node = 0")
    assert "--gres" not in dry_run(jobs_of(Plan([wide]), store), home, file)[1].read_text()
    assert "j1=$(sbatch --parsable --dependency=afterok:${j0%%;*}_0 0001.sh)" in written[2].read_text()


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ('partitoin = "x"', UnknownName, r"'partitoin' \(did you mean 'partition'"),
        ("partition = 3", InputError, "partition = 3 is not a text"),
        ("options = ['a', 1]", InputError, "is not a list of texts"),
        ("[gpu]\ngpus_per_node = -1", InputError, "gpus_per_node = -1 must be 0 or more"),
        ("max_jobs = 0", InputError, "max_jobs = 0 must be 1 or more"),
        ("memory = 1", InputError, "memory = 1 is not true or false"),
        ("gpu = 3", InputError, r"gpu = 3 is not a table: write \[gpu\]"),
        ("time = 12:00:00", InputError, 'is not a text: write it in "quotes"'),
        ('time = "a day"', InputError, "time = 'a day' is no time as SLURM writes it"),
        ('time = "2"', InputError, "is over within warning = 120 seconds"),
        ('time = "00:01:00"\nwarning = 60', InputError, "is over within warning = 60 seconds"),
        ("warning = 70000", InputError, "SLURM takes at most 65535"),
        ("x", InputError, "slurm.toml"),
    ],
)
def test_a_profile_that_is_wrong_is_refused(tmp_path: Path, text: str, error: type[Exception], said: str) -> None:
    path = tmp_path / "slurm.toml"
    path.write_text(text)
    with pytest.raises(error, match=said):
        profiles(path)
    with pytest.raises(InputError, match="there is no such file"):
        profiles(tmp_path / "none.toml")
    with pytest.raises(InputError, match=r"Is a directory\. A profile is a file"):
        profiles(tmp_path)


def test_a_machine_s_memory_holds_what_a_stage_on_accelerators_loads(step: Step, store: Store, tmp_path: Path) -> None:
    """A model of 8B, all of it tuned: 32 GB in fp32 go through the machine's memory in each process."""
    whole = step(resources=Resources(devices=4, host=32 * 10**9, memory=70 * 10**9))
    assert "--mem=160000M" in dry_run(jobs_of(Plan([whole]), store), tmp_path)[0].read_text()


@pytest.mark.parametrize(
    ("environment", "accelerators", "device", "said"),
    [
        ({"CUDA_VISIBLE_DEVICES": "0"}, "1", "cuda", ""),
        ({"ROCR_VISIBLE_DEVICES": "2"}, "1", "cuda", ""),
        ({"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, "2", "", "SLURM was asked for 2 accelerators, but on .* is none for"),
        ({}, "1", "", r"torch sees none\). What are they called there \(`gres` of the profile"),
        ({}, "0", "cpu", "gpus_per_node is 0 in the profile\nplanned for an accelerator, but there"),
    ],
)
def test_a_stage_for_an_accelerator_never_runs_on_a_cpu_without_a_word(
    step: Step, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str],
    accelerators: str, device: str, said: str,
) -> None:  # fmt: skip
    for name in ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {**environment, **SLURM_SAYS}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    stage = step(resources=Resources(devices=1))
    [job] = jobs_of(Plan([stage]), store)
    code, message = ran(job, tmp_path, monkeypatch, accelerators)
    if not device:
        assert code == 1 and message["event"] == "failed" and re.search(said, message["error"])
        return
    assert code == 0 and store.manifest(stage.fingerprint)["device"] == device
    assert said in Path(job.log).read_text()


def ran(job: Job, folder: Path, monkeypatch: pytest.MonkeyPatch, accelerators: str = "0") -> tuple[int, dict[str, Any]]:
    """What a job of the cluster does, in this process: its exit code and its last words."""
    monkeypatch.setattr(on_the_cluster, "printing_to", lambda path: contextlib.nullcontext())
    for name, value in SLURM_SAYS.items():
        monkeypatch.setenv(name, value)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGTERM, signal.SIGUSR1)]
    batch = folder / "0000.json"
    batch.write_text(json.dumps([[job.dump()]]))
    try:
        code = on_the_cluster.main(str(batch), "0", accelerators)
    finally:
        for number, handler in before:
            signal.signal(number, handler)
    return code, json.loads(last_words(job).read_text())


@pytest.mark.parametrize(("saves", "event"), [(False, "failed"), (True, "queued")])
def test_a_stage_that_would_begin_anew_for_ever_fails(
    step: Step, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: bool, event: str
) -> None:
    """A second job goes on from what the first one saved, and only from that."""

    def until_time_is_up(job: Job, **how: Any) -> None:
        if saves:
            (store.scratch(job.fingerprint) / "state-000000007").mkdir()
        raise on_the_cluster.TimeUp

    put_back: list[str] = []
    monkeypatch.setattr(on_the_cluster, "perform", until_time_is_up)
    monkeypatch.setattr(on_the_cluster, "_requeue", put_back.append)
    monkeypatch.setenv("SLURM_JOB_ID", "18")
    [job] = jobs_of(Plan([step()]), store)
    code, message = ran(job, tmp_path, monkeypatch)
    assert (code, message["event"], put_back) == ((0, event, ["18"]) if saves else (1, event, []))
    assert saves or "saved nothing that a second job could go on from" in message["error"]


def test_a_training_in_short_jobs_saves_itself_more_often(step: Step, store: Store, tmp_path: Path) -> None:
    """Every five minutes is never, in a job of five minutes."""
    file = tmp_path / "slurm.toml"
    for said, often in (('time = "00:06:00"', "60"), ('time = "12:00:00"', ""), ("", "")):
        file.write_text(said)
        text = dry_run(jobs_of(Plan([step()]), store), tmp_path, file)[0].read_text()
        assert (f'"${{WAYSTAGE_CHECKPOINT_SECONDS:-{often}}}"' in text) == bool(often)
        assert ("CHECKPOINT" in text) == bool(often)


def test_a_store_that_slurm_cannot_write_into_is_refused(step: Step, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="SLURM cannot write into a folder with such a name"):
        dry_run(jobs_of(Plan([step()]), Store(tmp_path)), tmp_path / "a\\b")


def test_ten_thousand_stages_are_put_into_arrays_at_once(step: Step, store: Store) -> None:
    [job] = jobs_of(Plan([step(name="x")]), store)
    jobs = [replace(job, fingerprint=str(n), near="c", inputs={"before": str(n - 1)}) for n in range(10_000)]
    began = time.process_time()
    assert len(batches(jobs)) == 10_000
    assert time.process_time() - began < 2


# A cluster that is played: programs that answer from files


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`played(sbatch="...")`: what these programs do from now on, as lines of a shell."""
    home = tmp_path / "bin"
    home.mkdir()
    monkeypatch.setenv("PATH", f"{home}:/usr/bin:/bin")

    def plays(**programs: str) -> None:
        for name, lines in programs.items():
            (home / name).write_text(f"#!/bin/sh\n{lines}\n")
            (home / name).chmod(0o755)

    plays(sbatch="echo 17", squeue="true", scontrol="false", scancel=f"echo $* >> {tmp_path}/cancelled")
    return plays


TIMEOUT = "echo 'slurm_load_jobs error: Socket timed out on send/recv operation' >&2; exit 1"


def test_a_controller_that_does_not_answer_costs_nothing(
    played: Callable[..., None], step: Step, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Slurm(profiles(None), look=0.0)
    [job] = jobs_of(Plan([step()]), store)
    heard: list[dict[str, Any]] = []
    assert engine.submit(job, heard.append)
    played(sbatch="echo 'sbatch: error: Slurm temporarily unable to accept job' >&2; exit 1", squeue=TIMEOUT)
    engine.poll(0.0)
    assert engine.jobs[job.fingerprint].id == ""
    played(sbatch="echo 17")
    for _ in range(4):
        engine.poll(0.0)
    assert engine.jobs[job.fingerprint].id == "17_0"
    monkeypatch.setattr("waystage.engines.slurm.engine.SILENCE", 0.0)
    with pytest.raises(WaystageError, match="Socket timed out"):
        engine.poll(0.0)


@pytest.mark.parametrize("why", ["invalid partition specified: a100", "Job violates policy (job submit limit)"])
def test_what_will_not_change_ends_the_run(played: Callable[..., None], step: Step, store: Store, why: str) -> None:
    engine = Slurm(profiles(None), look=0.0)
    engine.submit(jobs_of(Plan([step()]), store)[0], lambda message: None)
    played(sbatch=f"echo 'sbatch: error: {why}' >&2; exit 1")
    with pytest.raises(WaystageError, match=r"sbatch --parsable .* says: "):
        engine.poll(0.0)


def submitted(
    engine: Slurm, jobs: list[Job], tell: Callable[[dict[str, Any]], None] = lambda message: None
) -> list[str]:
    for job in jobs:
        assert engine.submit(job, tell)
    engine.poll(0.0)
    return [engine.jobs[job.fingerprint].id for job in jobs]


NUMBERS = 'n=$(cat $0.n 2>/dev/null || echo 16); n=$((n+1)); echo $n > $0.n; echo "$*" >> $0.said; echo $n'


def test_what_is_made_again_waits_for_what_it_reads(
    played: Callable[..., None], step: Step, store: Store, tmp_path: Path
) -> None:
    """`--existing redo`: what it reads is in the store, but of before."""
    top = step(resources=LONG)
    plan = Plan([step(inputs={"from": top}, resources=LONG)])
    assert execute(plan, store, Inline()).ok
    played(sbatch=NUMBERS)
    engine = Slurm(profiles(None))
    jobs = [replace(job, redo=True) for job in jobs_of(plan, store)]
    heard: list[dict[str, Any]] = []
    assert submitted(engine, jobs, heard.append) == ["17_0", "18_0"]
    first, second = (tmp_path / "bin" / "sbatch.said").read_text().splitlines()
    assert "--dependency" not in first and "--dependency=afterok:17_0" in second
    for _ in range(2):  # and one that left without a word has not made what was there before
        engine._look()
    assert [message["event"] for message in heard] == ["queued"] * 4


def test_two_runs_that_share_jobs_do_not_cancel_them_for_each_other(
    played: Callable[..., None], step: Step, store: Store, tmp_path: Path
) -> None:
    jobs = jobs_of(Plan([step(resources=LONG), step(steps=1, resources=LONG)]), store)
    played(sbatch=NUMBERS)
    engine = Slurm(profiles(None))
    submitted(engine, jobs)
    retention.claim(store, "another", [jobs[0].fingerprint])
    engine.close(cancel=True)
    assert (tmp_path / "cancelled").read_text() == "17_1\n"


def test_a_job_whose_number_was_not_heard_is_cancelled_too(
    played: Callable[..., None], step: Step, store: Store, tmp_path: Path
) -> None:
    """Ctrl-C between the submission and what sbatch says of it. Jobs of others may have any comment."""
    [job] = jobs_of(Plan([step()]), store)
    batch = tmp_path / "elsewhere" / "0000.json"
    batch.parent.mkdir()
    batch.write_text(json.dumps([[job.dump()]]))
    (tmp_path / "other.json").write_text("{}")
    engine = Slurm(profiles(None))
    engine.submit(job, lambda message: None)
    comments = (f"17|0|PENDING|None|{batch}", f"18|N/A|PENDING|None|{batch}", f"19|3|PENDING|None|{batch}",
                f"20|0|PENDING|None|{tmp_path}/other.json", "21|0|RUNNING|None|a: comment")  # fmt: skip
    played(squeue="\n".join(f"echo '{line}'" for line in comments))
    engine.close(cancel=True)
    assert (tmp_path / "cancelled").read_text() == "17_0\n"
    heard: list[dict[str, Any]] = []
    later = Slurm(profiles(None))  # a job that a dry run's script submitted is found as well
    later.submit(replace(job, run="later"), heard.append)
    assert heard[0]["note"] == "in the queue since an earlier run: job 17_0"


def test_scripts_of_an_earlier_run_that_wait_in_the_queue_are_left_alone(
    played: Callable[..., None], step: Step, store: Store, tmp_path: Path
) -> None:
    """A stage that an earlier run submitted, and this one submits again, goes into a script of this run."""
    a, b = jobs_of(Plan([step(resources=LONG), step(steps=1, resources=LONG)]), store)
    played(sbatch=NUMBERS)
    submitted(Slurm(profiles(None)), [a, b])
    (script,) = store.root.glob("runs/r/slurm/*.json")
    before = script.read_bytes()
    played(squeue=f"echo '17|0|PENDING|None|{script}'; echo '17|1|PENDING|None|{script}'")
    engine = Slurm(profiles(None), look=0.0)
    log = store.root / "runs" / "s" / "logs" / "l.log"
    heard: list[dict[str, Any]] = []
    assert submitted(engine, [replace(job, run="s", log=str(log)) for job in (a, b)], heard.append) == ["17_0", "17_1"]
    played(squeue=f"echo '17|0|PENDING|None|{script}'")
    for _ in range(3):
        engine.poll(0.0)
    assert engine.jobs[b.fingerprint].id == "18_0" and "submitted again" in heard[-1]["note"]
    assert script.read_bytes() == before and list(store.root.glob("runs/s/slurm/0000.json"))


def test_a_job_that_does_not_come_to_its_stage_says_why(played: Callable[..., None], step: Step, store: Store) -> None:
    played(scontrol="echo JobId=17 JobState=FAILED Reason=NonZeroExitCode")
    engine = Slurm(profiles(None), look=0.0)
    heard: list[dict[str, Any]] = []
    [job] = jobs_of(Plan([step()]), store)
    submitted(engine, [job], heard.append)
    (store.root / "runs" / "r" / "slurm" / "0000-0.out").write_text("module: cuda: no such module\n")
    for _ in range(2):
        engine.poll(0.0)
    assert heard[-1]["event"] == "failed" and heard[-1]["tail"] == ["module: cuda: no such module"]


def test_a_machine_without_all_of_slurm_is_refused(played: Callable[..., None], tmp_path: Path) -> None:
    (tmp_path / "bin" / "squeue").unlink()
    os.environ["PATH"] = str(tmp_path / "bin")  # put back with the rest by `played`
    with pytest.raises(InputError, match="there is no squeue on this machine"):
        start()


# On a cluster


@pytest.mark.slow
def test_a_job_killed_in_the_middle_goes_on(
    slurm: Slurm, step: Step, store: Store, tmp_path: Path, tally: Tally
) -> None:
    top = step(id="top")
    dies = step(id="dies", steps=4, places={"die once": str(tmp_path / "died")}, inputs={"from": top}, resources=LONG)
    plan = Plan([step(id="end", inputs={"from": dies}), step(id="other", inputs={"from": top})])
    first = execute(plan, store, slurm)
    assert [failure.name for failure in first.failed] == ["step dies"]
    assert "ended without a word: FAILED" in first.failed[0].error
    assert execute(plan, store, slurm).ok
    assert Counter(tally()) == {"top": 1, "dies": 2, "end": 1, "other": 1}
    reference = Store(tmp_path / "reference")
    execute(plan, reference, Inline())
    assert equality(store, plan.stages) == equality(reference, plan.stages)


@pytest.mark.slow
def test_a_requeued_job_goes_on(slurm: Slurm, step: Step, store: Store, tally: Tally) -> None:
    """What preemption and a failed machine do: SLURM puts the job back. It would let it wait for two minutes."""
    stage = step(id="long", steps=30, pause=0.1, resources=LONG)
    plan = Plan([step(id="end", inputs={"from": stage}), stage])
    notes: list[str] = []

    def events(event: dict[str, Any], state: Any) -> None:
        if event.get("note"):
            notes.append(event["note"])
        (waiting,) = [w for w in slurm.jobs.values() if w.job.name == "step long"] or [None]
        if waiting and event.get("step") and not any("back" in note for note in notes):
            subprocess.run(["scontrol", "requeue", waiting.id], check=True)
            notes.append("put back")
        if "BeginTime" in str(event.get("note")):
            time.sleep(2)  # in the second of its end SLURM takes the new start for the old one, and refuses it
            subprocess.run(["scontrol", "update", f"jobid={waiting.id}", "StartTime=now"], check=True)

    outcome = execute(plan, store, slurm, events=events)
    assert outcome.ok, outcome.text()
    assert any(note.startswith("back in the queue: job ") for note in notes)
    assert Counter(tally()) == {"long": 2, "end": 1}


@pytest.mark.slow
def test_a_failure_costs_what_hangs_on_it_only(slurm: Slurm, step: Step, store: Store) -> None:
    bad = step(name="bad", fail="x", resources=LONG)
    plan = Plan([step(name="lost", inputs={"from": bad}, resources=LONG), step(name="good", resources=LONG)])
    outcome = execute(plan, store, slurm)
    assert [failure.error for failure in outcome.failed] == ["ValueError: told to fail: x"]
    assert list(outcome.skipped.values()) == ["bad failed"] and len(outcome.done) == 1
    for _ in range(100):
        if not queue():
            break
        time.sleep(0.1)
    assert queue() == {}  # what could never begin does not pend for ever


@pytest.mark.slow
def test_the_driver_is_killed_and_the_next_run_finds_its_jobs(slurm: Slurm, tmp_path: Path) -> None:
    store, tally, wide = Store(tmp_path / "store"), tmp_path / "tally", 4
    command = [sys.executable, "-m", "toys.study", str(store.root), "slurm", "2", "0.5", str(tally), str(wide)]
    driver = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(HERE)}, stdout=subprocess.DEVNULL)
    while not list(store.fingerprints()):
        assert driver.poll() is None
        time.sleep(0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    from toys.study import study

    notes: list[str] = []
    plan = study(pause=0.5, tally=str(tally), wide=wide)
    assert execute(plan, store, slurm, events=lambda event, state: notes.append(str(event.get("note")))).ok
    assert any(note.startswith("in the queue since an earlier run: job ") for note in notes)
    ran = Counter(tally.read_text().splitlines())
    assert len(ran) == 1 + 2 * wide and set(ran.values()) == {1}  # the jobs went on without their driver


@pytest.mark.slow
def test_the_time_of_a_job_is_up_before_its_stage_ends(slurm_cluster: Path, step: Step, store: Store) -> None:
    """It is told and puts itself back into the queue. SLURM lets it wait there for two minutes, this test does not."""
    engine = Slurm({"cpu": Profile(time="00:01:00", warning=55), "gpu": Profile()}, look=0.5)
    stage = step(id="long", steps=900, pause=0.1, resources=LONG)
    notes: list[str] = []

    def events(event: dict[str, Any], state: Any) -> None:
        notes.append(str(event.get("note")))
        if "BeginTime" in notes[-1] or "its time was up" in notes[-1]:
            engine.close(cancel=True)
            raise KeyboardInterrupt("SIGINT")

    outcome = execute(Plan([stage]), store, engine, events=events)
    assert outcome.interrupted and any("its time was up" in note for note in notes)
    assert list(store.root.glob("scratch/*/step"))
