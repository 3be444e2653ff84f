"""A study says what to compare, never how to run it. One file, one frozen object.

Types and ranges are checked here; that names exist and that the parts fit together is checked in `check.py`, so that
one run shows every problem of a file at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, field_validator

from waystage import languages as language_table
from waystage.errors import StudyError
from waystage.study import check, check_arms, leaks, scale
from waystage.study.recipe import PositiveFloat, StudyRecipe
from waystage.study.regimes import (
    CodeSwitch,
    Count,
    Intermediate,
    Languages,
    Names,
    Part,
    Replay,
    Sampling,
    Step,
    Swap,
    TargetStage,
    Translator,
)
from waystage.study.scale import Placing

__all__ = [
    "CodeSwitch", "Intermediate", "OwnTask", "Part", "Question", "Rehearsal", "Replay", "Sampling", "Step", "Study",
    "Swap", "TargetStage", "Translator",
]  # fmt: skip


Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


class Question(Part):
    """Two arms to compare, on which targets and languages, and what would count as an answer.

    `difference`: is A better than B? `gap`: does A close the gap between two groups of languages better than B does?
    `trend`: does what A gains over B go with something about the language, or with the size of the model? `best-of`:
    what is choosing the best arm per target worth over B (compare = ["best", B])?
    """

    ask: str = ""
    kind: Literal["difference", "gap", "trend", "best-of"] = "difference"
    compare: tuple[str, str] = Field(description="[A, B]: is A better than B?")
    targets: Names = Field((), description="empty: all of the study")
    languages: Languages = Field("all", description="an expression such as 'low-resource - script:Latn', or codes")
    sources: tuple[str, str] | None = Field(
        None, description="of a difference: A trained on the target in the first, B in the second of these languages"
    )
    goal: Literal["better", "equivalent", "not worse"] = Field("better", description="of a difference: what is asked")
    margin: PositiveFloat | None = Field(None, description="points; the smallest difference that would matter")
    reading: Literal["fixed", "random"] = Field(
        "fixed", description="fixed: these languages; random: a new language, with families as the unit"
    )
    high: Languages = Field("high-resource", description='of a gap: an expression, codes, or "source"')
    low: Languages = Field("low-resource", description="of a gap: an expression, or codes")
    against: Literal["distance", "text", "resource", "size"] | None = Field(
        None,
        description="of a trend: syntactic distance, pretraining text of the model (log10 of GiB), resource class, "
        "or size of the model (log10 of parameters)",
    )
    beside: tuple[Literal["distance", "text", "resource", "script", "fertility"], ...] = Field(
        (), description="of a trend: what the slope is adjusted for"
    )
    reference: str = Field(
        "source", description='of a distance: from "source", from "intermediate" (A\'s language), or from a code'
    )
    among: Names = Field((), description="of best-of: the arms to choose from; empty: all but B")
    choose: Literal["other-seeds", "other-seeds-and-items", "dev"] = Field(
        "other-seeds", description="of best-of: on what the choice is made; never on what is reported"
    )

    @field_validator("targets")
    @classmethod
    def _spelled_out(cls, said: Names) -> Names:
        """A benchmark is its tasks, as in the targets of the study."""
        return tuple(dict.fromkeys(check.spelled_out(said)))


class Rehearsal(Part):
    """What a rehearsal in the built-in world uses instead. Not said: two seeds, twelve languages, stand-in models."""

    seeds: tuple[Seed, ...] = ()
    languages: Languages = ()
    models: Names = ()
    recipe: StudyRecipe = StudyRecipe()
    test_examples: Count = Field(300, description="per task and language")
    plant: dict[str, Literal["helps", "near", "nothing", "harms"]] = Field(
        default_factory=dict,
        description="task -> the effect that its training data is made to have",
    )


class OwnTask(Part):
    """A data set of the user's own: `[task.NAME]`."""

    form: str
    files: dict[str, str | dict[str, str]] = Field(description="language -> file, or split -> {language -> file}")
    columns: dict[str, str | Names] = Field(default_factory=dict, description="field -> column, or several columns")
    labels: Names = ()
    metric: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    train_on: Names = Field(
        (),
        description="of test data alone: the tasks that train it, in order; it answers with the last one's head",
    )
    derived_from: Names = Field((), description='data that this data holds or translates, such as "xnli:test"')


class Study(Part):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    source: str = Field("hub", description='"hub", "world", or a folder in the layout of XTREME\'s download script')
    sources: dict[str, str] = Field(default_factory=dict, description="task -> folder, where it differs from `source`")
    models: Names = Field(description="hub names, local folders (./FOLDER), or shipped stand-ins such as standin-m")
    targets: Names = Field(description='tasks, or the benchmarks "xtreme" and "xtreme-r"')
    seeds: tuple[Seed, ...] = (1, 2, 3)
    intermediate_seeds: tuple[Seed, ...] = Field(
        (), description="crossed with `seeds`, which are then the target's; empty: each seed is that of both stages"
    )
    languages: Languages = Field("all", description="evaluate on these of each target's languages, and on the source")
    source_languages: Names = Field(("en",), description="language of the targets' training data")
    intermediate: dict[str, Intermediate] = Field(description="the arms of the study, by name")
    recipe: StudyRecipe = StudyRecipe()
    question: tuple[Question, ...] = ()
    task: dict[str, OwnTask] = Field(default_factory=dict)
    selections: tuple[Literal["last", "source-dev", "target-dev"], ...] = Field(
        (), description="also score the target's checkpoint that each of these keeps; target-dev is an oracle"
    )
    translator: Translator = Translator()
    evaluate_on: Literal["test", "dev"] = "test"
    precision: Literal["fp32", "bf16"] = "bf16"
    attention: Literal["causal", "bidirectional"] = Field(
        "causal", description="of decoders: does a token see those before it only, or the whole text; encoders see all"
    )
    threads: Count = Field(
        1, le=1024, description="per stage on a CPU; another count gives other floats, so it is identity"
    )
    low_resource: str = Field("resource:0-2", description="what `low-resource` means in this study")
    placement: Placing = Placing()
    logits: bool = Field(False, description="keep the outputs of every example beside its answer (pairs, choice, tags)")
    sweep: bool = Field(False, description="score every layer of searches too: a report, never a choice of the layer")
    keep: Literal["default", "all"] = Field("default", description="all: keep the checkpoints of target stages too")
    rehearsal: Rehearsal = Rehearsal()

    def __init__(self, **values: Any) -> None:
        found = [*check.names_and_sense(values), *check_arms.problems(values), *scale.problems(values)]
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = check.from_pydantic(error, type(self)) + found
        if not found:
            found = list(leaks.refusals(self))
        if found:
            raise StudyError(check.distinct(found))

    def target_tasks(self) -> Names:
        """Benchmarks spelled out, in order, each task once."""
        return tuple(dict.fromkeys(check.spelled_out(self.targets)))

    def targets_of(self, arm: str) -> Names:
        """Those that an arm is for, in the order of the study."""
        on = check.spelled_out(self.intermediate[arm].on)
        return tuple(name for name in self.target_tasks() if not on or name in on)

    def select(self, expression: str | Iterable[str]) -> Names:
        """The languages that an expression of this study means."""
        said = expression if isinstance(expression, str) else list(expression)
        return language_table.select(said, low_resource=self.low_resource)
