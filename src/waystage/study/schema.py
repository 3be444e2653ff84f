"""A study says what to compare, never how to run it. One file, one frozen object.

Types and ranges are checked here; that names exist and that the parts fit together is checked in `check.py`, so that
one run shows every problem of a file at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waystage import languages as language_table
from waystage.errors import StudyError
from waystage.study import check
from waystage.study.recipe import PositiveFloat, Recipe, Share, StudyRecipe

Names = tuple[str, ...]
Languages = str | Names
Count = Annotated[int, Field(gt=0, strict=True)]
Seed = Annotated[int, Field(ge=0, lt=2**31, strict=True)]


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


class Intermediate(Part):
    """One arm of the study. No tasks at all is the baseline: straight to the target."""

    tasks: Names = ()
    language: str = Field("en", description="of the training data of these tasks")
    sampling: Sampling = Sampling()
    replay: Replay | None = None
    recipe: Recipe = Recipe()


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


class Rehearsal(Part):
    """What a rehearsal in the built-in world uses instead. Not said: two seeds, twelve languages, stand-in models."""

    seeds: tuple[Seed, ...] = ()
    languages: Languages = ()
    models: Names = ()
    recipe: StudyRecipe = StudyRecipe()
    test_examples: Count = Field(300, description="per task and language")


class OwnTask(Part):
    """A data set of the user's own: `[task.NAME]`."""

    form: str
    files: dict[str, str | dict[str, str]] = Field(description="language -> file, or split -> {language -> file}")
    columns: dict[str, str] = Field(default_factory=dict)
    labels: Names = ()
    metric: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class Study(Part):
    title: Annotated[str, Field(min_length=1, max_length=200)]
    source: str = Field("hub", description='"hub", "world", or a folder in the layout of XTREME\'s download script')
    sources: dict[str, str] = Field(default_factory=dict, description="task -> folder, where it differs from `source`")
    models: Names = Field(description="hub names, local folders (./FOLDER), or shipped stand-ins such as standin-m")
    targets: Names = Field(description='tasks, or the benchmarks "xtreme" and "xtreme-r"')
    seeds: tuple[Seed, ...] = (1, 2, 3)
    languages: Languages = Field("all", description="evaluate on these of each target's languages, and on the source")
    source_languages: Names = Field(("en",), description="language of the targets' training data")
    intermediate: dict[str, Intermediate] = Field(description="the arms of the study, by name")
    recipe: StudyRecipe = StudyRecipe()
    question: tuple[Question, ...] = ()
    task: dict[str, OwnTask] = Field(default_factory=dict)
    evaluate_on: Literal["test", "dev"] = "test"
    precision: Literal["fp32", "bf16"] = "bf16"
    threads: Count = Field(1, description="per stage on a CPU; another count gives other floats, so it is identity")
    low_resource: str = Field("resource:0-2", description="what `low-resource` means in this study")
    keep: Literal["default", "all"] = Field("default", description="all: keep the checkpoints of target stages too")
    rehearsal: Rehearsal = Rehearsal()

    def __init__(self, **values: Any) -> None:
        found = check.names_and_sense(values)
        try:
            super().__init__(**values)
        except ValidationError as error:
            found = check.from_pydantic(error, type(self)) + found
        if found:
            raise StudyError(check.distinct(found))

    def target_tasks(self) -> Names:
        """Benchmarks spelled out, in order, each task once."""
        return tuple(dict.fromkeys(check.spelled_out(self.targets)))

    def select(self, expression: str | Iterable[str]) -> Names:
        """The languages that an expression of this study means."""
        said = expression if isinstance(expression, str) else list(expression)
        return language_table.select(said, low_resource=self.low_resource)
