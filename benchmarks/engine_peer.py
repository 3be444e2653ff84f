"""transformers' Trainer on exactly the batches that ours takes, with a hook after each of its steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from transformers import (
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    XLMRobertaForMaskedLM,
    XLMRobertaForQuestionAnswering,
    XLMRobertaForSequenceClassification,
)

from engine_data import Work, config, padded
from waystage.models import load
from waystage.training import masking
from waystage.training.loop import MASK, Member
from waystage.training.mixture import Mixture

MODELS: dict[str, Any] = {
    "nli": XLMRobertaForSequenceClassification,
    "qa": XLMRobertaForQuestionAnswering,
    "mlm": XLMRobertaForMaskedLM,
}


class Padded:
    """The collator: the units of our batch, padded to the longest, with labels as the model class wants them."""

    def __init__(self, work: Work, member: Member, seed: int):
        self.work, self.member, self.seed, self.step = work, member, seed, 0

    def __call__(self, units: list[int]) -> dict[str, torch.Tensor]:
        batch = self.member.corpus.gather(np.array(units))
        if self.member.vocabulary is not None:
            batch = masking.ask(batch, self.member.vocabulary, seed=self.seed ^ MASK, step=self.step)
        self.step += 1
        return padded(batch)


def take_weights(work: Work, shape: str, model: Any, head: Any) -> None:
    """Begin where ours began: the same random body, and the head that is given."""
    body = load.fresh(config(shape), seed=1).model.state_dict()
    missing, unknown = model.roberta.load_state_dict(body, strict=False)
    assert not unknown and all("position_ids" in name or "token_type_ids" in name for name in missing)
    if work.name == "nli":
        pairs = {"dense": (head.dense, model.classifier.dense), "out": (head.out, model.classifier.out_proj)}
    else:
        pairs = {"dense": (head.dense, model.lm_head.dense), "norm": (head.norm, model.lm_head.layer_norm)}
        model.lm_head.bias.data.copy_(head.bias.data)
    for ours, theirs in pairs.values():
        theirs.load_state_dict(ours.state_dict())


class Same(Trainer):
    """Takes the examples in our order."""

    order: list[int]

    def _get_train_sampler(self, *_: Any, **__: Any) -> Any:
        return self.order


def run(
    work: Work, shape: str, member: Member, mixture: Mixture, *, bf16: bool, dropout: float, rate: float, device: str,
    prepare: Callable[[Any], None], after: Callable[[int, float], None],
) -> None:  # fmt: skip
    """`prepare` gets the model before training, `after` the number and loss of each step that has ended."""
    model = MODELS[work.name](config(shape, dropout=dropout, labels=work.head.size or 3))
    prepare(model)
    losses: list[float] = []
    loss_of = Same.compute_loss

    class Told(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            after(state.global_step, losses[-1])

    class Kept(Same):
        def compute_loss(self, *args: Any, **named: Any) -> Any:
            loss = loss_of(self, *args, **named)
            losses.append(float(loss[0] if isinstance(loss, tuple) else loss))
            return loss

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder, per_device_train_batch_size=work.batch, max_steps=mixture.steps, learning_rate=rate,
            weight_decay=0.01, adam_epsilon=1e-8, max_grad_norm=1.0, warmup_steps=-(-mixture.steps // 10), bf16=bf16,
            use_cpu=device == "cpu", report_to=[], save_strategy="no", logging_strategy="no", disable_tqdm=True,
            remove_unused_columns=False, dataloader_pin_memory=device != "cpu", lr_scheduler_type="linear",
        )  # fmt: skip
        trainer = Kept(
            model=model, args=arguments, train_dataset=list(range(len(member.corpus))),
            data_collator=Padded(work, member, mixture.seed), callbacks=[Told()],
        )  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        order = []
        for step in range(mixture.steps):
            number, epoch, part = mixture.at(step)
            order += member.corpus.order(mixture.seed + number, epoch)[part].tolist()
        trainer.order = order
        trainer.train()
