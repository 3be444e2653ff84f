"""The training loop: one batch, one gradient, one step, until the schedule or patience ends.

Everything random is a function of (seed, role, step) and everything else is in the checkpoint, so a run that was killed
anywhere goes on as if nothing had happened.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from waystage.errors import TrainingDiverged
from waystage.training import checkpoint, masking
from waystage.training.corpus import Batch, Corpus
from waystage.training.mixture import Mixture
from waystage.training.network import Network
from waystage.training.ranks import Share, share
from waystage.training.weights import Adam, Weights, linear_rate

DROPOUT = 0xD0  # the roles that a seed plays
MASK = 0x3A5C
ORACLE = "target-dev"  # scores in evaluated languages, which choose nothing that is not so named


@dataclass(frozen=True)
class Member:
    """One task of the mixture."""

    name: str
    head: str
    form: ModuleType
    corpus: Corpus
    vocabulary: Mapping[str, Any] | None = None  # of the tokenizer, for language-model members
    name_of: Callable[[str, int], str] = "{}:{}".format  # of the example in a row of a language's table, for messages


@dataclass(frozen=True)
class Job:
    network: Network
    members: tuple[Member, ...]
    mixture: Mixture
    recipe: Mapping[str, Any]
    seed: int
    precision: str
    scratch: Path
    dev: Callable[[], dict[str, float]] | None = None  # scores of the present weights; their mean selects
    selections: tuple[str, ...] = ()  # weights to keep beside those that the recipe keeps, see `Trained.others`
    micro_tokens: int = 8192
    checkpoint_seconds: float = 300.0
    progress: Callable[[dict[str, Any]], None] = lambda _: None
    log: Callable[[str], None] = lambda _: None


@dataclass
class State:
    """Where a run stands, beside its weights."""

    step: int = 0
    best: float = -math.inf
    best_step: int = 0
    best_file: str = ""
    stale: int = 0  # looks since the best one
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)
    looks: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    tokens: int = 0
    units: int = 0
    also: dict[str, list[Any]] = field(default_factory=dict)  # selection -> its best value, step and file
    seconds: float = field(default=0.0, compare=False)  # that all tries took until the last checkpoint

    @property
    def files(self) -> set[str]:
        """The best weights that are still wanted."""
        return {self.best_file, *(str(file) for *_, file in self.also.values())} - {""}


@dataclass(frozen=True)
class Trained:
    weights: Weights
    state: State
    step: int  # the step whose weights were kept
    facts: dict[str, Any]
    others: dict[str, tuple[int, torch.Tensor]] = field(default_factory=dict)  # selection -> step, weights


def train(job: Job) -> Trained:
    network, steps = job.network, job.mixture.steps
    weights = Weights(network, precision=job.precision, full=full_precision(network), ranks=network.ranks)
    state = resume(job, weights)
    adam = Adam.of(job.recipe)
    begun, first, units, tokens = time.monotonic(), state.step, state.units, state.tokens
    saved, told, earlier = begun, begun, state.seconds
    network.train()
    while state.step < steps and not _patience_ended(job, state):
        rate = linear_rate(state.step, steps, adam.learning_rate, float(job.recipe.get("warmup", 0.1)))
        step(job, weights, adam, rate, state)
        now = time.monotonic()
        if now - told > 0.5 or state.step == steps:
            told = now
            speed = (state.units - units) / (now - begun)
            job.progress({"step": state.step, "of": steps, "first": first, "loss": state.losses[-1], "rate": speed})
        if job.dev and (state.step % int(job.recipe.get("eval_every", 1000)) == 0 or state.step == steps):
            _look(job, weights, state)
            network.train()
        if network.ranks.told(now - saved > job.checkpoint_seconds) and state.step < steps:
            state.seconds = earlier + now - begun
            save(job, weights, state)
            saved = time.monotonic()
    kept, others = state.step, _others(job, weights, state)
    if state.best_file:
        kept = state.best_step
        weights.take(checkpoint.load_best(job.scratch, state.best_file, weights.spans))
    seconds = time.monotonic() - begun
    facts = {
        "steps": state.step, "kept_step": kept, "resumed_at": first, "seconds": round(seconds, 3),
        "units_per_second": round((state.units - units) / max(seconds, 1e-9), 2),
        "tokens_per_second": round((state.tokens - tokens) / max(seconds, 1e-9), 1),
        "micro_tokens": job.micro_tokens,
    }  # fmt: skip
    if earlier:
        facts["earlier_seconds"] = round(earlier, 3)
    if network.ranks.size > 1:
        facts |= {"processes": network.ranks.size, "sharded": network.ranks.sharded}
    return Trained(weights, state, kept, facts, others)


def full_precision(network: Network) -> Iterator[torch.nn.Parameter]:
    """What stays fp32 in a bf16 run: embedding tables, whose rows are summed over many tokens, and small heads."""
    for table in network.backbone.tables():
        yield table.weight
    for head in network.heads.values():
        if head.kind != "vocabulary":
            yield from head.parameters()


def step(job: Job, weights: Weights, adam: Adam, rate: float, state: State) -> None:
    number, epoch, part = job.mixture.at(state.step)
    member = job.members[number]
    units = member.corpus.order(job.seed + number, epoch)[part]
    kind = job.network.head(member.head).kind
    whole = member.corpus.gather(units)
    if member.vocabulary is not None:
        whole = masking.ask(whole, member.vocabulary, seed=job.seed ^ MASK, step=state.step)
    ranks = job.network.ranks
    readings = 2 if consistency(job, kind) else 1
    mine = share(whole, kind, job.micro_tokens // readings, ranks)
    # two readings are of units that stand by themselves, such as two texts and how alike they are
    among_others = kind == "embed" and readings == 1
    backward = _contrasted if among_others and (len(mine.parts) > 1 or ranks.size > 1) else _added_up
    loss, count = ranks.sum(*backward(job, weights, member, whole, mine, state.step))
    norm = weights.step(adam, rate, max(count, 1))
    mean = loss / max(count, 1)
    limit = 100 * max(1.0, state.losses[0]) if state.losses else math.inf
    if not (math.isfinite(mean) and math.isfinite(norm)) or mean > limit:
        raise _diverged(state.step, mean, norm, rate, member, units)
    state.losses.append(mean)
    state.norms.append(norm)
    state.tokens += len(whole.ids)
    state.units += len(units)
    state.step += 1


def consistency(job: Job, kind: str) -> float:
    """The weight of a second reading of each example. Running text, as replay beside a task, is read once."""
    return 0.0 if kind == "vocabulary" else float(job.recipe.get("consistency", 0.0))


def _added_up(
    job: Job, weights: Weights, member: Member, whole: Batch, mine: Share, step: int
) -> tuple[float, int]:  # fmt: skip
    """The loss of this process' share of a batch and its count, with the gradient collected part by part."""
    loss, count, weight = 0.0, 0, consistency(job, job.network.head(member.head).kind)
    for index, batch, counts in mine.passes:
        job.network.backbone.noise.seed(job.seed, DROPOUT, step, index)
        total, terms = job.network.loss(batch, member.head, member.form, consistency=weight)
        if counts:
            total.backward()
            loss, count = loss + float(total.detach()), count + int(terms)
        else:
            (total * 0.0).backward()
        weights.collect()
    if not mine.parts:
        weights.collect()  # a gradient of zeros
    return loss, count


def _contrasted(
    job: Job, weights: Weights, member: Member, whole: Batch, mine: Share, step: int
) -> tuple[float, int]:  # fmt: skip
    """The same where units are judged against all others of the batch: vectors first, then each part once more.

    The loss of the whole batch gives every vector its gradient; a second pass, with the same dropout, takes it from
    there to the weights. So what is contrasted depends neither on how much memory there is nor on how many processes.
    Where no process has more than one part, the first pass serves for both.
    """
    ranks = job.network.ranks

    def vectors(index: int, batch: Batch) -> torch.Tensor:
        job.network.backbone.noise.seed(job.seed, DROPOUT, step, index)
        return job.network(batch, member.head)

    once = mine.most == 1
    with torch.set_grad_enabled(once):
        found = [(vectors(index, batch), counts) for index, batch, counts in mine.passes]
    own = [rows.detach() for rows, counts in found if counts]
    width = job.network.backbone.config.hidden_size
    rows = torch.cat(own) if own else torch.zeros(0, width, device=job.network.device)
    every = ranks.joined(rows, mine.sequences).requires_grad_()
    total, terms = member.form.loss(every, job.network.targets(whole))
    (pulls,) = torch.autograd.grad(total, every)
    pulls = pulls.split(mine.sequences)[ranks.rank]
    for number, (index, batch, counts) in enumerate(mine.passes):
        made = found[number][0] if once else vectors(index, batch)
        pull, pulls = pulls.split([len(made), len(pulls) - len(made)]) if counts else (torch.zeros_like(made), pulls)
        made.backward(pull)
        weights.collect()
    if not mine.parts:
        weights.collect()
    return (float(total.detach()), int(terms)) if ranks.first else (0.0, 0)


def _diverged(step: int, loss: float, norm: float, rate: float, member: Member, units: np.ndarray) -> TrainingDiverged:
    names = [member.name_of(*member.corpus.name_of(unit)) for unit in units[:8]]
    return TrainingDiverged(
        f"training diverged at step {step}: loss {loss:.4g}, gradient norm {norm:.4g}, learning rate {rate:.3g}, "
        f"task {member.name!r}, examples {', '.join(names)}{' ...' if len(units) > 8 else ''} of its training data. "
        'Try a lower learning_rate, a longer warmup, a larger batch, or precision = "fp32"; '
        "if the examples look broken, mend the data."
    )


def _look(job: Job, weights: Weights, state: State) -> None:
    assert job.dev is not None
    scores = job.network.ranks.told(job.dev())
    if not scores:
        return
    oracle = [score for name, score in scores.items() if name.startswith(ORACLE)]
    source = [score for name, score in scores.items() if not name.startswith(ORACLE)]
    value = sum(source) / len(source) if source else -math.inf
    state.looks.append((state.step, scores))
    job.log(f"step {state.step}: " + ", ".join(f"{name} {score:.4g}" for name, score in scores.items()))
    if value > state.best:
        state.best, state.best_step, state.stale = value, state.step, 0
        if job.recipe.get("select", "best") == "best":
            state.best_file = _save_best(job, weights, state)
    elif source:  # where it has no dev to look at, patience has nothing to lose
        state.stale += 1
    found = {"source-dev": value, ORACLE: sum(oracle) / len(oracle) if oracle else -math.inf}
    for name in job.selections:
        if name in found and found[name] > state.also.get(name, [-math.inf])[0]:
            state.also[name] = [found[name], state.step, _save_best(job, weights, state)]
    _forget_best(job, state)


def _save_best(job: Job, weights: Weights, state: State) -> str:
    return checkpoint.save_best(
        job.scratch, state.step, weights.flat(), spans=weights.spans, ranks=job.network.ranks
    )  # fmt: skip


def _forget_best(job: Job, state: State) -> None:
    if state.files and job.network.ranks.first:
        checkpoint.forget_best(job.scratch, *state.files)


def _others(job: Job, weights: Weights, state: State) -> dict[str, tuple[int, torch.Tensor]]:
    """The weights of each further selection; those of the last step where nothing could be looked at."""
    last = (state.step, weights.flat().clone()) if job.selections else None
    kept = {
        name: (int(at), checkpoint.load_best(job.scratch, file, weights.spans))
        for name, (_, at, file) in state.also.items()
    }
    return {name: kept.get(name, last) for name in job.selections} if last else {}


def _patience_ended(job: Job, state: State) -> bool:
    patience = job.recipe.get("patience")
    return bool(patience) and state.stale >= int(patience or 0)


def save(job: Job, weights: Weights, state: State) -> None:
    tensors = {**weights.state(), "losses": checkpoint.floats(state.losses), "norms": checkpoint.floats(state.norms)}
    facts = {name: value for name, value in vars(state).items() if name not in ("losses", "norms", "step")}
    facts["best"] = None if state.best == -math.inf else state.best
    facts |= {"micro_tokens": job.micro_tokens, "processes": job.network.ranks.size}
    checkpoint.save(job.scratch, state.step, tensors, facts, spans=weights.spans, ranks=job.network.ranks)
    _forget_best(job, state)


def _found(job: Job) -> tuple[dict[str, Any], list[str]] | None:
    """The checkpoint to go on from: what it says, and its files."""
    checkpoint.clear(job.scratch)
    found = checkpoint.newest(job.scratch, job.log)
    if found is None:
        return None
    said, files = found
    if said["micro_tokens"] != job.micro_tokens:
        job.log(f"the checkpoint was made with micro-batches of {said['micro_tokens']} tokens: starting afresh")
        checkpoint.clear(job.scratch, everything=True)  # later steps would be taken for newer ones
        return None
    return said, [str(path) for path in files]


def resume(job: Job, weights: Weights) -> State:
    ranks = job.network.ranks
    found = ranks.told(_found(job) if ranks.first else None)
    if found is None:
        return State()
    said, files = found
    small = checkpoint.only(Path(files[0]), "steps", "losses", "norms")
    weights.load({**checkpoint.read(map(Path, files), weights.spans, ("master", "first", "second")), **small})
    said["best"] = -math.inf if said["best"] is None else said["best"]
    fields = {name: said[name] for name in vars(State()) if name in said}
    state = State(**{**fields, "losses": small["losses"].tolist(), "norms": small["norms"].tolist()})
    state.looks = [(step, scores) for step, scores in state.looks]
    job.log(f"going on at step {state.step} of {job.mixture.steps}")
    if said["processes"] != ranks.size:
        job.log(f"the checkpoint was made by {said['processes']}, and {ranks.size} go on: the same to float noise")
    return state
