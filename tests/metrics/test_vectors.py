"""Every official vector that lies in WAYSTAGE_TEST_DATA, to the last digit (float32 similarities: to 1e-5)."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from waystage.errors import WaystageError
from waystage.metrics import (
    MLQA_LANGUAGES,
    SQUAD,
    answer_scores,
    average_precision_at_k,
    best_threshold,
    candidates,
    extract,
    mean_average_precision,
    mine,
    mlqa_normalize,
    mlqa_rules,
    mutual_nearest,
    nearest,
    nearest_lines,
    score_files,
    score_mlqa,
    score_pairs,
    score_pos,
    score_spans,
    score_squad,
    score_tree,
    squad_normalize,
    unify,
    unit,
)

VECTORS = Path(os.environ.get("WAYSTAGE_TEST_DATA", Path(__file__).parents[2] / ".." / "shared")) / "metric-vectors"
NOT_NORMATIVE = ("lareqa-009", "bucc_mining-013")  # ties in numpy's order


def load(name: str) -> dict:
    path = VECTORS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def cases(name: str, key: str = "cases"):
    found = [case for case in load(name).get(key, []) if case["id"] not in NOT_NORMATIVE]
    skipped = [pytest.param(None, marks=pytest.mark.skip(f"no {VECTORS / name}.json"))]
    return pytest.mark.parametrize("case", found or skipped, ids=[case["id"] for case in found] or ["absent"])


def write(folder: Path, name: str, content: object) -> Path:
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / name).write_bytes(text.encode("utf-8"))
    return folder / name


def check(expected: dict, score) -> None:
    if "raises" in expected:
        with pytest.raises(WaystageError):
            score()
    else:
        assert score() == expected


def check_files(tmp_path: Path, task: str, gold: object, predictions: object, expected: dict, language=None, **options):
    files = write(tmp_path, "gold", gold), write(tmp_path, "predictions", predictions)
    check(expected, lambda: score_files(task, language, *files, **options))


@cases("accuracy")
def test_accuracy(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, case["task"], given["label_file"], given["prediction_file"], case["expected"])


@cases("bucc_f1")
def test_bucc_f1(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, "bucc2018", given["label_file"], given["prediction_file"], case["expected"])


@cases("mewslix_map20")
def test_mewslix(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, "mewslix", given["label"], given["prediction"], case["expected"])


@cases("ner_span_f1")
def test_ner(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, "panx", given["label_file"], given["prediction_file"], case["expected"])
    newer = case["expected_seqeval_1.2.2"]
    if "parsed_label_sentences" in case:
        assert case["parsed_label_sentences"] == sentences(given["label_file"])
    check(
        newer,
        lambda: score_spans(sentences(given["label_file"]), sentences(given["prediction_file"]), seqeval="1.2.2"),
    )


@cases("pos_f1")
def test_pos(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, "udpos", given["label_file"], given["prediction_file"], case["expected"], extras=False)
    gold, predictions = sentences(given["label_file"]), sentences(given["prediction_file"])
    check(case["expected_seqeval_1.2.2"], lambda: score_spans(gold, predictions, seqeval="1.2.2"))
    if "raises" not in case["expected_seqeval_1.2.2"]:
        all_scores = {
            **case["expected"],
            "f1_seqeval_1.2.2": case["expected_seqeval_1.2.2"]["f1"],
            "token_accuracy": case["token_accuracy_not_official"],
        }
        assert score_pos(gold, predictions) == all_scores
        assert score_files("udpos", "en", tmp_path / "gold", tmp_path / "predictions") == all_scores


def sentences(text: str) -> list[list[str]]:
    """The reading rule of tag files, written down a second time."""
    done, current = [], []
    for line in text.splitlines():
        if line.strip():
            current.append(line.strip())
        else:
            done.append(current)
            current = []
    return [*done, current] if current else done


def questions(dataset: list) -> list[dict]:
    return [qa for article in dataset for paragraph in article["paragraphs"] for qa in paragraph["qas"]]


@cases("squad")
def test_squad(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, "xquad", {"data": given["dataset"]}, given["predictions"], case["expected"], "en")
    check_per_question(case, SQUAD, score_squad, squad_normalize)


@cases("tydiqa")
def test_tydiqa(case, tmp_path):
    given = case["input"]
    check_files(tmp_path, "tydiqa", given["dataset"], given["predictions"], case["expected"], "fi")
    check_per_question(case, SQUAD, score_squad, squad_normalize)


@cases("mlqa")
def test_mlqa(case, tmp_path):
    given = case["input"]
    language = given["lang"]
    check_files(tmp_path, "mlqa", given["dataset"], given["predictions"], case["expected"], language)
    if language in MLQA_LANGUAGES:
        check_per_question(
            case,
            mlqa_rules(language),
            lambda golds, answers: score_mlqa(golds, answers, language),
            lambda text: mlqa_normalize(text, language),
        )


def check_per_question(case, rules, score, normalize) -> None:
    if "raises" in case["expected"]:
        return
    asked = questions(case["input"]["dataset"])
    golds = [[answer["text"] for answer in qa["answers"]] for qa in asked]
    answers = [case["input"]["predictions"].get(qa["id"]) for qa in asked]
    assert score(golds, answers) == case["expected"]
    exact, f1 = answer_scores(golds, answers, rules)
    for qa, answer, texts, e, f in zip(asked, answers, golds, exact, f1, strict=True):
        if qa["id"] in case["per_question"]:
            want = case["per_question"][qa["id"]]
            if want.get("missing"):
                assert (answer, e, f) == (None, False, 0.0)
                continue
            assert (e, f) == (want["em"], want["f1"])
            assert normalize(answer) == want["pred_norm"]
            assert [normalize(text) for text in texts] == want["gold_norm"]


def test_normalize():
    table = load("qa_normalize")
    if not table:
        pytest.skip("no vectors")
    for row in table["squad"]:
        assert squad_normalize(row["input"]) == row["expected"]
    for row in table["mlqa"]:
        assert mlqa_normalize(row["input"], row["lang"]) == row["expected"]
    if unicodedata.unidata_version == table["unidata_version"]:
        assert len(mlqa_rules("en").punctuation) == table["mlqa_punct_size"]


@cases("lareqa_map20", "ap_at_k")
def test_average_precision(case):
    given = case["input"]
    expected = case["expected"]
    if isinstance(expected, dict):
        with pytest.raises(WaystageError):
            average_precision_at_k(given["targets"], given["ranked"], given["k"])
    else:
        assert average_precision_at_k(given["targets"], given["ranked"], given["k"]) == expected


@cases("lareqa_map20")
def test_lareqa(case):
    given, expected = case["input"], case["expected"]
    names = given["candidate_order"]
    vectors = given["encodings"]
    asked = list(vectors["questions"])
    found = nearest(
        np.array([vectors["questions"][name] for name in asked], dtype=np.float32),
        np.array([vectors["candidates"][name] for name in names], dtype=np.float32),
        given["k"],
    )
    pairs = [
        (expected["targets"][name.rsplit("_", 1)[0]], [names[i] for i in row])
        for name, row in zip(asked, found.index, strict=True)
    ]
    assert len(pairs) == expected["n_questions"] and len(names) == expected["n_candidates"]
    assert mean_average_precision(pairs, given["k"]) == expected["map"]


@cases("tatoeba_search")
def test_tatoeba(case):
    given = case["input"]
    found = nearest_lines(given["x_other_language"], given["y_english"], normalize=given["normalize"])
    assert found.tolist() == case["expected"]["prediction"]


@cases("bucc_mining")
def test_bucc_mining(case):
    given, expected = case["input"], case["expected"]
    source, target = ([tuple(row) for row in given[side]] for side in ("source", "target"))
    xs, x = unify([sentence for _, sentence in source], given["x"])
    ys, y = unify([sentence for _, sentence in target], given["y"])
    found = candidates(*mutual_nearest(unit(x), unit(y), given["neighborhood"]))
    assert [(xs[s], ys[t]) for s, t in zip(found.source, found.target, strict=True)] == [
        (s, t) for _, s, t in expected["candidates"]
    ]
    assert found.score == pytest.approx([score for score, _, _ in expected["candidates"]], abs=1e-5)

    scores = mine(source, target, given["x"], given["y"], k=given["neighborhood"])
    gold = [tuple(pair) for pair in given["gold"]]
    threshold = best_threshold(scores, gold)
    mined = extract(scores, threshold)
    want = expected["bucc_eval"]
    if "raises" in want:  # the evaluator reads past the end: the best is to take all
        assert threshold == min(scores.values())
        assert mined == list(scores)
    else:
        assert threshold == pytest.approx(want["best-threshold"], abs=1e-5)
        assert sorted(mined) == sorted(tuple(pair) for pair in expected["predictions"])
        values = {"f1": want["F1"], "precision": want["precision"], "recall": want["recall"]}
        assert score_pairs(gold, mined) == pytest.approx(values, abs=1e-12)


@cases("bucc_threshold")
def test_bucc_threshold(case):
    scores = {tuple(pair): score for pair, score in case["input"]["candidates"]}
    gold = [tuple(line.split("\t")) for line in case["input"]["gold"]]
    expected = case["expected"]
    threshold = best_threshold(scores, gold)
    if "raises" in expected:
        assert threshold == min(scores.values())
    else:
        assert threshold == expected["threshold"]
        assert ["\t".join(pair) for pair in extract(scores, threshold)] == expected["extracted"]


@cases("aggregate")
def test_aggregate(case, tmp_path):
    for name, text in load("aggregate")["trees"][case["version"]].items():
        if name.split("/")[1] in case["tasks"] and name not in case["removed_files"]:
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(text.encode("utf-8"))
    for name in case["empty_dirs"]:
        (tmp_path / name).mkdir(parents=True)
    check(
        case["expected"],
        lambda: score_tree(tmp_path / "predictions", tmp_path / "labels", case["version"]).official(),
    )
