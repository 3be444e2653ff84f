"""A SLURM cluster of this machine alone, on loopback: Debian's slurm-wlm without systemd, gone when the test ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
CONF = """
ClusterName=waystage-test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/munge.socket
CryptoType=crypto/munge
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool
SlurmctldPidFile={home}/slurmctld.pid
SlurmdPidFile={home}/slurmd.pid
SlurmctldLogFile={home}/slurmctld.log
SlurmdLogFile={home}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=batch_sched_delay=0,sched_interval=1,sched_min_interval=0,bf_interval=1
KillWait=1
ReturnToService=2
SlurmdParameters=config_overrides
MailProg=/bin/true
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=16000 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def lacking() -> str:
    """Why there can be no cluster here; empty when there can."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing:
        return f"no {', '.join(missing)} here: apt-get install slurm-wlm munge"
    return "" if os.geteuid() == 0 else "starting a SLURM cluster takes root"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def cluster(cpus: int = 4) -> Iterator[Path]:
    """While it lasts, sbatch and the others talk to it. Gives the folder with its configuration and logs."""
    home = Path(tempfile.mkdtemp(prefix="ws-slurm-"))
    started: list[subprocess.Popen[bytes]] = []
    before = os.environ.get("SLURM_CONF")

    def start(*command: str) -> None:
        with open(home / "started.log", "ab") as log:
            started.append(subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL))

    try:
        host = socket.gethostname().partition(".")[0]
        text = CONF.format(host=host, home=home, controller=free_port(), daemon=free_port(), cpus=cpus)
        (home / "slurm.conf").write_text(text)
        (home / "munge.key").write_bytes(os.urandom(128))
        (home / "munge.key").chmod(0o600)
        for name in ("state", "spool"):
            (home / name).mkdir()
        os.environ["SLURM_CONF"] = str(home / "slurm.conf")
        start("/usr/sbin/munged", "--foreground", "--force", f"--socket={home}/munge.socket",
              f"--key-file={home}/munge.key", f"--pid-file={home}/munged.pid", f"--seed-file={home}/munged.seed",
              f"--log-file={home}/munged.log")  # fmt: skip
        _wait(lambda: (home / "munge.socket").exists(), home)
        start("/usr/sbin/slurmctld", "-D", "-i")
        start("/usr/sbin/slurmd", "-D")
        _wait(lambda: "idle" in _output("sinfo", "-h", "-o", "%T"), home)
        yield home
    finally:
        _output("scancel", "--user=root")
        for process in reversed(started):
            process.terminate()
        for process in started:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:  # slurmd, now and then, where a job has just been cancelled
                process.kill()
                process.wait()
        if before is None:
            os.environ.pop("SLURM_CONF", None)
        else:
            os.environ["SLURM_CONF"] = before
        shutil.rmtree(home, ignore_errors=True)


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _wait(ready: object, home: Path) -> None:
    assert callable(ready)
    for _ in range(1200):
        if ready():
            return
        time.sleep(0.1)
    logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in sorted(home.glob("*.log")))
    raise RuntimeError(f"the SLURM cluster does not start:\n{logs}")
