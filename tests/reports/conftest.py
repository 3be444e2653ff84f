from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests of this folder share `synthetic` and `browser`

from synthetic import results, study

from waystage.results import Results

SUBSTITUTED = ("data: the built-in world of artificial languages instead of 'hub'",)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A finished study of three arms."""
    return results(tmp_path_factory.mktemp("whole"))


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A study on the way: one arm lacks a seed, another has no seed in common with the baseline on one target."""
    return results(
        tmp_path_factory.mktemp("running"),
        missing=lambda cell: (
            (cell.intermediate, cell.target, cell.seed) in {("mnli", "udpos", 3), ("none", "xquad", 1)}
            or (cell.intermediate, cell.target, cell.seed) in {("squad", "xquad", 2), ("squad", "xquad", 3)}
        ),
        left_out=("udpos from sw: udpos has no training data in sw",),
    )


@pytest.fixture(scope="session")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Results:
    said = study(rehearsal=True, targets=("xnli", "tatoeba"), languages=("en", "de", "ar", "sw"))
    return results(tmp_path_factory.mktemp("rehearsal"), said, substitutions=SUBSTITUTED)
