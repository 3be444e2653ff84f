"""On a GPU: the ragged kernel gives what the blocks on the CPU give, and a run goes through it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.training.test_loop import _config, _job

from waystage.models import load
from waystage.models.packed import stream
from waystage.models.vocabulary import cross_entropy
from waystage.training import setup
from waystage.training.loop import train

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


def test_the_ragged_kernel_gives_what_the_blocks_give() -> None:
    backbone = load.fresh(_config(0.0), seed=1).eval()
    lengths = np.array([5, 40, 17, 2])
    ids = np.random.default_rng(0).integers(5, 200, int(lengths.sum()))
    with torch.no_grad():
        wanted = backbone(stream(ids, lengths))[: len(ids)]
        backbone.to("cuda", torch.bfloat16)
        found = backbone(stream(ids, lengths, device="cuda"))[: len(ids)]
    torch.testing.assert_close(found.float().cpu(), wanted, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_the_same_run_gives_the_same_bits(tmp_path: Path, precision: str, dropout: float) -> None:
    done = []
    for name in "ab":
        job = _job(tmp_path / name, precision=precision, dropout=dropout)
        setup.place(job.network, "cuda")
        done.append(train(job))
    assert torch.equal(done[0].weights.master, done[1].weights.master)


def test_a_vocabulary_in_blocks_gives_what_it_gives_on_the_cpu() -> None:
    torch.manual_seed(0)
    x, table, labels = torch.randn(9, 16), torch.randn(2500, 16), torch.randint(0, 2500, (9,))
    found = []
    for device in ("cpu", "cuda"):
        here = [t.to(device).requires_grad_() for t in (x, table)]
        losses = cross_entropy(here[0], here[1], None, labels.to(device))
        found.append([losses.detach().cpu(), *(g.cpu() for g in torch.autograd.grad(losses.sum(), here))])
    for one, two in zip(*found, strict=True):
        torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_run_on_the_gpu_learns_as_on_the_cpu(tmp_path: Path, precision: str) -> None:
    wanted = train(_job(tmp_path / "cpu")).state.losses
    job = _job(tmp_path / "gpu", precision=precision)
    setup.place(job.network, "cuda")
    np.testing.assert_allclose(train(job).state.losses, wanted, atol=1e-3 if precision == "fp32" else 0.05)
