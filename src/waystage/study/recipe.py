"""How a stage is trained: the published recipe as the default, overridable per study, phase, task and intermediate.

The defaults are those of jiant's X-STILTs code: AdamW, 1e-5, weight decay 0.01 except on biases and LayerNorm, linear
decay after 10 % warm-up, clipping at 1.0, a look at 500 dev examples every 1,000 steps, patience 30.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Positive = Annotated[int, Field(gt=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Adapter(BaseModel):
    """Small trained matrices beside frozen weights (LoRA), instead of tuning the whole model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["lora", "qlora", "full"] = Field(
        description="qlora: over weights held in 4 bits, on CUDA only; full: no adapter, where a wider table says one"
    )
    rank: Positive = Field(16, description="columns of the two matrices")
    alpha: PositiveFloat = Field(32.0, description="the product is scaled by alpha / rank")
    targets: Literal["all-linear", "attention"] | tuple[str, ...] = Field(
        "all-linear", description='which layers get one: all, those of the attention, or by name such as ["query"]'
    )
    dropout: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] = 0.0
    chain: Literal["continue", "merge", "stack"] = Field(
        "continue",
        description="what becomes of the adapter of the stage before: trained on, merged into the weights with a new "
        "one beside them, or frozen with a new one on top",
    )


class Recipe(BaseModel):
    """Everything is optional: what is not said comes from the next wider table, at last from the published recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    epochs: PositiveFloat | None = Field(None, description="passes over the training data; excludes `steps`")
    steps: Annotated[int, Field(ge=0, strict=True)] | None = Field(
        None, description="optimizer steps; excludes `epochs`"
    )
    examples: Positive | None = Field(None, description="train on the first N of a seeded, nested order")
    learning_rate: PositiveFloat | None = None
    batch: Positive | None = Field(None, description="examples per step over all devices")
    max_length: Positive | None = Field(None, description="tokens per sequence; longer ones are cut or windowed")
    warmup: Share | None = Field(None, description="share of the steps with a rising learning rate")
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    adam_eps: PositiveFloat | None = None
    clip: PositiveFloat | None = Field(None, description="largest norm of the gradient")
    dropout: Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)] | None = Field(
        None, description="replaces the model's own; not set: as published with the model"
    )
    smoothing: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = Field(
        None, description="noise on the word vectors while training, as a share of their size (randomized smoothing)"
    )
    consistency: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None,
        description="weight of a loss that pulls two readings of each example together: one plain, one with "
        "`smoothing` and other dropout (example consistency)",
    )
    eval_every: Positive | None = Field(None, description="steps between two looks at the dev data")
    eval_examples: Positive | None = Field(None, description="how many dev examples such a look takes")
    patience: Positive | None = Field(None, description="looks without improvement before training stops")
    select: Literal["best", "last"] | None = Field(None, description="which checkpoint is kept, by source-language dev")
    freeze: Positive | None = Field(None, description="leave the embedding and so many layers from below as they are")
    adapter: Adapter | None = Field(None, description="train a LoRA adapter; not set: all weights are tuned")

    def over(self, wider: Recipe) -> Recipe:
        """This recipe, filled up from a wider one. `epochs` and `steps` exclude each other: the narrower one wins."""
        said = self.said()
        base = wider.said()
        if "epochs" in said:
            base.pop("steps", None)
        if "steps" in said:
            base.pop("epochs", None)
        return Recipe(**{**base, **said})

    def without(self, *names: str) -> Recipe:
        return Recipe(**{name: value for name, value in self.said().items() if name not in names})

    def said(self) -> dict[str, Any]:
        return {name: value for name, value in self if name in Recipe.model_fields and value is not None}

    def config(self, *, continued: bool = False) -> dict[str, Any]:
        """As it stands in the config of a stage; `continued`: there is a stage before that it starts from."""
        said = self.said()
        adapter = said.pop("adapter", None)
        if adapter is not None and adapter.kind != "full":
            said["adapter"] = {**adapter.model_dump(mode="json", exclude=set() if continued else {"chain"})}
        return said


class StudyRecipe(Recipe):
    """`[recipe]` of a study: for all stages, then by phase, then by task."""

    intermediate: Recipe = Recipe()
    target: Recipe = Recipe()
    task: dict[str, Recipe] = Field(default_factory=dict)


PUBLISHED = Recipe(
    learning_rate=1e-5,
    warmup=0.1,
    weight_decay=0.01,
    adam_eps=1e-8,
    clip=1.0,
    eval_every=1000,
    eval_examples=500,
    patience=30,
    select="best",
)

# Few weights are trained, from zero on: they take (and need) much longer steps than the weights of a whole model.
ADAPTED = Recipe(learning_rate=2e-4)
