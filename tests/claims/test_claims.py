"""Verdicts on published claims, from tables of scores of known truth."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from waystage import claims
from waystage.claims import judge
from waystage.claims.read import SHIPPED, load
from waystage.errors import StudyError
from waystage.study import Study
from waystage.tasks import BENCHMARKS, get

SINGLES = ["anli", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "commonsenseqa"]
ARMS = {
    "none": {},
    **{name: {"tasks": [name]} for name in SINGLES},
    "all": {"tasks": SINGLES, "sampling": {"by": "size", "cap": 131072}},
    "mnli_mlm": {"tasks": ["mnli"], "replay": {"mlm": 0.33}},
    "mnli_mt": {"tasks": ["mnli"], "translate": ["en", "de", "ru", "sw"]},
}
LANGUAGES = ("de", "en", "ru", "sw")


def study(**changes):
    said = {"title": "t", "models": ["xlm-roberta-large"], "targets": ["xtreme"], "seeds": [1, 2, 3, 4, 5],
            "intermediate": ARMS, "translator": {"model": "facebook/nllb-200-distilled-600M"}}  # fmt: skip
    return Study(**(said | changes))


def results(said, gains, *, noise=0.2, draw=0):
    """`gains` is a number by arm, or by (arm, target); question answering has exact match 10 points lower."""
    rng = np.random.default_rng(draw)
    rows, cells = [], []
    for model in said.models:
        for arm in said.intermediate:
            for target in said.target_tasks():
                task = get(target)
                cells.append(SimpleNamespace(target=target, languages=BENCHMARKS["xtreme"].languages[target]))
                for seed in said.seeds:
                    for code in [c for c in LANGUAGES if c in task.languages]:
                        gain = gains.get((arm, target), gains.get(arm, 0.0)) if arm != "none" else 0.0
                        fixed = arm == "none" and not task.has_training_data
                        value = 60 + gain + (0 if fixed else rng.normal(0, noise))
                        metrics = {task.metric: value} | ({"exact_match": value - 10} if task.form == "spans" else {})
                        for metric, number in metrics.items():
                            rows.append(
                                {"study": "t", "model": model, "intermediate": arm, "target": target, "variant": "",
                                 "source_language": "en", "language": code, "seed": seed, "metric": metric,
                                 "value": number, "n": 100, "headline": metric == task.metric,
                                 "stage": f"{arm}{target}" if fixed else f"{arm}{target}{seed}"}
                            )  # fmt: skip
    return SimpleNamespace(
        study=said, scores=pd.DataFrame(rows), rehearsal=said.source == "world", plan=SimpleNamespace(cells=cells)
    )


def words(found):
    return {one.claim.id: one.verdict.word for one in claims.verdicts(found)}


PUBLISHED = {"squad": 8.2, "mnli": 7.5, "hellaswag": 7.0, "all": 8.7, "mnli_mlm": 7.5, "mnli_mt": 7.5}


def test_a_replication_that_finds_the_published_numbers():
    gains = dict.fromkeys(ARMS, 6.0) | PUBLISHED | {(arm, "xnli"): 0.0 for arm in ARMS}
    gains |= {(arm, target): gains[arm] * 9 / 8 for arm in PUBLISHED for target in get_targets() if target != "xnli"}
    found = words(results(study(), gains))
    assert {one: found[one] for one in ("1-squad", "1-mnli", "1-hellaswag", "2-gain")} == dict.fromkeys(
        ("1-squad", "1-mnli", "1-hellaswag", "2-gain"), "reproduced"
    )
    assert found["3"] == "same direction"  # how large is not published
    assert found["4-tydiqa"] == "same direction"
    assert found["4-xnli"] == "reproduced"
    assert found["5"] == "same direction"  # the leaderboard's baseline is not this study's
    assert found["6-mlm-neither"] == found["6-translated-neither"] == "reproduced"
    assert found["6-mlm-outperforms"] == "not distinguishable"
    assert {found[one] for one in ("7", "8", "9", "10-targets", "10-kinds")} == {"conforms"}


def get_targets():
    return study().target_tasks()


def test_a_replication_that_finds_the_opposite_contradicts():
    found = words(results(study(), dict.fromkeys(ARMS, -3.0)))
    assert found["1-squad"] == found["2-gain"] == found["3"] == "contradicted"
    assert found["5"] == "opposite direction"  # two seeds choose, three report: direction only
    assert found["4-xnli"] == "reproduced"  # no benefit there either
    found = words(results(study(), {(arm, "xnli"): 4.0 for arm in ARMS}))
    assert found["4-xnli"] == "contradicted"


def test_what_is_another_experiment_never_contradicts_and_never_reproduces():
    for changes in (
        {"models": ["xlm-roberta-base"]}, {"recipe": {"learning_rate": 5e-5}},
        {"intermediate": ARMS | {"squad": {"tasks": ["squad"], "recipe": {"epochs": 9}}}},
    ):  # fmt: skip
        for gain, expected in ((-3.0, "opposite direction"), (8.2, "same direction")):
            judged = claims.verdicts(results(study(**changes), dict.fromkeys(ARMS, gain)))
            assert not {one.verdict.word for one in judged} & {"contradicted", "reproduced"}, changes
            (squad,) = [one for one in judged if one.claim.id == "1-squad"]
            assert squad.verdict.word == expected
            assert squad.reach == "generalisation"
            assert squad.differs


def test_a_language_or_a_target_that_lacks_makes_another_experiment():
    whole = results(study(), {"mnli": 7.5})
    gone = (whole.scores["intermediate"] == "mnli") & (whole.scores["target"] == "xnli")
    for lost, said in (
        (gone & (whole.scores["language"] == "sw"), "xnli without sw"),
        (gone, "xnli is not scored for every arm"),
    ):
        fewer = SimpleNamespace(**{**vars(whole), "scores": whole.scores[~lost]})
        judged = {one.claim.id: one for one in claims.verdicts(fewer)}
        assert judged["1-mnli"].reach == "generalisation"
        assert judged["1-squad"].reach == "replication"
        assert said in " ".join(judged["2-best"].differs), said


def test_languages_of_a_study_are_listed_as_they_are_written():
    (said,) = {one.differs for one in claims.verdicts(results(study(languages=["de", "sw"]), {})) if one.measured}
    assert "the languages are de, sw" in said


def test_three_seeds_give_the_direction_only_and_two_nothing():
    assert words(results(study(seeds=[1, 2, 3]), PUBLISHED))["1-squad"] == "same direction"
    assert words(results(study(seeds=[1, 2, 3]), dict.fromkeys(ARMS, -3.0)))["1-squad"] == "opposite direction"
    assert words(results(study(seeds=[1, 2]), PUBLISHED))["1-squad"] == "no verdict"


def test_another_protocol_prints_no_difference():
    judged = {one.claim.id: one for one in claims.verdicts(results(study(), dict.fromkeys(ARMS, 5.4)))}
    assert judged["1-squad"].difference == pytest.approx(5.4 - 8.2, abs=0.2)
    assert judged["5"].difference is None
    assert judged["5"].not_comparable.startswith("not comparable (baseline: own here, XLM-R Large on XTREME's")
    beside = judge.beside(results(study(), {}))
    assert all(one.difference is None and one.not_comparable for one in beside)
    authors = [one for one in beside if "authors" in one.system]
    assert all("split: test here, validation there" in one.not_comparable for one in authors)


def test_a_rehearsal_gets_no_verdict_on_any_claim():
    judged = claims.verdicts(results(study(source="world"), PUBLISHED))
    assert {one.verdict.word for one in judged} == {"not tested"}
    assert all(one.difference is None and one.in_rehearsal for one in judged)
    assert not any(one.in_rehearsal.startswith("not tested") for one in judged), "the word stands before it already"
    (squad,) = [one for one in judged if one.claim.id == "1-squad"]
    assert squad.in_rehearsal.startswith("reproduced")
    assert squad.measured.interval.low is not None


def test_averages_take_the_mean_of_f1_and_exact_match():
    judged = {one.claim.id: one for one in claims.verdicts(results(study(), {("squad", "xquad"): 9.0}, noise=0.0))}
    assert judged["1-squad"].measured.interval.estimate == pytest.approx(1.0)
    assert judged["1-squad"].measured.targets["xquad"].estimate == pytest.approx(9.0)
    assert judged["1-squad"].measured.without_untrained.estimate == pytest.approx(9 / 7)


def test_what_a_study_lacks_is_not_tested_and_says_why():
    few = {name: ARMS[name] for name in ("none", "mnli")}
    judged = {one.claim.id: one for one in claims.verdicts(results(study(intermediate=few, targets=["xnli"]), {}))}
    assert judged["1-squad"].verdict.word == "not tested"
    assert "no arm trains on squad alone, in English" in judged["1-squad"].verdict.why
    assert "none of its targets" in judged["3"].verdict.why
    assert "no arm has `replay`" in judged["6-mlm-outperforms"].verdict.why
    assert judged["9"].verdict.word == "does not conform"
    assert judged["4-xnli"].reach == "generalisation"
    assert any("without an arm for" in one for one in judged["4-xnli"].differs)
    empty = results(study(), {})
    empty.scores = empty.scores.iloc[:0]
    assert {one.verdict.word for one in claims.verdicts(empty)} <= {"not tested", "conforms", "does not conform"}


def test_the_best_single_is_chosen_on_other_seeds():
    gains = dict.fromkeys(SINGLES, 5.0) | {"all": 5.0}
    found = {one.claim.id: one for one in claims.verdicts(results(study(), gains, noise=2.0))}
    assert found["2-best"].measured.seeds == 3
    assert found["2-best"].measured.notes[0].endswith("compared on 3, 4, 5")


def test_everything_is_json():
    text = json.dumps([one.as_dict() for one in claims.verdicts(results(study(), PUBLISHED))], allow_nan=False)
    assert "1-squad" in text


def test_the_published_figures_are_those_that_were_seen():
    found = load()
    values = {one.id: one.published.value for one in found.claim if one.published}
    assert values == {"1-squad": 8.2, "1-mnli": 7.5, "1-hellaswag": 7.0, "2-gain": 8.7, "2-best": 0.5, "5": 5.4}
    assert all(one.tolerance for one in found.claim if one.published)
    assert len(found.source.reports) == 5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('direction = "up"\ntolerance = 2.0', 'direction = "sideways"\ntolerance = 2.0', "must be 'up', 'down'"),
        ('direction = "up"\ntolerance = 2.0', 'direction = "up"', "1-squad: is missing: how near to the published"),
        ('targets = "xtreme"', 'targets = "xtrem"', "there is no group 'xtrem'; there are nine, xtreme"),
        ('id = "1-mnli"', 'id = "1-squad"', "'1-squad' stands there twice"),
        ('check = "nine tasks"', 'check = "ten tasks"', "must be one of 'starting model'"),
        ('kind = "gain"', 'kind = "gian"', "did you mean 'gain'?"),
        ("[source]", "[source", "is not valid TOML"),
        ('arms = [["squad"]]', 'arms = ["squad"]', "there is no group 'squad'; there are nine, xtreme; the task of"),
        ("nine = [", "ten = [", "9: is about the group 'nine'"),
    ],
)
def test_a_broken_file_says_what_to_mend(old, new, said, tmp_path):
    path = tmp_path / "claims.toml"
    path.write_text(SHIPPED.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(StudyError, match=said.replace("?", r"\?")) as caught:
        load(path)
    assert caught.value.exit_code == 2


def test_the_table_shows_what_was_measured_and_on_what(monkeypatch, capsys, tmp_path):
    from waystage.commands import claiming

    for source, expected in (
        ("hub", ["1-squad", "+8.2", "reproduced", "by target xnli", "without untrained retrieval", "not stated of"]),
        ("world", ["[rehearsal, artificial languages]", "not tested"]),
    ):
        found = results(study(source=source), dict.fromkeys(ARMS, 8.2))
        monkeypatch.setattr(claiming, "results_of", lambda *_, found=found, **__: found)
        claiming.claims(
            tmp_path / "s.toml", overrides=None, store=tmp_path, rehearsal=False, full=False, file=None, json=False
        )
        printed = capsys.readouterr().out
        assert all(one in printed for one in expected), [one for one in expected if one not in printed]
    claiming.claims(
        tmp_path / "s.toml", overrides=None, store=tmp_path, rehearsal=False, full=False, file=None, json=True
    )
    said = json.loads(capsys.readouterr().out)
    assert said["rehearsal"] and {one["verdict"]["word"] for one in said["claims"]} == {"not tested"}


def test_crossed_seeds_are_both_samples():
    said = results(study(), PUBLISHED)
    both = [said.scores.assign(target_seed=seed, value=said.scores["value"] + seed) for seed in (0, 1, 2)]
    crossed = SimpleNamespace(**{**vars(said), "scores": pd.concat(both)})
    (squad,) = [one for one in claims.verdicts(crossed) if one.claim.id == "1-squad"]
    assert "crossed with target seeds" in squad.measured.interval.method
    assert squad.measured.interval.estimate == pytest.approx(8.2, abs=0.3)


def test_two_target_seeds_give_no_verdict():
    said = results(study(), PUBLISHED)
    both = [said.scores.assign(target_seed=seed, value=said.scores["value"] + seed * 0.01) for seed in (0, 1)]
    crossed = SimpleNamespace(**{**vars(said), "scores": pd.concat(both)})
    moved = crossed.scores["intermediate"].eq("squad") & crossed.scores["target_seed"].eq(1)
    crossed.scores.loc[moved, "value"] += 0.02
    (squad,) = [one for one in claims.verdicts(crossed) if one.claim.id == "1-squad"]
    assert squad.verdict.word == "no verdict" and squad.measured.interval.low is not None


def test_arms_that_met_other_target_seeds_have_no_interval_of_nothing():
    said = results(study(), PUBLISHED)
    rng = np.random.default_rng(3)
    three = pd.concat([said.scores.assign(target_seed=seed) for seed in (0, 1, 2)], ignore_index=True)
    three["value"] += rng.normal(0, 0.1, len(three))
    lacking = three["intermediate"].eq("mnli") & three["target_seed"].eq(2)
    judged = claims.verdicts(SimpleNamespace(**{**vars(said), "scores": three[~lacking]}))
    (third,) = [one for one in judged if one.claim.id == "3"]
    assert third.verdict.word == "same direction"
    assert any("the average over arms: not every" in note for note in third.measured.notes)
    json.dumps([one.as_dict() for one in judged], allow_nan=False)


def test_arms_that_share_no_target_yet_are_not_tested():
    whole = results(study(), PUBLISHED)
    rows = whole.scores
    half = ~rows["intermediate"].isin(["none", "all", "qqp"]) & (rows["target"] != "xnli")
    half |= rows["intermediate"].eq("qqp") & (rows["target"] != "pawsx")
    judged = {one.claim.id: one for one in claims.verdicts(SimpleNamespace(**{**vars(whole), "scores": rows[~half]}))}
    assert judged["2-best"].verdict.word == "not tested"
    assert "no target is scored yet for all of" in judged["2-best"].verdict.why


def test_what_is_also_scored_or_kept_makes_no_other_experiment():
    said = study(sweep=True, logits=True, selections=["last", "source-dev"])
    assert {one.differs for one in claims.verdicts(results(said, PUBLISHED)) if one.claim.id == "1-squad"} == {()}


def test_of_two_arms_of_one_task_the_one_with_the_recipe_of_the_study_is_meant():
    short = {"squad_short": {"tasks": ["squad"], "recipe": {"steps": 100}}, **ARMS}
    (squad,) = [one for one in claims.verdicts(results(study(intermediate=short), PUBLISHED))
                if one.claim.id == "1-squad"]  # fmt: skip
    assert squad.measured.what == "squad - none"


def test_one_seed_chooses_and_compares_and_says_so():
    found = {one.claim.id: one for one in claims.verdicts(results(study(seeds=[1]), PUBLISHED))}
    assert found["2-best"].measured.notes[0].endswith("on seeds that are compared too; compared on 1")
    few = {name: ARMS[name] for name in ("none", "squad", "all")}
    found = {one.claim.id: one for one in claims.verdicts(results(study(intermediate=few), PUBLISHED))}
    assert found["2-best"].measured.notes[0] == "squad is the only single arm; compared on 1, 2, 3, 4, 5"


def test_a_published_system_stands_beside_its_own_model_in_english(monkeypatch, capsys, tmp_path):
    from waystage.commands import claiming

    few = {name: ARMS[name] for name in ("none", "squad")}
    said = study(models=["xlm-roberta-base", "xlm-roberta-large"], source_languages=["en", "de"], intermediate=few)
    found = results(said, PUBLISHED)
    better = found.scores["model"].eq("xlm-roberta-large")
    found.scores.loc[better, "value"] += 10
    german = found.scores[found.scores["target"] == "xnli"].assign(source_language="de", value=1.0)
    found.scores = pd.concat([found.scores, german], ignore_index=True)
    (own,) = {round(one.ours) for one in judge.beside(found) if one.target == "xnli"}
    assert own == 70
    monkeypatch.setattr(claiming, "results_of", lambda *_, **__: found)
    claiming.claims(
        tmp_path / "s.toml", overrides=None, store=tmp_path, rehearsal=False, full=False, file=None, json=False
    )
    printed = capsys.readouterr().out
    assert "not frozen" in printed
    squad = [line.split() for line in printed.splitlines() if line.strip().startswith("1-squad ") and "+8.2" in line]
    of = [row[1] for row in squad if row[1].startswith("xlm")]
    assert of == ["xlm-roberta-base,"] * 2 + ["xlm-roberta-large,"] * 2


def test_the_languages_of_the_benchmark_are_meant_however_they_are_written():
    def differs(found):
        return {one.differs for one in claims.verdicts(found) if one.claim.id == "1-squad"}

    assert differs(results(study(languages="xtreme"), PUBLISHED)) == {()}
    more = results(study(), PUBLISHED)
    more.plan.cells.append(SimpleNamespace(target="panx", languages=("de", "gu")))
    assert differs(more) == {("more languages than XTREME's on panx",)}
    assert {one.target for one in judge.beside(more) if "languages" in one.not_comparable} == {"panx"}


def test_a_mixture_that_is_sampled_otherwise_is_another_experiment():
    uniform = {"tasks": SINGLES, "sampling": {"by": "uniform"}}
    found = {one.claim.id: one for one in claims.verdicts(
        results(study(intermediate=ARMS | {"all": uniform}), dict.fromkeys(ARMS, 8.0))
    )}  # fmt: skip
    assert found["2-gain"].verdict.word == "same direction"
    assert "all is not sampled by size" in found["2-gain"].differs
    assert found["1-squad"].reach == "replication"  # which is about another arm
    both = {one.claim.id: one for one in claims.verdicts(
        results(study(intermediate={"even": uniform} | ARMS), dict.fromkeys(ARMS, 8.0))
    )}  # fmt: skip
    assert both["2-gain"].verdict.word == "reproduced" and both["2-gain"].measured.what == "all - none"
