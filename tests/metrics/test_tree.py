import json
import os
import random
import shutil
from pathlib import Path

import pytest

from waystage.errors import DataError, UnknownName
from waystage.metrics import BENCHMARKS, Problem, score_files, score_tree, validate_tree
from waystage.metrics.benchmarks import file_name, overall_scores, task_averages

EXAMPLE = (
    Path(os.environ.get("WAYSTAGE_TEST_DATA", Path(__file__).parents[2] / ".." / "shared")) / "xtreme-layout-example"
)


def test_a_whole_tree(tree, benchmark):
    gold, predictions = tree
    known = BENCHMARKS[benchmark]
    result = score_tree(predictions, gold, benchmark)
    assert set(result.tasks) == set(known.languages)
    for task, scored in result.tasks.items():
        assert scored.languages == known.languages[task]
        for metric, values in scored.by_language.items():
            total = 0.0
            for language, value in values.items():
                name = file_name(task, language)
                assert value == score_files(task, language, gold / task / name, predictions / task / name)[metric]
                total += value
            assert scored.averages[f"avg_{metric}"] == total / len(known.languages[task])
    headline = {task: scored.averages["avg_metric"] for task, scored in result.tasks.items()}
    for group, tasks in known.groups.items():
        assert result.overall[group] == pytest.approx(sum(headline[task] for task in tasks) / len(tasks))
    if benchmark == "xtreme":
        assert result.overall["all_task"] == pytest.approx(sum(headline.values()) / 9)
    else:
        assert "all_task" not in result.overall
        assert result.overall["multi_choice"] == headline["xcopa"]
    shown = result.as_dict()
    assert json.loads(json.dumps(shown)) == shown
    assert shown["detailed"]["xquad"]["avg_metric"] == headline["xquad"] and shown["missing"] == []


def test_sizes_of_the_benchmarks():
    sizes = {name: {task: len(set(lgs)) for task, lgs in b.languages.items()} for name, b in BENCHMARKS.items()}
    assert sizes["xtreme"] == dict(
        pawsx=7, xnli=15, panx=40, udpos=33, bucc2018=4, tatoeba=36, xquad=11, mlqa=7, tydiqa=9
    )
    assert sizes["xtreme-r"] == dict(
        xnli=15, panx=48, udpos=38, tatoeba=41, xcopa=11, mewslix=11, xquad=12, mlqa=7, tydiqa=9
    )
    for known in BENCHMARKS.values():
        assert {task for group in known.groups.values() for task in group} == set(known.languages)


def test_the_one_number_of_a_task():
    assert task_averages({"exact_match": {"a": 1.0}, "f1": {"a": 2.0}})["avg_metric"] == 1.5
    assert task_averages({"f1": {"a": 2.0, "b": 4.0}, "precision": {"a": 9.0, "b": 9.0}})["avg_metric"] == 3.0
    assert task_averages({"accuracy": {"a": 2.0}}) == {"avg_accuracy": 2.0, "avg_metric": 2.0}
    assert task_averages({"map@20": {"a": 2.0}})["avg_metric"] == 2.0
    assert overall_scores(BENCHMARKS["xtreme"], {"xnli": 1.0, "pawsx": 3.0, "udpos": 5.0}) == {"classification": 2.0}


def test_all_missing_and_bad_files_are_named_at_once(tree, benchmark):
    gold, predictions = tree
    (predictions / "xnli" / "test-zh.tsv").unlink()
    (predictions / "xnli" / "test-en.tsv").unlink()
    (gold / "xquad" / "test-de.json").unlink()
    (predictions / "tydiqa" / "test-fi.json").write_text('{"q0": 3}')
    (predictions / "panx" / "test-sw.tsv").write_bytes(b"O\n\xff\n")
    with pytest.raises(DataError) as caught:
        score_tree(predictions, gold, benchmark)
    said = str(caught.value)
    assert said.startswith("5 files cannot be scored")
    for part in (
        "xnli/test-zh.tsv: no such file",
        "xnli/test-en.tsv: no such file",
        "xquad/test-de.json: no such file",
    ):
        assert part in said
    assert "test-fi.json: the answer to question 'q0'" in said and "test-sw.tsv:2: not UTF-8" in said
    with pytest.raises(DataError, match="2 files cannot be scored"):  # missing may be allowed, broken never
        score_tree(predictions, gold, benchmark, allow_missing=True)


def test_missing_files_leave_no_average_over_the_rest(tree, benchmark):
    gold, predictions = tree
    whole = score_tree(predictions, gold, benchmark)
    (predictions / "xnli" / "test-zh.tsv").unlink()
    for path in (predictions / "mlqa").iterdir():
        path.unlink()
    part = score_tree(predictions, gold, benchmark, allow_missing=True)
    assert [problem.path.name for problem in part.missing][:1] == ["test-zh.tsv"] and len(part.missing) == 8
    assert part.tasks["xnli"].averages == {} and "zh" not in part.tasks["xnli"].languages
    assert part.tasks["xnli"].by_language["accuracy"]["en"] == whole.tasks["xnli"].by_language["accuracy"]["en"]
    assert part.tasks["mlqa"].by_language == {} and part.tasks["mlqa"].languages == ()
    assert not {"classification", "qa", "all_task"} & set(part.overall)
    assert part.overall["tagging"] == whole.overall["tagging"]


def test_folders_that_are_not_scored_are_named(tree, benchmark):
    gold, predictions = tree
    (predictions / "foo").mkdir()
    (predictions / "lareqa").mkdir()
    shutil.rmtree(gold / "xquad")
    result = score_tree(predictions, gold, benchmark)
    assert set(result.skipped) == {"foo", "lareqa", "xquad"}
    assert "no gold folder" in result.skipped["xquad"] and "qa" not in result.overall
    assert "xquad" not in result.tasks


def test_nothing_to_score(tmp_path):
    (tmp_path / "xlni").mkdir()
    with pytest.raises(DataError, match=r"expected folders named pawsx, xnli(.|\n)*xlni: not a task of xtreme"):
        score_tree(tmp_path, tmp_path)
    with pytest.raises(DataError, match="cannot list"):
        score_tree(tmp_path / "absent", tmp_path)
    with pytest.raises(UnknownName, match="xtreme-r"):
        score_tree(tmp_path, tmp_path, "xtreme-rr")


def test_extras_add_what_is_not_official(tree, benchmark):
    gold, predictions = tree
    scored = score_tree(predictions, gold, benchmark, extras=True).tasks
    assert set(scored["udpos"].by_language) == {"f1", "precision", "recall", "f1_seqeval_1.2.2", "token_accuracy"}
    assert set(scored["panx"].by_language) == {"f1", "precision", "recall"}


def test_a_good_submission_has_no_problems(tree, benchmark):
    gold, predictions = tree
    assert validate_tree(predictions, benchmark) == []
    assert validate_tree(predictions, benchmark, gold) == []


@pytest.fixture
def problems_after(tmp_path, invented_tree):
    """Line and message of every problem after one prediction file was replaced."""

    def problems(name: str, content: str | bytes, *, reference: bool = True) -> list[tuple[int | None, str]]:
        task = name.split("/")[0]
        benchmark = "xtreme" if task in BENCHMARKS["xtreme"].languages else "xtreme-r"
        gold, predictions = invented_tree(tmp_path, benchmark, task)
        path = predictions / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        found = validate_tree(predictions, benchmark, gold if reference else None, tasks=[task])
        assert {problem.path for problem in found} <= {path}
        return [(problem.line, problem.message) for problem in found]

    return problems


NLI = "neutral\nneutral\nentailment\nneutral\nneutral\ncontradiction\n"


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("xnli/test-de.tsv", NLI.replace("ent", "Ent", 1), 3, "did you mean 'entailment'"),
        ("xnli/test-de.tsv", NLI + "\n", 7, "blank line"),
        ("xnli/test-de.tsv", NLI + "neutral\n", None, "7 lines, but"),
        ("xnli/test-de.tsv", "\ufeff" + NLI, 1, "byte order mark"),
        ("xnli/test-de.tsv", NLI.replace("\n", "\r\n"), 1, "carriage return"),
        ("xnli/test-de.tsv", NLI.encode()[:8] + b"\0" + NLI.encode()[8:], 2, "NUL"),
        ("xnli/test-de.tsv", NLI.encode() + b"\xff", 7, "not UTF-8: byte 0xff"),
        ("xnli/test-de.tsv", "", None, "the file is empty"),
        ("xnli/test-de.tsv", NLI.replace("neutral", "a\tneutral", 1), 1, "write the label only"),
        ("tatoeba/test-ja.tsv", "2\n1\n[0]\n3\n", 3, "'[0]' is no line number"),
        ("tatoeba/test-ja.tsv", "2\n1\n4\n3\n", 3, "there are only 4"),
        ("panx/test-yo.tsv", "O\nB-MISC\n", 2, "'B-MISC' is not one of panx's labels"),
        ("udpos/test-yo.tsv", "NOUN\n\n\nVERB\n", 3, "empty sentence"),
        ("udpos/test-yo.tsv", "NOUN\n" * 40 + "\nX\n\nX\n", 1, "sentence 1 has 40 tags"),
        ("panx/test-yo.tsv", "O\n", None, "1 sentences, but"),
        (
            "xquad/test-el.json",
            '{"q0": "x", "q1": 3, "q2": "y",\n "q3": null}',
            1,
            "'q1' must be text; this is a number",
        ),
        ("xquad/test-el.json", '{"q0": "x", "q1": "", "q2": "y",\n "q3": null}', 2, "'q3' must be text; this is null"),
        ("xquad/test-el.json", '{"q0": "x", "q1": "", "q2": "y"}', None, "no prediction for 'q3'"),
        (
            "xquad/test-el.json",
            '{"q0": "", "q1": "", "q2": "", "q3": "",\n\n"é": ""}',
            3,
            "'é' is not in the reference",
        ),
        ("xquad/test-el.json", '{"q0": "", "q1": "", "q2": "", "q3": "",\n"q3": ""}', 1, "'q3' stands there twice"),
        ("xquad/test-el.json", '{"q0": "", "q1": "", "q2": "", "q3": "", "data": ""}', 1, 'the key "data" hides'),
        ("xquad/test-el.json", "[]", 1, "must be a JSON object from id to prediction; this is a list"),
        ("xquad/test-el.json", '{"q0": "x"\n"q1": 3}', 2, "not JSON"),
        ("bucc2018/test-de.tsv", "de-1 en-1\n", 1, "1 tab-separated columns"),
        ("bucc2018/test-de.tsv", "de-1\ten-1\n\n", 2, "blank line"),
        ("bucc2018/test-de.tsv", "de-1\ten-1\nde-1\ten-1\n", 2, "the same pair as in line 1"),
        ("xcopa/test-et.jsonl", '{"label": 0}\n{"label": "1"}\n{"label": 1}\n', 2, "needs a label 0 or 1"),
        ("xcopa/test-et.jsonl", '{"label": 0}\n{"label": true}\n1\n', 3, "needs a label 0 or 1"),
        ("xcopa/test-et.jsonl", '{"label": 0}\n{"label": 1}\n', None, "2 lines, but"),
        ("xcopa/test-et.jsonl", '{"label": 0}\n\n{"label": 1}\n', 2, "not JSON"),
        ("mewslix/test-ar.json", '{"q0": ["Q1"], "q1": [],\n "q2": "Q1", "q3": []}', 2, "must be a list of entity ids"),
        ("mewslix/test-ar.json", '{"q0": ["Q1"], "q1": ["1"], "q2": [], "q3": []}', 1, "'1' is no entity id"),
        ("mewslix/test-ar.json", '{"q0": ["Q1", "Q1"], "q1": [], "q2": [], "q3": []}', 1, "the same entity twice"),
        (
            "mewslix/test-ar.json",
            json.dumps({"q0": [f"Q{n}" for n in range(21)], "q1": [], "q2": [], "q3": []}),
            1,
            "only the first 20 count",
        ),
    ],
)
def test_each_problem_has_its_line(problems_after, name, content, line, message):
    found = problems_after(name, content)
    assert any(where == line and message in said for where, said in found), found


def test_many_equal_problems_are_counted_not_listed(problems_after):
    found = problems_after("xnli/test-de.tsv", "yes\n" * 1000, reference=False)
    assert len(found) == 51
    assert found[-1] == (None, "950 more like that: not one of xnli's labels entailment neutral contradiction")


def test_after_a_lost_sentence_only_the_first_difference_is_told(tmp_path, invented_tree):
    gold, predictions = invented_tree(tmp_path, "xtreme", "udpos")
    sentences = ["NOUN", "VERB\nVERB", "X\nX\nX", "DET\nDET\nDET\nDET"]
    for folder, kept in ((gold, sentences), (predictions, sentences[:1] + sentences[2:])):
        (folder / "udpos" / "test-yo.tsv").write_text("\n\n".join(kept) + "\n")
    path = predictions / "udpos" / "test-yo.tsv"
    source = gold / "udpos" / "test-yo.tsv"
    assert validate_tree(predictions, "xtreme", gold, tasks=["udpos"]) == [
        Problem(path, None, f"3 sentences, but {source} has 4"),
        Problem(path, 3, f"sentence 2 has 3 tags, but {source} has 2"),
    ]


def test_missing_files_and_folders(tree, benchmark):
    gold, predictions = tree
    (predictions / "xnli" / "test-zh.tsv").rename(predictions / "xnli" / "test-zh.tsb")
    shutil.rmtree(predictions / "panx")
    (gold / "tydiqa" / "test-fi.json").unlink()
    said = [str(problem) for problem in validate_tree(predictions, benchmark, gold)]
    count = len(BENCHMARKS[benchmark].languages["panx"])
    assert said == [
        f"{predictions / 'xnli' / 'test-zh.tsv'}: no such file (did you mean 'test-zh.tsb'?)",
        f"{predictions / 'panx'}: no such folder; it should hold test-ar.tsv and {count - 1} more",
        f"{gold / 'tydiqa'}: no reference for fi: counts and ids were not compared",
    ]
    assert validate_tree(predictions, benchmark, tasks=["udpos"]) == []
    with pytest.raises(UnknownName):
        validate_tree(predictions, benchmark, tasks=["nope"])
    assert str(validate_tree(predictions / "absent", benchmark)[0]).endswith("absent: no such folder")
    assert len(validate_tree("a\0b", benchmark)) == 1


def test_a_reference_that_cannot_be_read_is_a_problem_of_its_own(tree, benchmark):
    gold, predictions = tree
    (gold / "xquad" / "test-el.json").write_text("[")
    found = validate_tree(predictions, benchmark, gold)
    assert [problem.path for problem in found] == [gold / "xquad" / "test-el.json"]


needs_example = pytest.mark.skipif(not EXAMPLE.exists(), reason=f"no {EXAMPLE}")


@needs_example
def test_the_download_layout_is_a_reference(tmp_path):
    """Predictions made to measure for the example tree: right ones have no problems, one line less is noticed."""
    files = {
        "xnli/test-de.tsv": "neutral\nentailment\n",
        "pawsx/test-de.tsv": "0\n1\n",
        "tatoeba/test-fr.tsv": "0\n1\n2\n3\n",
        "bucc2018/test-de.tsv": "de-000000001\ten-000000002\n",
        "udpos/test-kk.tsv": None,
        "xquad/test-de.json": '{"x0": "", "x1": ""}',
        "mlqa/test-ar.json": '{"m0": ""}',
        "tydiqa/test-te.json": '{"telugu-99-0": "", "telugu-99-1": ""}',
        "mewslix/test-tr.json": '{"tr0001": ["Q1"], "tr0002": []}',
        "xcopa/test-et.jsonl": '{"label": 0}\n',
    }
    words = (EXAMPLE / "udpos" / "test-kk.tsv").read_text(encoding="utf-8").split("\n")
    files["udpos/test-kk.tsv"] = "\n".join("NOUN" if word else "" for word in words)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")

    def problems(name: str) -> list[Problem]:
        task = name.split("/")[0]
        benchmark = "xtreme" if task in BENCHMARKS["xtreme"].languages else "xtreme-r"
        return [p for p in validate_tree(tmp_path, benchmark, EXAMPLE, tasks=[task]) if p.path == tmp_path / name]

    assert {name: problems(name) for name in files} == {name: [] for name in files}
    for name in files:
        path = tmp_path / name
        kept = (
            "{}" if path.suffix == ".json" else "de-3\ten-3\n" if "bucc" in name else path.read_text().split("\n", 1)[1]
        )
        path.write_text(kept)
    assert [name for name in files if not problems(name)] == []


@needs_example
def test_a_damaged_reference_is_reported_never_thrown(tmp_path, damage, invented_tree):
    predictions = invented_tree(tmp_path, "xtreme-r")[1]
    reference = tmp_path / "reference"
    shutil.copytree(EXAMPLE, reference)
    draw = random.Random(7)
    files = sorted(path for path in reference.rglob("test*") if path.is_file() and "_raw" not in str(path))
    files += sorted(path for path in reference.rglob("*") if path.suffix in (".en", ".json") and path.is_file())
    for path in draw.choices(files, k=200):
        whole = path.read_bytes()
        path.write_bytes(damage(whole, draw))
        task = path.relative_to(reference).parts[0]
        benchmark = "xtreme" if task in BENCHMARKS["xtreme"].languages else "xtreme-r"
        for problem in validate_tree(predictions, benchmark, reference, tasks=[task]):
            assert problem.message
        path.write_bytes(whole)
