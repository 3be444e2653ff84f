"""All trained weights as one flat fp32 array, with AdamW over it.

The model computes with views of it (fp32) or with bf16 copies that are written anew after each step. One array makes
the norm, the step and a checkpoint a handful of passes over memory, whatever the model is made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from waystage.models.table import Slot, Table


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
    def __init__(self, model: nn.Module, *, precision: str, full: Iterable[nn.Parameter] = ()):
        """`full`: parameters that stay fp32 also when the rest computes in bf16."""
        kept = {id(p) for p in full}
        plain = undecayed(model)
        named = sorted(
            ((name, p) for name, p in model.named_parameters() if p.requires_grad), key=lambda it: it[0] in plain
        )
        self.names = [name for name, _ in named]
        self.parameters = [p for _, p in named]
        self.decayed = sum(p.numel() for name, p in named if name not in plain)
        device = self.parameters[0].device
        sizes = [p.numel() for p in self.parameters]
        self.master = torch.empty(sum(sizes), device=device)
        self.first = torch.zeros_like(self.master)
        self.second = torch.zeros_like(self.master)
        self.grads = torch.zeros_like(self.master)
        self.steps = torch.zeros((), device=device)
        self.divisor = torch.ones((), device=device)  # the fused step divides by it: no pass over memory of its own
        self.views = [v.view(p.shape) for v, p in zip(self.master.split(sizes), self.parameters, strict=True)]
        self.grad_views = [v.view(p.shape) for v, p in zip(self.grads.split(sizes), self.parameters, strict=True)]
        self.slots: dict[int, Slot] = {}  # tables that add their gradient up themselves
        tables = {id(m.weight): m for m in model.modules() if isinstance(m, Table)}
        self.copied: list[int] = []
        for i, (parameter, view) in enumerate(zip(self.parameters, self.views, strict=True)):
            view.copy_(parameter.data)
            if precision == "bf16" and id(parameter) not in kept:
                parameter.data = view.bfloat16()
                self.copied.append(i)
            else:
                parameter.data = view
                if id(parameter) in tables and device.type == "cpu":
                    tables[id(parameter)].slot = self.slots[i] = Slot(self.grad_views[i])
        self.clean = True

    def collect(self) -> None:
        """Add what one backward pass left behind, in fp32, so that the sum does not depend on how a batch was split."""
        for i, (parameter, view) in enumerate(zip(self.parameters, self.grad_views, strict=True)):
            if i in self.slots:
                continue
            if parameter.grad is None:
                if self.clean:
                    view.zero_()
            elif self.clean:
                view.copy_(parameter.grad)
            else:
                view.add_(parameter.grad)
            parameter.grad = None
        self.clean = False

    def step(self, adam: Adam, rate: float, count: float) -> float:
        """One step along the mean gradient of `count` terms. Gives the norm before clipping."""
        norms = torch._foreach_norm(self.grad_views)
        norm = float(torch.linalg.vector_norm(torch.stack(norms))) / count
        self.divisor.fill_(count / min(1.0, adam.clip / (norm + 1e-6)))
        self.steps += 1
        cut = self.decayed
        for part, decay in ((slice(0, cut), adam.weight_decay), (slice(cut, None), 0.0)):
            torch._fused_adamw_(
                [self.master[part]], [self.grads[part]], [self.first[part]], [self.second[part]], [], [self.steps],
                lr=rate, beta1=adam.beta1, beta2=adam.beta2, weight_decay=decay, eps=adam.eps, amsgrad=False,
                maximize=False, grad_scale=self.divisor,
            )  # fmt: skip
        for slot in self.slots.values():
            slot.clear()
        self.publish()
        self.clean = True
        return norm

    @torch.no_grad()
    def publish(self) -> None:
        """Write the bf16 copies anew."""
        for i in self.copied:
            self.parameters[i].data.copy_(self.views[i])

    @torch.no_grad()
    def state(self) -> dict[str, Tensor]:
        return {"master": self.master, "first": self.first, "second": self.second, "steps": self.steps}

    @torch.no_grad()
    def load(self, state: Mapping[str, Tensor]) -> None:
        for name, tensor in self.state().items():
            tensor.copy_(state[name])
        self.publish()

    def named(self) -> dict[str, Tensor]:
        """The fp32 weights by name."""
        return dict(zip(self.names, self.views, strict=True))

    def shed(self) -> None:
        """Let go of everything but the weights: they are copied once more when a stage writes them."""
        nothing = torch.empty(0)
        self.first = self.second = self.grads = nothing
        self.grad_views.clear()
        for slot in self.slots.values():
            slot.grads = nothing

    def is_same(self, name: str, parameter: nn.Parameter) -> bool:
        return self.parameters[self.names.index(name)] is parameter


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
