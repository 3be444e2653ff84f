from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas
import pyarrow.parquet as pq
import pytest
from synthetic import results, rewrite, study

from waystage.graph.stage import Stage
from waystage.reports import made, write
from waystage.reports.content import content
from waystage.reports.plots import every
from waystage.results import Results


def recomputed(found: Results, arm: str, target: str, code: str) -> float:
    """Mean accuracy over seeds from the kept answers alone, in plain Python."""
    values = []
    for cell in found.plan.cells:
        if (cell.intermediate, cell.target) == (arm, target):
            rows = pq.read_table(
                found.store.path(cell.evaluate.inputs["rows"].fingerprint) / f"{code}.parquet"
            ).to_pylist()
            said = pq.read_table(
                found.store.path(cell.evaluate.fingerprint) / f"predictions/{code}.parquet"
            ).to_pylist()
            gold = {row["id"]: row["label"] for row in rows}
            values.append(100 * sum(gold[row["id"]] == row["prediction"] for row in said) / len(said))
    return sum(values) / len(values)


def chunks(sentences: list[list[str]]) -> set[tuple[int, int, int, str]]:
    """Runs of one part of speech, as the official score reads bare tags; one that begins with S is always alone."""
    found = set()
    for number, tags in enumerate(sentences):
        starts = [i for i, tag in enumerate(tags) if i == 0 or tag != tags[i - 1] or tag[0] == "S"] + [len(tags)]
        found |= {(number, start, end, tags[start]) for start, end in pairwise(starts)}
    return found


def again(rows: list[dict[str, Any]], said: list[dict[str, Any]], metric: str) -> float:
    """A score from answers and gold in ten lines that share nothing with the package."""
    gold = {row["id"]: row for row in rows}
    if "tags" in rows[0] and metric == "f1":
        right, mine = (
            chunks(tags) for tags in ([gold[one["id"]]["tags"] for one in said], [one["prediction"] for one in said])
        )
        return 100 * 2 * len(right & mine) / (len(right) + len(mine))
    found = []
    for one in said:
        row, answer = gold[one["id"]], one["prediction"]
        if "tags" in row:
            found += [mine == right for mine, right in zip(answer, row["tags"], strict=True)]
        elif "answers" in row:
            shared = sum((Counter(answer.split()) & Counter(row["answers"][0].split())).values())
            found.append(2 * shared / (len(answer.split()) + len(row["answers"][0].split())))
        elif "gold" in row:
            found += [answer[0] in row["gold"]] if one["variant"] == "cosine" else []
        else:
            found.append(answer == row["label"])
    return 100 * sum(found) / len(found)


def test_every_score_of_the_json_is_that_of_the_kept_answers(whole: Results, tmp_path: Path) -> None:
    path = write(whole, tmp_path / "all.json", "json")
    scores = json.loads(path.read_text(encoding="utf-8"))["scores"]
    cells = {cell.evaluate.fingerprint: cell for cell in whole.plan.cells}
    checked = set()
    for row in (dict(zip(scores["columns"], row, strict=True)) for row in scores["rows"]):
        if row["metric"] not in ("accuracy", "token_accuracy", "f1"):
            continue
        cell = cells[row["stage"]]
        gold, answers = (whole.store.path(s.fingerprint) for s in (cell.evaluate.inputs["rows"], cell.evaluate))
        rows = pq.read_table(gold / f"{row['language']}.parquet").to_pylist()
        said = pq.read_table(answers / "predictions" / f"{row['language']}.parquet").to_pylist()
        assert row["value"] == pytest.approx(again(rows, said, row["metric"])), row
        checked.add((row["target"], row["metric"]))
    assert checked == {
        ("xnli", "accuracy"), ("udpos", "f1"), ("udpos", "token_accuracy"), ("xquad", "f1"), ("tatoeba", "accuracy"),
    }  # fmt: skip


def test_gains_of_the_json_are_those_of_its_scores(whole: Results) -> None:
    made = content(whole, examples=False)
    frame = pandas.DataFrame(made["scores"]["rows"], columns=made["scores"]["columns"])
    means = frame[frame["headline"]].groupby(["intermediate", "target", "language", "seed"])["value"].mean().unstack()
    for row in made["gains"]["rows"]:
        arm, zero = (means.loc[name, row["target"]].dropna(axis=1) for name in (row["intermediate"], "none"))
        if zero.shape[1] == 1:  # a model as published has one score for all seeds
            zero = pandas.concat([zero.iloc[:, 0]] * arm.shape[1], axis=1, keys=arm.columns)
        assert row["gain"] == pytest.approx((arm - zero).mean().mean())


def test_gains_are_those_of_the_kept_answers(whole: Results) -> None:
    made = content(whole)
    block = next(b for b in made["by_language"] if (b["intermediate"], b["target"]) == ("mnli", "xnli"))
    for code, score, base, gain, *_ in block["cells"]:
        a, b = (recomputed(whole, arm, "xnli", code) for arm in ("mnli", "none"))
        assert (score, base, gain) == pytest.approx((a, b, a - b))
    row = next(r for r in made["gains"]["rows"] if (r["intermediate"], r["target"]) == ("mnli", "xnli"))
    assert row["gain"] == pytest.approx(sum(cell[3] for cell in block["cells"]) / len(block["cells"]))
    assert row["score"] == pytest.approx(sum(cell[1] for cell in block["cells"]) / len(block["cells"]))


def test_it_is_json_and_the_same_each_time(whole: Results) -> None:
    made = json.dumps(content(whole), allow_nan=False, sort_keys=True)
    assert made == json.dumps(content(whole), allow_nan=False, sort_keys=True)


def test_the_study_it_holds_gives_the_same_study_again(whole: Results, tmp_path: Path) -> None:
    from waystage.study import load

    path = tmp_path / "again.toml"
    path.write_text(content(whole)["study"]["file"], encoding="utf-8")
    assert load(path) == whole.study


def test_each_distinct_stage_is_counted_once(whole: Results) -> None:
    made = content(whole, examples=False)
    costs = made["costs"]
    assert (
        len({s["fingerprint"] for s in made["stages"]}) == costs["distinct"] == sum(c["stages"] for c in costs["rows"])
    )
    # 3 arms x 4 targets x 3 seeds; retrieval of the untouched model is one stage for all seeds
    assert costs["combinations"] == 36
    evaluate = next(c for c in costs["rows"] if c["what"] == "evaluate")
    assert evaluate["stages"] == evaluate["done"] == 34
    assert costs["alone"] > costs["distinct"]
    assert costs["alone_seconds"] > costs["seconds"] == pytest.approx(sum(s["seconds"] for s in made["stages"]))


def test_a_study_on_the_way_says_how_much_is_in_and_what_waits(running: Results) -> None:
    made = content(running)
    assert (made["progress"]["done"], made["progress"]["wanted"]) == running.done
    lacking = {(m["intermediate"], m["target"]): (m["lacking"], m["of"]) for m in made["progress"]["missing"]}
    assert lacking == {("mnli", "udpos"): (1, 3), ("none", "xquad"): (1, 3), ("squad", "xquad"): (2, 3)}
    assert made["gains"]["waiting"] == ["xquad after squad (xlm-roberta-base, en): no seed in common with none yet"]
    cells = {(r["intermediate"], r["target"]): r["n"] for r in made["gains"]["rows"]}
    assert cells["mnli", "udpos"] == 2
    assert ("squad", "xquad") not in cells
    assert made["left_out"] == ["udpos from sw: udpos has no training data in sw"]


def test_nothing_has_run(tmp_path: Path) -> None:
    made = content(results(tmp_path, missing=lambda cell: True))
    assert [a["answered"] for a in made["answers"]] == [False, False]
    assert made["gains"]["rows"] == made["by_language"] == made["examples"] == made["scores"]["rows"] == []
    assert made["progress"]["done"] == 0


def test_one_seed_has_no_interval(tmp_path: Path) -> None:
    made = content(results(tmp_path, study(seeds=(7,), targets=("xnli",), languages=("en", "sw"))))
    assert {(r["low"], r["high"], r["star"]) for r in made["gains"]["rows"]} == {(None, None, False)}
    answer = made["answers"][1]
    assert answer["interval"]["low"] is None
    assert answer["verdict"]["word"] == "no verdict"


def test_versions_that_differ_are_said(whole: Results) -> None:
    from waystage.reports import made

    records = made.records(whole)
    assert made.provenance(whole, records)["mixed"] == []
    stage, record = next((s, r) for s, r in records.values() if r)
    newer = {**record, "versions": {**record["versions"], "torch": "2.9.1"}}
    changed = made.provenance(whole, {**records, stage.fingerprint: (stage, newer)})
    assert changed["mixed"] == ["torch"]
    assert changed["versions"]["torch"]["2.9.1"] == 1


def test_a_dropped_checkpoint_keeps_its_place_in_the_account(tmp_path: Path) -> None:
    found = results(tmp_path, study(targets=("xnli",), languages=("en", "sw"), seeds=(1,)))
    train = next(s for s in content(found)["stages"] if s["kind"] == "train")
    folder = found.store.path(train["fingerprint"])
    found.store.dropped("x").parent.mkdir(exist_ok=True)
    (folder / "manifest.json").rename(found.store.dropped(train["fingerprint"]))
    made = content(found)
    again = next(s for s in made["stages"] if s["fingerprint"] == train["fingerprint"])
    there = [s["fingerprint"] for s in made["stages"] if s["kind"] == "train" and s["state"] == "there"]
    used = sum(f["size"] for one in there for f in found.store.manifest(one)["files"])
    assert sum(c["disk"] for c in made["costs"]["rows"] if c["what"].startswith("train")) == used
    assert (again["state"], again["seconds"]) == ("dropped after use", train["seconds"])


def test_answers_are_one_family_of_tests(whole: Results) -> None:
    found = content(whole, examples=False)["answers"]
    p = sorted(a["interval"]["p"] for a in found)
    assert sorted(a["p_holm"] for a in found) == pytest.approx([min(1, 2 * p[0]), max(min(1, 2 * p[0]), p[1])])


def test_layers_and_the_fixed_one(whole: Results) -> None:
    found = {one["intermediate"]: one for one in content(whole, examples=False)["layers"]}
    assert set(found) == {"none", "mnli", "squad"}
    for one in found.values():
        values = dict(map(tuple, one["line"]))
        assert one["fixed"] == 7 == max(values, key=lambda layer: values[layer])
        assert values[7] - values[12] == pytest.approx(25)
        assert one["bag"] == pytest.approx(100 / 40)


def test_the_best_arm_is_read_on_other_seeds_than_it_was_chosen_on(whole: Results, tmp_path: Path) -> None:
    (few,) = content(whole, examples=False)["best"]
    assert (len(few["choosing"]), len(few["reporting"])) == (1, 2)
    assert set(few["choosing"]).isdisjoint(few["reporting"])
    rows = content(whole, examples=False)["gains"]["rows"]
    largest = {t: max(r["gain"] for r in rows if r["target"] == t) for t in {r["target"] for r in rows}}
    assert few["naive"] == pytest.approx(sum(largest.values()) / len(largest))
    said = study(seeds=(1, 2), targets=("xnli", "udpos"), languages=("en", "de", "sw"))
    (none,) = content(results(tmp_path / "two", said, items=10), examples=False)["best"]
    assert none["chosen"] == {}  # two seeds do not suffice to choose and to report
    said = study(seeds=(1, 2, 3, 4, 5), targets=("xnli", "udpos"), languages=("en", "de", "sw"))
    (more,) = content(results(tmp_path, said, items=10), examples=False)["best"]
    assert set(more["chosen"]) == {"xnli", "udpos"}
    assert set(more["choosing"]).isdisjoint(more["reporting"])
    assert more["gain"]["low"] is not None


def test_controls_ceilings_and_arms_for_few_targets_are_nothing_to_choose(tmp_path: Path) -> None:
    """One arm for one target would leave that target alone, and a ceiling would always be chosen."""
    said = study(
        targets=("xnli", "udpos"), languages=("en", "de", "sw"), seeds=(1, 2, 3, 4),
        intermediate={
            "none": {}, "mnli": {"tasks": ("mnli",)}, "squad": {"tasks": ("squad",)},
            "few": {"tasks": ("qqp",), "on": ("xnli",)}, "shuffled": {"control": "shuffled-labels", "of": "mnli"},
            "ceiling": {"target": {"language": "target"}}, "shots": {"target": {"shots": 10}},
        },
    )  # fmt: skip
    found = results(tmp_path, said, items=10, missing=lambda c: c.intermediate == "few" and c.target == "udpos")
    (best,) = content(found, examples=False)["best"]
    assert best["among"] == ["mnli", "squad"]
    assert set(best["chosen"]) == {"xnli", "udpos"}


def test_no_learning_curve_hides_behind_another(tmp_path: Path) -> None:
    """Two models and two source languages: each stage has a line of its own."""
    arms = {"none": {}, "mnli": {"tasks": ("mnli",)}}
    said = study(models=("xlm-roberta-base", "xlm-roberta-large"), targets=("xnli",), languages=("en", "de"),
                 source_languages=("en", "de"), seeds=(1, 2), intermediate=arms, question=())  # fmt: skip
    drawn = [p for p in every(content(results(tmp_path, said, items=4), examples=False)) if p.group == "learning"]
    assert len({plot.name for plot in drawn}) == len(drawn) == 4
    for model in said.models:
        (own,) = [plot for plot in drawn if plot.title == f"training on xnli, seed 1, {model}"]
        titles = re.findall(r"<title>(xnli after [^<]*)</title>", own.svg)
        assert sorted(set(titles)) == sorted(f"xnli after {arm}, {code}" for arm in arms for code in ("de", "en"))


def test_what_was_read_in_two_ways_has_a_line_for_each() -> None:
    """A part of a split beside the whole of it, the tokenizers of two models: no count hides another."""
    rows = Stage(kind="rows", name="rows", config={"task": "mnli", "split": "train"})
    found: made.Records = {"rows": (rows, {"facts": {"languages": {"en": {"examples": 9000}}}})}
    for name, used in (("a", 9000), ("a", 500), ("b", 500)):
        stage = Stage(kind="tokens", name="tokens", inputs={"rows": rows}, config={
            "tokenizer": {"name": name, "revision": "1"}, "max_length": 128, "examples": used,
        })  # fmt: skip
        facts = {"examples": used, "units": used, "tokens": used * 30}
        found[f"{name} {used}"] = (stage, {"facts": {"languages": {"en": facts}}})
    said = made.data(None, found)  # type: ignore[arg-type]
    assert [(one["examples"], one["tokenizer"], one["used"], one["tokens"]) for one in said] == [
        (9000, "a", 9000, 270_000), (9000, "a", 500, 15_000), (9000, "b", 500, 15_000)
    ]  # fmt: skip


def test_languages_say_what_they_are(whole: Results, rehearsal: Results) -> None:
    arabic = next(x for x in content(whole)["languages"] if x["code"] == "ar")
    assert (arabic["shown"], arabic["name"], arabic["script"], arabic["rtl"]) == ("ar", "Arabic", "Arab", True)
    assert 0 < arabic["distance"]["en"] < 1
    artificial = next(x for x in content(rehearsal)["languages"] if x["code"] == "ar")
    assert (artificial["shown"], artificial["name"]) == ("ar*", "stand-in for Arabic")


def test_examples_show_each_case_and_judge_as_the_metric_does(whole: Results) -> None:
    entries = content(whole)["examples"]
    assert {(e["target"]) for e in entries} == {"xnli", "udpos", "xquad", "tatoeba"}
    for entry in entries:
        assert entry["arms"] == ["none", "mnli", "squad"]
        cases = [tuple(item["right"].values()) for item in entry["items"]]
        # a case comes a second time only after every other case of the draw has come once
        assert len(set(cases)) == len(cases) or len(set(cases)) < len(cases)
        for item in entry["items"]:
            for arm, right in item["right"].items():
                assert right == (item["said"][arm] in item["gold"].split(" · "))
        if entry["target"] == "tatoeba":  # the text that was found, not only its id
            assert all(len(item["gold"].split(": ")[1].split()) == 6 for item in entry["items"])


def test_of_very_many_answers_only_those_that_a_question_names_are_opened(
    whole: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    from waystage.reports import samples

    asked = replace(whole, study=whole.study.model_copy(update={"question": whole.study.question[1:]}))
    monkeypatch.setattr(samples, "FILES", 10)
    assert {tuple(entry["arms"]) for entry in samples.samples(asked)} == {("squad", "mnli")}


def test_an_unscored_study_has_no_answers_but_a_report(whole: Results, tmp_path: Path) -> None:
    """Hidden labels: predictions were written, scores.json is an empty list."""
    found = results(tmp_path, study(targets=("xnli",), languages=("en", "sw"), seeds=(1, 2, 3)), items=4)
    for cell in found.plan.cells:
        rewrite(found.store, cell.evaluate.fingerprint, "scores.json", "[]")
    made = content(replace(found))
    assert made["progress"]["done"] == made["progress"]["wanted"]
    assert {a["answered"] for a in made["answers"]} == {False}


def test_what_failed_is_named_by_the_newest_run_that_tried(running: Results) -> None:
    from waystage.engines import status
    from waystage.graph.files import write_text
    from waystage.reports import made

    records = made.records(running)
    missing = next(stage for stage, record in records.values() if record is None)
    there = next(stage for stage, record in records.values() if record is not None)
    rows = {
        stage.fingerprint: status.Row(stage.name, stage.kind, 1.0, status="failed", note="out of memory", log="x.log")
        for stage in (missing, there)
    }
    rows["of another study"] = status.Row("else", "train", 1.0, status="failed")
    path = status.folder(running.store, "20260301-080000-aaaa") / "state.json"
    write_text(path, status.State("20260301-080000-aaaa", rows, status="failed").dump())
    said = made.failed(running, records)
    assert said == [{"name": missing.name, "kind": missing.kind, "why": "out of memory", "log": "x.log"}]
    again = {missing.fingerprint: status.Row(missing.name, missing.kind, 1.0, status="done")}
    later = status.folder(running.store, "20260302-080000-aaaa") / "state.json"
    write_text(later, status.State("20260302-080000-aaaa", again, status="done").dump())
    assert made.failed(running, records) == []


def test_an_answer_is_right_by_the_rules_of_its_task() -> None:
    from waystage import tasks
    from waystage.reports.samples import _right

    german = {"answers": ["der Hund"]}
    assert _right(tasks.get("mlqa"), german, "Hund", "de") is True  # MLQA knows German articles
    assert _right(tasks.get("xquad"), german, "Hund", "de") is False  # SQuAD's rules know English ones only
    assert _right(tasks.get("xquad"), {"answers": ["the dog"]}, "Dog!", "en") is True
    assert _right(tasks.get("xquad"), {"answers": []}, "Dog", "en") is None  # hidden
    found = {"gold": ["c1"]}
    assert [_right(tasks.get("tatoeba"), found, said, "de") for said in (["c1"], ["c2"], [])] == [True, False, False]
    assert _right(tasks.get("bucc"), {"gold": []}, [], "de") is True  # nothing translates it, nothing was found
