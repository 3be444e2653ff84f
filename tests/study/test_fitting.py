"""A plan refuses what no stage could read."""

from __future__ import annotations

import pytest
from tests.study.test_stages import no_data, study

from waystage.errors import StudyError
from waystage.study.stages import plan

__all__ = ["no_data"]  # a fixture


def test_longer_sequences_than_a_model_has_positions_for_are_refused() -> None:
    plan(study(recipe={"max_length": 512}))
    plan(study(models=["jhu-clsp/mmBERT-base"], recipe={"max_length": 4000}))
    arms = {"none": {}, "mnli": {"tasks": ["mnli"], "recipe": {"max_length": 513}}}
    with pytest.raises(StudyError, match=r"mnli has .* up to 513 tokens, but xlm-roberta-base has .* 512 only"):
        plan(study(intermediate=arms))
    with pytest.raises(StudyError, match=r"positions for 512 only.*\[recipe\.task\.xnli\]"):
        plan(study(models=["bert-base-multilingual-cased"], recipe={"task": {"xnli": {"max_length": 600}}}))
