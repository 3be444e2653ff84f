"""What to compare: the study file, its checks, and the stages that it comes down to."""

from waystage.study.read import load, schema, to_toml
from waystage.study.recipe import Recipe, StudyRecipe
from waystage.study.schema import Intermediate, OwnTask, Question, Rehearsal, Replay, Sampling, Study

__all__ = [
    "Intermediate", "OwnTask", "Question", "Recipe", "Rehearsal", "Replay", "Sampling", "Study", "StudyRecipe", "load",
    "schema", "to_toml",
]  # fmt: skip
