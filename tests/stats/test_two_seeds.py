"""Intermediate seeds crossed with target seeds: an interval for both, the spread of each; and marked cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from waystage.stats import answer
from waystage.stats.average import contrast, over_both, spread

TARGETS = {"xnli": ("de", "en", "sw"), "udpos": ("de", "en"), "panx": ("de", "sw")}


def grids(count: int, rows: int, columns: int, parts: tuple[float, float, float], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    first, second, rest = (
        rng.normal(0, size, shape)
        for size, shape in zip(
            parts, [(count, rows, 1), (count, 1, columns), (count, rows, columns)], strict=True
        )
    )  # fmt: skip
    return first + second + rest


@pytest.mark.parametrize("parts", [(1.0, 0.0, 0.5), (0.0, 1.0, 0.5), (1.0, 1.0, 1.0), (0.3, 1.0, 0.1)])
@pytest.mark.parametrize("shape", [(3, 3), (5, 3)])
def test_the_interval_covers_both_kinds_of_seed(shape: tuple[int, int], parts: tuple[float, float, float]) -> None:
    found = [over_both(grid) for grid in grids(800, *shape, parts)]
    covered = np.mean([one.low <= 0 <= one.high for one in found])
    assert 0.925 < covered <= 0.995


def test_the_intermediate_seeds_alone_would_not_cover() -> None:
    """What is lost where the target seeds, which all rows share, are taken for the whole world."""
    from waystage.stats.seeds import mean

    found = [mean(list(grid.mean(axis=1))) for grid in grids(400, 5, 3, (0.2, 1.0, 0.2))]
    assert np.mean([one.low <= 0 <= one.high for one in found]) < 0.5


def test_the_parts_of_the_spread_are_told_apart() -> None:
    found = np.array([spread(grid).parts for grid in grids(300, 12, 12, (2.0, 1.0, 0.5))])
    assert found.mean(axis=0) == pytest.approx((2.0, 1.0, 0.5), rel=0.1)


def scores(first: tuple[int, ...], second: tuple[int, ...], marks: dict[str, str] | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    checkpoint = {seed: rng.normal(0, 1) for seed in first}
    training = {(t, seed): rng.normal(0, 1) for t in TARGETS for seed in second}
    rows: list[dict[str, Any]] = []
    for arm in ("none", "mnli"):
        for target, languages in TARGETS.items():
            for i in first:
                for t in second:
                    gain = (2.0 + checkpoint[i]) * (arm == "mnli")
                    rows += [
                        {
                            "model": "xlm-roberta-base", "intermediate": arm, "target": target, "source_language": "en",
                            "language": code, "seed": i, "intermediate_seed": i, "target_seed": t, "metric": "f1",
                            "value": 60 + gain + training[target, t] * (1 + (arm == "mnli")), "n": 100,
                            "stage": f"{arm}-{target}-{t}" + (f"-{i}" if arm == "mnli" else ""), "headline": True,
                            "mark": (marks or {}).get(target, "") if arm == "mnli" else "",
                        }
                        for code in languages
                    ]  # fmt: skip
    return pd.DataFrame(rows)


def found(table: pd.DataFrame) -> Any:
    return contrast(
        table, "mnli", "none", model="xlm-roberta-base", source_language="en", targets=tuple(TARGETS),
        languages=set(table["language"]),
    )  # fmt: skip


def test_crossed_scores_give_a_grid_and_an_interval_over_both() -> None:
    table = scores((1, 2, 3, 4), (11, 12, 13))
    one = found(table)
    assert one.grid.shape == (4, 3)
    by_arm = table.groupby(["intermediate", "target"])["value"].mean().groupby("intermediate").mean()
    assert one.interval().estimate == pytest.approx(by_arm["mnli"] - by_arm["none"])
    assert "crossed with target seeds" in one.interval().method
    first, second, rest = spread(one.grid.to_numpy()).parts
    assert first > 0.3 and second > 0.1 and rest < 1e-6
    assert one.in_languages(["de"]).grid.shape == (4, 3)
    assert one.of(["xnli"]).grid.shape == (4, 3)


def test_paired_seeds_have_no_grid(scores_of: Any) -> None:
    assert found(scores_of(gains={"mnli": 1.0}, targets=TARGETS)).grid is None


def test_an_answer_says_where_the_spread_comes_from(study_of: Any, question_of: Any) -> None:
    crossed = answer(question_of(), scores((1, 2, 3), (11, 12, 13)), study_of(tuple(TARGETS)))
    assert any("one intermediate seed" in note and "one target seed" in note for note in crossed.notes)


def test_paired_seeds_say_what_the_checkpoint_adds(scores_of: Any, study_of: Any, question_of: Any) -> None:
    paired = answer(question_of(), scores_of(gains={"mnli": 1.0}, targets=TARGETS), study_of(tuple(TARGETS)))
    assert any("shared by all targets" in note for note in paired.notes)


def test_answers_are_given_with_and_without_marked_cells(study_of: Any, question_of: Any) -> None:
    mark = "same training data (mnli:train -> xnli:train)"
    marked = answer(question_of(), scores((1, 2, 3), (11, 12, 13), {"xnli": mark}), study_of(tuple(TARGETS)))
    lines = {line.what: line for line in marked.variants}
    assert lines["without marked cells (xnli)"].interval.estimate != marked.interval.estimate
    assert "marked cells alone (xnli)" in lines
    assert f"xnli: {mark}" in marked.notes


def test_gaps_and_a_new_language_take_both_kinds_of_seed_as_samples(study_of: Any, question_of: Any) -> None:
    """The target seeds of the baseline are the same for every intermediate seed, and so invisible in their spread."""
    table, study = scores((1, 2, 3, 4), (11, 12, 13)), study_of(tuple(TARGETS))
    odd = table["target_seed"].map({11: -1.0, 12: 0.0, 13: 1.0}) * (table["intermediate"] == "none")
    table["value"] += odd * (table["language"] == "sw")
    asked = question_of(kind="gap", high=("de", "en"), low=("sw",))
    gap = answer(asked, table, study)
    assert "crossed with target seeds" in gap.interval.method
    assert gap.interval.se > 0.3  # the spread over the intermediate seeds alone is nothing
    own = {"de": "a", "en": "b", "sw": "c"}
    new = answer(question_of(reading="random"), table, study, families=own)
    by_checkpoint = table.groupby("seed")["value"].mean().std(ddof=1) / 2
    assert new.interval.se > by_checkpoint


def test_an_unfinished_crossing_is_said(study_of: Any, question_of: Any) -> None:
    table = scores((1, 2, 3), (11, 12, 13))
    lacking = (table["intermediate"] == "mnli") & (table["seed"] == 2) & (table["target_seed"] == 13)
    unfinished = answer(question_of(), table[~lacking], study_of(tuple(TARGETS)))
    assert any("has met the same target seeds" in warning for warning in unfinished.warnings)


def by_target_seed(first: tuple[int, ...], second: tuple[int, ...]) -> pd.DataFrame:
    """What differs is what the target seeds do to the arm, the same for every intermediate seed."""
    table = scores(first, second)
    wave = dict(zip(second, np.linspace(-1, 1, len(second)), strict=True))
    table["value"] = 60 + (2 + table["target_seed"].map(wave)) * (table["intermediate"] == "mnli")
    return table


def test_the_best_arm_is_chosen_and_reported_on_different_seeds_of_both_kinds(study_of: Any, question_of: Any) -> None:
    table = by_target_seed((1, 2, 3, 4), (11, 12, 13, 14))
    worse = table[table["intermediate"] == "mnli"].assign(intermediate="squad")
    table = pd.concat([table, worse.assign(value=worse["value"] - 1)])
    asked = question_of("best", kind="best-of", among=("mnli", "squad"))
    best = answer(asked, table, study_of(tuple(TARGETS)))
    assert best.details["target_seeds"] == {"choosing": (11,), "reporting": (12, 13, 14)}
    assert "crossed with target seeds" in best.interval.method and best.interval.se > 0.3
    assert best.interval.estimate == pytest.approx(2 + 1 / 3)
    few = answer(asked, table[table["target_seed"] < 13], study_of(tuple(TARGETS)))
    assert any("target seeds 11 and 12 both choose and report" in warning for warning in few.warnings)


def test_rows_by_language_and_the_matrix_take_both_kinds_of_seed_as_samples() -> None:
    from waystage.reports.comparisons import _cells, _met
    from waystage.stats import gain_matrix

    table = by_target_seed((1, 2, 3, 4), (11, 12, 13))
    one = found(table).of(["udpos"])
    for _, _, _, gain, low, high in _cells(one):
        assert gain == pytest.approx(2) and low < 1 < 3 < high
    assert (gain_matrix(table)["se"] > 0.3).all()
    own = table[(table["intermediate"] == "mnli") & (table["target"] == "xnli")]
    assert _met(own, "en").shape == (4, 3)


def test_what_target_seeds_do_is_no_interaction() -> None:
    """Means over target seeds would all share them."""
    from waystage.stats.gains import interaction

    rng, table = np.random.default_rng(3), scores((1, 2, 3, 4), (11, 12, 13))
    luck = {key: rng.normal(0, 1) for key in table.groupby(["intermediate", "target", "target_seed"]).groups}
    keys = zip(table["intermediate"], table["target"], table["target_seed"], strict=True)
    table["value"] = [60 + luck[key] for key in keys] + rng.normal(0, 0.01, len(table))
    null, _, _, seeds = interaction(table, model="xlm-roberta-base", source_language="en")
    assert seeds == [1, 2, 3] and null.p > 0.01


def test_what_could_be_found_and_signs_know_of_target_seeds(study_of: Any, question_of: Any) -> None:
    said = answer(question_of(), by_target_seed((1, 2, 3, 4), (11, 12, 13)), study_of(tuple(TARGETS)))
    assert said.details["detectable"]["crossed"] == "4 x 3" and said.details["detectable"]["effect"] > 1
    assert not any("sign flips" in note for note in said.notes)


def test_two_studies_with_crossed_seeds_differ_by_what_both_kinds_bring() -> None:
    from waystage.reports.beside import _apart

    one = found(by_target_seed((1, 2, 3, 4), (11, 12, 13)))
    assert _apart(one, one, shared=False).se == pytest.approx(2**0.5 * one.interval().se)
    from waystage.stats import seeds

    a, b = [1.0, 2.0, 4.0], [0.0, 3.0, 3.5]
    assert seeds.apart(seeds.mean(a), seeds.mean(b)).half == pytest.approx(seeds.unpaired(a, b).half)


def test_two_target_seeds_give_an_interval_and_no_verdict(study_of: Any, question_of: Any) -> None:
    """As two intermediate seeds do, and as the stars of the gain matrix say."""
    from waystage.stats import gain_matrix

    table = by_target_seed((1, 2, 3, 4, 5), (11, 12))
    table["value"] += 50.0 * (table["intermediate"] == "mnli")
    said = answer(question_of(), table, study_of(tuple(TARGETS)))
    assert said.interval.low is not None and said.verdict.word == "no verdict"
    assert "2 seeds of one kind (5 x 2 seeds): no verdict" in said.warnings
    assert not gain_matrix(table)["star"].any()
    gap = answer(question_of(kind="gap", high=("de", "en"), low=("sw",)), table, study_of(tuple(TARGETS)))
    assert gap.verdict.word == "no verdict"
    assert gap.details["low_error"].low is None  # of means over target seeds, which are a sample too


def retrieval(first: tuple[int, ...], second: tuple[int, ...]) -> pd.DataFrame:
    """Nothing is trained on the target, so each target seed lists the same results."""
    table = scores(first, second)
    rng = np.random.default_rng(5)
    gains = {seed: rng.normal(3.0, 0.5) for seed in first}
    table["value"] = 60 + table["seed"].map(gains) * (table["intermediate"] == "mnli")
    return table


def test_target_seeds_that_enter_nothing_take_no_verdict_away(study_of: Any, question_of: Any) -> None:
    table = retrieval((1, 2, 3, 4, 5), (11, 12))
    said = answer(question_of(), table, study_of(tuple(TARGETS)))
    once = answer(question_of(), table[table["target_seed"] == 11], study_of(tuple(TARGETS)))
    assert said.verdict.word == "better" and said.interval == once.interval
    mixed = scores((1, 2, 3, 4), (11, 12, 13))
    mixed["value"] = mixed["value"].where(mixed["target"] != "panx", retrieval((1, 2, 3, 4), (11, 12, 13))["value"])
    assert found(mixed).grid.shape == (4, 3) and found(mixed).of(["panx"]).grid is None
    other = mixed[mixed["intermediate"] == "mnli"].assign(intermediate="squad")
    asked = question_of("best", kind="best-of", among=("mnli", "squad"))
    best = answer(asked, pd.concat([mixed, other]), study_of(tuple(TARGETS)))
    assert best.details["target_seeds"]["reporting"] == (12, 13)


def test_a_seed_whose_arms_met_other_target_seeds_stops_nothing(study_of: Any, question_of: Any) -> None:
    """Half way, one arm of seed 3 has come to one target seed and the other arm to another."""
    table = scores((1, 2, 3), (11, 12))
    odd = (table["seed"] == 3) & (table["target_seed"] == table["intermediate"].map({"mnli": 11, "none": 12}))
    said = answer(question_of(), table[~odd], study_of(tuple(TARGETS)))
    assert said.seeds == (1, 2, 3)
    assert any("has met the same target seeds" in warning for warning in said.warnings)


def test_targets_that_met_other_target_seeds_are_said(study_of: Any, question_of: Any) -> None:
    table = scores((1, 2, 3), (11, 12, 13))
    later = (table["target"] == "panx") & (table["target_seed"] == 13)
    said = answer(question_of(), table[~later], study_of(tuple(TARGETS)))
    assert "crossed" not in said.interval.method
    assert any(warning.startswith("the average: not every intermediate seed") for warning in said.warnings)
