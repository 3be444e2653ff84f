"""All trained weights as one flat fp32 array, with AdamW over it.

The model computes with views of it (fp32) or with bf16 copies that are written anew after each step. One array makes
the norm, the step and a checkpoint a handful of passes over memory, whatever the model is made of. Where the weights
are in parts (`training.sharding`), this process steps on its own, and torch's FSDP holds them and makes the copies.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from waystage.models.table import Slot, Table
from waystage.training.ranks import ALONE, Ranks
from waystage.training.sharding import groups, local, spans, whole


@dataclass(frozen=True)
class Adam:
    learning_rate: float
    weight_decay: float = 0.01
    eps: float = 1e-8
    clip: float = 1.0
    beta1: float = 0.9
    beta2: float = 0.999

    @classmethod
    def of(cls, recipe: Mapping[str, Any]) -> Adam:
        names = {"learning_rate": "learning_rate", "weight_decay": "weight_decay", "adam_eps": "eps", "clip": "clip"}
        return cls(**{ours: float(recipe[said]) for said, ours in names.items() if recipe.get(said) is not None})


def undecayed(model: nn.Module) -> set[str]:
    """Names of biases and of everything in a normalisation layer."""
    names = set()
    for path, module in model.named_modules():
        is_norm = "norm" in type(module).__name__.lower()
        for name, _ in module.named_parameters(recurse=False):
            if is_norm or name.endswith("bias"):
                names.add(f"{path}.{name}".lstrip("."))
    return names


class Weights:
    def __init__(
        self, model: nn.Module, *, precision: str, full: Iterable[nn.Parameter] = (), ranks: Ranks = ALONE
    ):  # fmt: skip
        """`full`: parameters that stay fp32 also when the rest computes in bf16."""
        self.ranks = ranks
        kept = {id(p) for p in full}
        plain = undecayed(model)
        named = sorted(
            ((name, p) for name, p in model.named_parameters() if p.requires_grad), key=lambda it: it[0] in plain
        )
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        mine = [local(p.data) for p in self.parameters]
        device = mine[0].device
        sizes = [p.numel() for p in mine]
        self.first = torch.zeros(sum(sizes), device=device)
        self.second = torch.zeros_like(self.first)
        self.grads = torch.zeros_like(self.first)
        self.steps = torch.zeros((), device=device)
        self.divisor = torch.ones((), device=device)  # the fused step divides by it: no pass over memory of its own
        self.grad_views = [v.view(p.shape) for v, p in zip(self.grads.split(sizes), mine, strict=True)]
        self.slots: dict[int, Slot] = {}  # tables that add their gradient up themselves
        self.copied: list[int] = []
        self.passes: list[list[tuple[Tensor, ...]]]  # weights, gradient and moments: what decays, and the rest
        self.groups = groups(model)
        decayed = sum(name not in plain for name in self.names)
        if ranks.sharded:
            self.views = mine
            self.spans = spans(self.parameters, ranks.rank, ranks.size)
            moments = (self.first.split(sizes), self.second.split(sizes))
            each = list(zip(mine, self.grads.split(sizes), *moments, strict=True))
            self.passes = [[one for one in some if one[0].numel()] for some in (each[:decayed], each[decayed:])]
        else:
            self.master = torch.empty_like(self.first)
            self.views = [v.view(p.shape) for v, p in zip(self.master.split(sizes), mine, strict=True)]
            self.spans = [(0, len(self.master))]
            cut = sum(sizes[:decayed])
            arrays = (self.master, self.grads, self.first, self.second)
            self.passes = [[tuple(a[part] for a in arrays)] for part in (slice(0, cut), slice(cut, None))]
            self._hand_out(model, precision, kept)
        self.clean = True

    def _hand_out(self, model: nn.Module, precision: str, kept: set[int]) -> None:
        """Give the model its weights: views of the flat array, or copies in bf16."""
        tables = {id(m.weight): m for m in model.modules() if isinstance(m, Table)}
        for i, (parameter, view) in enumerate(zip(self.parameters, self.views, strict=True)):
            view.copy_(parameter.data)
            if precision == "bf16" and id(parameter) not in kept:
                parameter.data = view.bfloat16()
                self.copied.append(i)
            else:
                parameter.data = view
                if id(parameter) in tables and view.device.type == "cpu":
                    tables[id(parameter)].slot = self.slots[i] = Slot(self.grad_views[i])

    def collect(self) -> None:
        """Add what one backward pass left behind, in fp32, so that the sum does not depend on how a batch was split."""
        for i, (parameter, view) in enumerate(zip(self.parameters, self.grad_views, strict=True)):
            if i in self.slots:
                continue
            if parameter.grad is None:
                if self.clean:
                    view.zero_()
            elif self.clean:
                view.copy_(local(parameter.grad))
            else:
                view.add_(local(parameter.grad))
            parameter.grad = None
        self.clean = False

    def step(self, adam: Adam, rate: float, count: float) -> float:
        """One step along the mean gradient of `count` terms. Gives the norm before clipping."""
        norm = self._norm() / count
        self.divisor.fill_(count / min(1.0, adam.clip / (norm + 1e-6)))
        self.steps += 1
        for part, decay in zip(self.passes, (adam.weight_decay, 0.0), strict=True):
            if not part:
                continue  # this process has no row of any of them
            weights, grads, first, second = (list(arrays) for arrays in zip(*part, strict=True))
            torch._fused_adamw_(
                weights, grads, first, second, [], [self.steps] * len(weights),
                lr=rate, beta1=adam.beta1, beta2=adam.beta2, weight_decay=decay, eps=adam.eps, amsgrad=False,
                maximize=False, grad_scale=self.divisor,
            )  # fmt: skip
        for slot in self.slots.values():
            slot.clear()
        self.publish()
        self.clean = True
        return norm

    def _norm(self) -> float:
        """Of the gradient of all processes together."""
        if not self.ranks.sharded and self.ranks.size > 1:
            self.ranks.add_up(self.grads)
            for slot in self.slots.values():
                slot.all_touched = True  # by others
        norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(self.grad_views))))
        if self.ranks.sharded:
            (square,) = self.ranks.sum(norm**2)
            norm = square**0.5
        return norm

    @torch.no_grad()
    def publish(self) -> None:
        """Write the bf16 copies anew."""
        for i in self.copied:
            self.parameters[i].data.copy_(self.views[i])
        for group in self.groups:
            group.reshard()  # what a look at dev put together is out of date

    @torch.no_grad()
    def flat(self) -> Tensor:
        """The weights that this process has, end to end."""
        return torch.cat([view.flatten() for view in self.views]) if self.ranks.sharded else self.master

    @torch.no_grad()
    def take(self, flat: Tensor) -> None:
        if self.ranks.sharded:
            for view, part in zip(self.views, flat.split([view.numel() for view in self.views]), strict=True):
                view.copy_(part.view(view.shape))
        else:
            self.master.copy_(flat)
        self.publish()

    @torch.no_grad()
    def state(self) -> dict[str, Tensor]:
        return {"master": self.flat(), "first": self.first, "second": self.second, "steps": self.steps}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        self.take(state["master"])
        for name in ("first", "second", "steps"):
            getattr(self, name).copy_(state[name])

    def named(self) -> dict[str, Tensor]:
        """The fp32 weights by name. Where they are in parts all processes have to ask, and the first one gets them."""
        if self.ranks.sharded:
            parameters = {name: p.data for name, p in zip(self.names, self.parameters, strict=True)}
            return whole(parameters, keep=self.ranks.first)
        return dict(zip(self.names, self.views, strict=True))

    def shed(self) -> None:
        """Let go of everything but the weights: they are copied once more when a stage writes them."""
        nothing = torch.empty(0)
        self.first = self.second = self.grads = nothing
        self.grad_views.clear()
        self.passes.clear()
        for slot in self.slots.values():
            slot.grads = nothing

    def name_of(self, parameter: Tensor) -> str:
        return next(name for name, one in zip(self.names, self.parameters, strict=True) if one is parameter)


def idle_decay(adam: Adam, steps: int, warmup: float, until: int) -> float:
    """What weight decay leaves of a weight that never had a gradient, after `until` of the steps."""
    factor = 1.0
    for step in range(until):
        factor *= 1 - linear_rate(step, steps, adam.learning_rate, warmup) * adam.weight_decay
    return factor


def linear_rate(step: int, steps: int, peak: float, warmup: float) -> float:
    """The learning rate of a step (from 0): up over the first `warmup` share of the steps, then down to zero."""
    rising = -(-round(steps * warmup * 1e9) // 10**9)  # as whole numbers: 0.1 is not quite a tenth
    if step < rising:
        return peak * step / max(1, rising)
    return peak * max(0.0, (steps - step) / max(1, steps - rising))
