"""What an arm of a study can be: how a model is made ready before the target, and how the target is trained.

Everything that is not said stays as in the plain recipe: English data of the named tasks, then the target in its source
language, then every other language unseen. `docs/studies.md` shows each regime with an example.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from waystage.study.recipe import PositiveFloat, Recipe, Share

Names = tuple[str, ...]
Languages = str | Names
Count = Annotated[int, Field(gt=0, strict=True)]
Control = Literal["zero-length", "shuffled-labels", "mlm-only", "more-steps"]

EACH = "target"  # as a language: each evaluated language by itself, with a stage of its own
SOURCE = "source"  # as a language: that of the target's training data


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sampling(Part):
    """How often each task of a mixture gives a batch."""

    by: Literal["size", "uniform", "weights"] = "size"
    cap: Count | None = Field(None, description="count no task as larger than this many examples")
    temperature: PositiveFloat = Field(1.0, description="shares are raised to the power 1 / temperature")
    weights: dict[str, PositiveFloat] = Field(default_factory=dict, description='with by = "weights"')


class Replay(Part):
    """Masked language modelling that goes on during the intermediate stage."""

    mlm: Share = Field(description="share of the batches")
    languages: Languages = Field("xtreme", description="whose text: an expression, or codes")
    exponent: PositiveFloat = Field(0.3, description="languages are sampled by size to this power")


class CodeSwitch(Part):
    """Texts of an example are replaced by their translations, each by itself: premise here, hypothesis there."""

    languages: Names = Field(description="codes; a replaced text is in one of these")
    rate: Share = Field(description="share of the texts that are replaced")


class Step(Part):
    """One intermediate stage: tasks, and in which languages their training data stands."""

    tasks: Names = ()
    language: Languages = Field(
        "en",
        description='of the training data: a code, several, "target" (each evaluated language by itself), or "source"',
    )
    translate: Languages = Field(
        (), description='train on translations into these codes, or into "target"; the original is kept where named'
    )
    via: str = Field("", description="translate by way of this language; into the language itself it is back again")
    code_switch: CodeSwitch | None = None
    sampling: Sampling = Sampling()
    replay: Replay | None = None
    recipe: Recipe = Recipe()


class Swap(Part):
    """Layers of one arm's checkpoint in place of those of another."""

    into: str = Field(description="the arm whose checkpoint it is about")
    layers_of: str = Field(description="the arm that gives layers")
    lower: Annotated[int, Field(ge=0, strict=True)] = Field(0, description="so many from below, embedding included")
    upper: Annotated[int, Field(ge=0, strict=True)] = Field(0, description="so many from above")


class TargetStage(Part):
    """How this arm is trained on the target, where that is not "in the source language, and no more"."""

    language: Literal["source", "target"] = Field(
        "source", description='"target": trained in each evaluated language: a ceiling, not zero-shot'
    )
    translate: Languages = Field((), description='translate-train: into these codes, or into "target", each by itself')
    via: str = ""
    shots: Count | None = Field(None, description="then so many examples of each evaluated language")
    recipe: Recipe = Field(Recipe(), description="of the target stage; with `shots`, of the stage after it")


class Intermediate(Step):
    """One arm of the study. Nothing at all is the baseline: straight to the target."""

    on: Names = Field(
        (), description="the targets that it is for, such as a control that one question needs; empty: all"
    )
    then: tuple[Step, ...] = Field((), description="further intermediate stages, one after the other")
    control: Control | None = None
    of: str = Field("", description="the arm that this is a control of; or name `tasks`")
    checkpoint: str = Field("", description="a checkpoint of somebody else's to start from: hub name, or ./FOLDER")
    provenance: str = Field("", description="of that checkpoint: what it was trained on, by whom")
    trained_on: Names = Field((), description="tasks in that checkpoint's training data, for the check of leaks")
    average: Names = Field((), description='mean of these arms\' checkpoints ("none": as published)')
    swap: Swap | None = None
    target: TargetStage = TargetStage()

    @property
    def steps(self) -> tuple[Step, ...]:
        """The stages that are trained, in order."""
        return ((self,) if self.tasks else ()) + self.then

    @property
    def merged(self) -> Names:
        """The arms whose checkpoints this one is made of."""
        return (self.swap.into, self.swap.layers_of) if self.swap else self.average

    @property
    def codes(self) -> Names:
        """Languages that it names."""
        said = (code for step in self.steps for code in (*listed(step.language), *listed(step.translate)))
        return tuple(dict.fromkeys(code for code in said if code not in (EACH, SOURCE)))


class Translator(Part):
    """Who translates training data. In the built-in world it is the world's own, poor one."""

    model: str = Field(
        "", description="a seq2seq model of the hub, or ./FOLDER; {source} and {target} become language codes"
    )
    codes: dict[str, str] = Field(default_factory=dict, description="language -> its name in that model")
    prefix: str = Field("", description='in front of each text, such as "<2{target}> "')
    beams: Count = 1
    batch: Count = Field(32, description="sentences at a time; does not change what comes out")
    max_length: Count = Field(256, description="tokens of a sentence, and of its translation")
    error: Annotated[int, Field(ge=0, le=90, strict=True)] = Field(
        10, description="in the built-in world: percent of words wrong, and of marks lost or misplaced"
    )


def listed(said: Languages) -> Names:
    return (said,) if isinstance(said, str) else said


def target_stage(arm: Intermediate, arms: dict[str, Intermediate]) -> TargetStage:
    """How an arm is trained on its target. A control is trained as its arm is, but for `more-steps`: as `none` is."""
    if arm.of and arm.control != "more-steps" and arm.target == TargetStage():
        return target_stage(arms[arm.of], arms)
    return arm.target


def each(arm: Intermediate, arms: dict[str, Intermediate]) -> bool:
    """Whether an arm has stages of its own for every evaluated language."""
    target = arm.target
    if target.language == EACH or target.translate == EACH or target.shots:
        return True
    if any(EACH in (step.language, step.translate) for step in arm.steps):
        return True
    return any(each(arms[name], arms) for name in ((arm.of,) if arm.of else ()) + arm.merged)


def follows_source(arm: Intermediate, arms: dict[str, Intermediate]) -> bool:
    """Whether the stages before the target go with the source language."""
    if any(SOURCE in (step.language, step.translate) for step in arm.steps):
        return True
    return any(follows_source(arms[name], arms) for name in ((arm.of,) if arm.of else ()) + arm.merged)
