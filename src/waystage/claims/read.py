"""A file of claims: what was published, and what would bear it out. Fixed beforehand, hashed by `waystage freeze`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from waystage.errors import StudyError
from waystage.stats.verdict import Direction
from waystage.study.check import Problem, distinct, from_pydantic

SHIPPED = Path(__file__).parent / "phang2020.toml"
Names = tuple[str, ...]
Kind = Literal["gain", "over-best-single", "best-of", "against", "structural"]
CHECKS = (
    "starting model", "three phases", "nine tasks", "nine targets in forty languages", "kinds of intermediate tasks",
)  # fmt: skip


SINGLES = "nine"  # the group whose tasks are arms of their own
NEEDS = {"nine tasks": SINGLES, "nine targets in forty languages": "xtreme"}


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Published(Part):
    """A number and how it was made. A tag that the source does not give stands in `not_stated`."""

    value: float
    metric: str = ""
    split: str = ""
    baseline: str = Field("", description='"own": the same code without an intermediate step')
    not_stated: Names = ()
    where: str

    @property
    def tags(self) -> dict[str, str]:
        said = {"metric": self.metric, "split": self.split, "baseline": self.baseline}
        return {tag: value for tag, value in said.items() if value}


class Claim(Part):
    id: str
    text: str = Field(description="the completed text")
    extracted: str | None = Field(None, description="as it was extracted, cut")
    confidence: float | None = None
    completed_from: str = ""
    kind: Kind
    arms: str | tuple[str | Names, ...] = Field((), description='task lists, groups, "each of GROUP[, and GROUP]"')
    alternative: Literal["replay", "translate"] | None = Field(
        None, description="of `against`: what the rival arm adds"
    )
    reverse: bool = Field(False, description="of `against`: the rival minus the plain arm")
    targets: str | Names = ()
    direction: Direction | None = None
    tolerance: float | None = Field(None, gt=0)
    published: Published | None = None
    check: str | None = None


class Comparator(Part):
    """Scores of a published system, to stand beside one's own."""

    system: str
    model: str
    split: str
    recipe: str
    where: str
    scores: dict[str, float]
    exact_match: dict[str, float] = {}


class Source(Part):
    paper: str
    reports: Names = ()
    extraction: str = ""


class Replication(Part):
    """What must be the same for a run to be a replication and not a generalisation."""

    models: Names
    source_language: str = "en"


class Claims(Part):
    source: Source
    replication: Replication
    groups: dict[str, Names] = {}
    claim: tuple[Claim, ...]
    comparator: tuple[Comparator, ...] = ()

    def named(self, said: str | Names) -> Names:
        """A group by its name, or the names themselves."""
        return self.groups[said] if isinstance(said, str) else said

    def arms(self, claim: Claim) -> tuple[Names, ...]:
        """Task lists: `"each of nine, and nine"` is every single one of a group, and the group as a mixture."""
        if not isinstance(claim.arms, str):
            return tuple(self.named(one) for one in claim.arms)
        found: list[Names] = []
        for part in claim.arms.split(", and "):
            group = self.groups[part.removeprefix("each of ")]
            found += [(name,) for name in group] if part.startswith("each of ") else [group]
        return tuple(found)


@cache
def load(path: Path = SHIPPED) -> Claims:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StudyError([f"cannot be read: {error.strerror}"], path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise StudyError([f"is not valid TOML: {error}"], path) from None
    try:
        found = Claims(**values)
    except ValidationError as error:
        raise StudyError(distinct(from_pydantic(error, Claims)), path) from None
    problems = [problem for i, claim in enumerate(found.claim) for problem in _problems(found, claim, i)]
    ids = [claim.id for claim in found.claim]
    problems += [Problem(("claim",), f"the id {one!r} stands there twice") for one in ids if ids.count(one) > 1]
    if problems:
        raise StudyError(distinct(problems), path)
    return found


def _problems(claims: Claims, claim: Claim, number: int) -> list[Problem]:
    where: tuple[str | int, ...] = ("claim", number)
    found: list[Problem] = []

    def wrong(key: str, text: str) -> None:
        found.append(Problem((*where, key), f"{claim.id}: {text}"))

    if claim.kind == "structural":
        if claim.check not in CHECKS:
            wrong("check", f"must be one of {', '.join(map(repr, CHECKS))}, not {claim.check!r}")
        if (group := NEEDS.get(claim.check or "")) and group not in claims.groups:
            wrong("check", f"is about the group {group!r}: add {group} = [...] to [groups]")
        return found
    if claim.direction is None:
        wrong("direction", 'is missing: "up", "down", "none" or "not up"')
    if claim.direction in ("none", "not up") and claim.tolerance is None:
        wrong("tolerance", "is missing: how much would matter")
    if claim.published and claim.tolerance is None:
        wrong("tolerance", "is missing: how near to the published value counts as the same")
    if (claim.kind == "against") != (claim.alternative is not None):
        wrong("alternative", 'goes with kind = "against", and only there')
    named = [one for one in claim.arms if isinstance(one, str)] if isinstance(claim.arms, tuple) else []
    for key, said in (("arms", [*_groups(claim.arms), *named]), ("targets", _groups(claim.targets))):
        for name in said:
            if name not in claims.groups:
                how = f"; the task of that name is written [[{name!r}]]" if name in named else ""
                wrong(key, f"there is no group {name!r}; there are {', '.join(claims.groups) or 'none'}{how}")
    if claim.kind == "over-best-single" and SINGLES not in claims.groups:
        wrong("kind", f"compares with the single tasks of the group {SINGLES!r}: add {SINGLES} = [...] to [groups]")
    if not claim.targets:
        wrong("targets", "is missing")
    if claim.kind != "against" and not claim.arms:
        wrong("arms", "is missing")
    return found


def _groups(said: Any) -> list[str]:
    """Names of groups in what is said of arms or targets."""
    if isinstance(said, str):
        return [part.removeprefix("each of ") for part in said.split(", and ")]
    return []
