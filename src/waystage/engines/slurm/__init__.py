"""Jobs of a SLURM cluster: the whole study goes into its queue, equal stages as arrays, each after what it reads.

What is true stands in the store: a manifest means done. What a stage says comes through the shared disk (`said.py`).
`squeue` tells what waits and runs; of what left the queue without a word, `scontrol` (and `sacct`, where a cluster
keeps accounts) tells why. So the process that submitted may go: the jobs stay, and the next run finds them there.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from waystage.engines.slurm.engine import Slurm
from waystage.engines.slurm.profile import Profile, profiles
from waystage.engines.slurm.script import Batch, batches, dry_run
from waystage.engines.slurm.talk import queue
from waystage.errors import InputError

__all__ = ["Batch", "Profile", "Slurm", "batches", "dry_run", "profiles", "queue", "start"]


def start(*, jobs: int = 1, profile: Path | None = None) -> Slurm:
    """`jobs` is the cluster's business. `profile`: a file with partition, account, time."""
    missing = [name for name in ("sbatch", "squeue", "scontrol", "scancel") if shutil.which(name) is None]
    if missing:
        raise InputError(
            f"there is no {' and no '.join(missing)} on this machine: run this on a login node, or add --dry-run FOLDER"
        )
    return Slurm(profiles(profile))
