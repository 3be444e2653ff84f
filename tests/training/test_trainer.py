"""Our fp32 run at dropout 0 against transformers' own Trainer with dynamic padding: the same losses, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.training.test_loop import _config, _job
from transformers import XLMRobertaForSequenceClassification

from waystage.training.loop import train

pytestmark = pytest.mark.slow


@pytest.mark.filterwarnings("ignore")
def test_the_losses_of_trainer(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from transformers import Trainer, TrainingArguments

    job = _job(tmp_path, steps=300)
    corpus, head = job.members[0].corpus, job.network.head("h")
    model = XLMRobertaForSequenceClassification(_config(0.0))
    model.roberta.load_state_dict(job.network.backbone.model.state_dict(), strict=False)
    model.classifier.load_state_dict({
        "dense.weight": head.dense.weight, "dense.bias": head.dense.bias,
        "out_proj.weight": head.out.weight, "out_proj.bias": head.out.bias,
    })  # fmt: skip
    losses: list[float] = []
    order: list[int] = []
    for step in range(300):
        _, epoch, part = job.mixture.at(step)
        order += corpus.order(1, epoch)[part].tolist()

    def padded(units: list[int]) -> dict[str, torch.Tensor]:
        batch = corpus.gather(np.array(units))
        there = np.arange(batch.lengths.max()) < batch.lengths[:, None]
        ids = np.ones(there.shape, np.int64)
        ids[there] = batch.ids
        assert batch.labels is not None
        said = {"input_ids": ids, "attention_mask": there.astype(np.int64), "labels": batch.labels.astype(np.int64)}
        return {name: torch.from_numpy(value) for name, value in said.items()}

    class Ours(Trainer):
        def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
            return order

        def compute_loss(self, *args: Any, **named: Any) -> Any:
            loss = super().compute_loss(*args, **named)
            losses.append(float(loss.detach()))
            return loss

    arguments = TrainingArguments(
        output_dir=str(tmp_path / "trainer"), per_device_train_batch_size=16, max_steps=300, learning_rate=1e-3,
        weight_decay=0.01, warmup_steps=30, use_cpu=True, report_to=[], save_strategy="no", logging_strategy="no",
        disable_tqdm=True, remove_unused_columns=False, dataloader_pin_memory=False,
    )  # fmt: skip
    Ours(model=model, args=arguments, train_dataset=list(range(len(corpus))), data_collator=padded).train()
    np.testing.assert_allclose(train(job).state.losses, losses, atol=1e-5)
