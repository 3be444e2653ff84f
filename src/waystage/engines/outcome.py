"""How a run ended."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Failure:
    fingerprint: str
    name: str
    error: str
    log: str
    tail: tuple[str, ...]  # the last lines of the log


@dataclass
class Outcome:
    run: str
    done: list[str] = field(default_factory=list)  # fingerprints, in the order in which they ended
    reused: list[str] = field(default_factory=list)  # there before, or made meanwhile by another run
    dropped: list[str] = field(default_factory=list)  # checkpoints that have served
    failed: list[Failure] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)  # fingerprint -> why
    warnings: list[str] = field(default_factory=list)
    seconds: float = 0.0
    busy: dict[str, tuple[float, int]] = field(default_factory=dict)  # places -> share of the time, how many there are
    together: float = 0.0  # stages side by side, on average
    interrupted: str | None = None  # the signal that stopped the run

    @property
    def ok(self) -> bool:
        """Everything that was wanted exists."""
        return not (self.failed or self.skipped or self.interrupted)

    @property
    def status(self) -> str:
        return "interrupted" if self.interrupted else "failed" if self.failed else "done"

    def text(self) -> str:
        """What happened and how to go on, for people."""
        lines = [f"{len(self.done)} stages done, {len(self.reused)} reused in {self.seconds:.1f} s"]
        if self.dropped:
            lines[0] += f", {len(self.dropped)} checkpoint{'s' if len(self.dropped) > 1 else ''} dropped after use"
        if self.busy and len(self.done) > 1:
            lines.append("busy: " + ", ".join(f"{share:.0%} of {of} {what}" for what, (share, of) in self.busy.items()))
        elif self.together and len(self.done) > 1:
            lines.append(f"busy: {self.together:.1f} stages side by side on average, of places that are not known here")
        for failure in self.failed:
            lines.append(f"failed: {failure.name}: {failure.error}")
            lines += [f"  | {line}" for line in failure.tail]
            if failure.log:  # empty where a stage never began
                lines.append(f"  log: {failure.log}")
        if self.skipped:
            lines.append(f"{len(self.skipped)} stages did not run")
            lines += [f"  because {why}" for why in list(dict.fromkeys(self.skipped.values()))[:5]]
        if self.interrupted:
            lines.append(
                f"stopped by {self.interrupted}. Everything finished is kept, unfinished training goes on from"
            )
            lines.append("its last checkpoint: run the same command to go on")
        elif self.failed:
            lines.append("Mend the cause, then run the same command: only what is missing runs again")
        return "\n".join(lines)
