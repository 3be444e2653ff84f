"""Layer normalisation whose gain and bias learn from exact sums also in bf16.

torch's kernel for the CPU adds their gradients up in bf16, token by token: over a thousand tokens a tenth of the sum
is lost. Here that one sum is made in fp32.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Norm(nn.LayerNorm):
    """torch's layer. In bf16 on the CPU its backward pass is computed in fp32."""

    @classmethod
    def of(cls, other: nn.LayerNorm) -> Norm:
        """The same weights."""
        made = cls(other.normalized_shape, eps=other.eps, bias=other.bias is not None)
        made.weight, made.bias = other.weight, other.bias
        return made

    def forward(self, input: Tensor) -> Tensor:
        learns = torch.is_grad_enabled() and self.weight.requires_grad
        if not learns or input.dtype != torch.bfloat16 or input.is_cuda:
            return super().forward(input)
        out: Tensor = _Norm.apply(input, self.weight, self.bias, self.normalized_shape, self.eps)
        return out


class _Norm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, shape: tuple[int, ...], eps: float
    ) -> Tensor:  # fmt: skip
        out, mean, scale = torch.native_layer_norm(x, shape, weight, bias, eps)
        ctx.shape = shape
        ctx.save_for_backward(x, weight, bias, mean, scale)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, scale = ctx.saved_tensors
        exact = [None if part is None else part.float() for part in (grads[0], x, mean, scale, weight, bias)]
        to_x, to_weight, to_bias = torch.ops.aten.native_layer_norm_backward(
            exact[0], exact[1], ctx.shape, *exact[2:], [True, True, bias is not None]
        )
        return to_x.to(x.dtype), to_weight.to(weight), None if bias is None else to_bias.to(bias), None, None


def replace(model: nn.Module) -> None:
    """Put ours in place of torch's."""
    for module in list(model.modules()):
        for name, child in module.named_children():
            if type(child) is nn.LayerNorm and child.weight is not None:
                setattr(module, name, Norm.of(child))
