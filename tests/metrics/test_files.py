import gc
import json
import os
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.errors import DataError, UnknownName, WaystageError
from waystage.metrics import placeholder_gold, score_files
from waystage.metrics.benchmarks import FILE_TASKS
from waystage.metrics.checks import check_file
from waystage.metrics.reading import read_lines, read_questions, read_tags
from waystage.metrics.reference import Expected
from waystage.metrics.spans import BREAK, TagCodes


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_at_newlines_of_any_kind_and_nowhere_else(pair, end):
    gold, predictions = pair(end.join(["neutral", "entailment", ""]), end.join([" neutral\t", "\u2028entailment"]))
    assert score_files("xnli", "en", gold, predictions) == {"accuracy": 100.0}
    assert read_lines(pair("a\x85b\x0cc\u2028d" + end, "")[0]) == ["a\x85b\x0cc\u2028d"]


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("\n", [""]),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\n\n", ["a", ""]),
        ("\na", ["", "a"]),
        ("a\n ", ["a", ""]),
    ],
)
def test_a_final_newline_is_no_item_and_a_blank_line_is_one(pair, text, items):
    assert read_lines(pair(text, "")[0]) == items


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("", []),
        ("\n", [[]]),
        ("A", [["A"]]),
        ("A\n", [["A"]]),
        ("A\n\n", [["A"]]),
        ("A\n\n\n", [["A"], []]),
        ("\nA\nB\n", [[], ["A", "B"]]),
        ("A\r\n \r\nB", [["A"], ["B"]]),
        ("A\n\t\n\n B \n", [["A"], [], ["B"]]),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 22])
def test_blank_lines_close_sentences_even_empty_ones(pair, text, sentences, chunk, monkeypatch):
    monkeypatch.setattr("waystage.metrics.reading._CHUNK", chunk)
    codes = TagCodes()
    stream = read_tags(pair(text, "")[0], codes)
    read = [[]]
    for code in stream.stream.tolist():
        if code == BREAK:
            read.append([])
        else:
            read[-1].append(codes.tags[code])
    assert read.pop() == [] and read == sentences


@settings(deadline=None)
@given(st.text(alphabet="AB \n\r\t", max_size=30))
def test_tag_reader_agrees_with_python_reading_the_file(text):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tags"
        path.write_bytes(text.encode())
        with path.open(encoding="utf-8") as file:
            lines = [line.strip() for line in file]
        assert read_lines(path) == lines
        lengths, length = [], 0
        for line in lines:
            if line:
                length += 1
            else:
                lengths.append(length)
                length = 0
        assert read_tags(path, TagCodes()).lengths().tolist() == lengths + ([length] if length else [])


@pytest.mark.parametrize(
    "data",
    [
        '{"data": %s}',
        '{"data": %s, "version": "1.1"}',
        '{"version": "v2", "data": %s}',
        '{"data": 1, "data": %s}',
        '{"extra": {"data": 2}, "data": %s}',
        ' \n{ "data" :\n %s , "version":\t"" } \n',
        "%s",
        " %s ",
    ],
)
def test_gold_answers_are_found_however_the_document_is_laid_out(pair, data):
    articles = [
        {"title": "t", "paragraphs": [{"qas": [{"id": "a", "answers": [{"text": "x"}, {"text": "]"}]}]}]},
        {"paragraphs": []},
        {"paragraphs": [{"qas": [{"id": "b", "answers": []}, {"id": "a", "answers": [{"text": "\\u0000"}]}]}]},
    ]
    for indent in (None, 1):
        path = pair(data % json.dumps(articles, indent=indent), "")[0]
        assert read_questions(path) == (["a", "b", "a"], [["x", "]"], [], ["\\u0000"]])
        assert read_questions(pair(data % "[ ]", "")[0]) == ([], [])


@pytest.mark.parametrize(
    "text", ['{"data": []', "[{}", "[1,]", "[[]", '{"data": []}]', '{"data": [] "version": "1"}', "[NaN]"]
)
def test_broken_gold_documents(pair, text):
    with pytest.raises(DataError):
        read_questions(pair(text, "")[0])


GOLD = '{"data": [{"paragraphs": [{"qas": [{"id": "a", "answers": [{"text": "x"}]}, {"id": "b", "answers": []}]}]}]}'


@pytest.mark.parametrize(
    ("task", "gold", "predictions", "message"),
    [
        ("xnli", "neutral\n", "neutral\nneutral\n", "2 predicted labels for 1 gold labels"),
        ("xnli", "", "", "no labels to score"),
        ("pawsx", "0\n", b"\xff0\n", "predictions.txt:1: not UTF-8: byte 0xff"),
        ("tatoeba", b"0\n1\n\xc3(\n", "0\n1\n2\n", "gold.txt:3: not UTF-8"),
        ("panx", "O\n\nO\n", "O\n", "1 predicted sentences for 2 gold sentences"),
        ("panx", "O\n", b"O\nB-\xe9\n", "predictions.txt:2: not UTF-8"),
        (
            "xcopa",
            '{"label": 1}\n',
            '{"label": 1}\n{"lab": 1}\n',
            'predictions.txt:2: must be a JSON object with a "label"',
        ),
        ("xcopa", '{"label": 1}\n', '{"label": 1}\n\n', "predictions.txt:2: not JSON"),
        ("xcopa", '{"label": NaN}\n', '{"label": 1}\n', "gold.txt:1: not JSON: NaN is not a JSON value"),
        ("xquad", GOLD, "[]", "must be a JSON object of question id to answer; this is a list"),
        ("xquad", GOLD, '{"a": null}', "the answer to question 'a' must be text, not null"),
        ("xquad", GOLD, '{"b": "x"}', "gold.txt: question 'b' has an empty list of gold answers"),
        ("xquad", "[]", "{}", "no question to score"),
        ("xquad", GOLD, '{"a": "x",\n', "predictions.txt:2: not JSON"),
        ("xquad", GOLD, '\ufeff{"a": "x"}', "byte order mark"),
        ("xquad", GOLD, '{"a": ' + "[" * 100_000, "nested too deeply"),
        ("xquad", GOLD, '{"a": ' + "9" * 10_000 + "}", "not JSON"),
        ("xquad", '{"data": [{"paragraphs": [{"qas": [{"id": "a"}]}]}]}', "{}", "no 'answers' (after question 'a')"),
        ("xquad", '{"data": 3}', "{}", "not SQuAD's format"),
        ("xquad", '{"data": {"paragraphs": []}}', "{}", "not SQuAD's format"),
        ("tydiqa", GOLD.replace('"a"', "7"), "{}", "the id of a question must be text; one is a number"),
        ("tydiqa", GOLD.replace('"x"', "null"), "{}", "an answer must be text; one is null"),
        ("mewslix", '{"a": []}', "{}", "the gold of 'a' must be a list that starts with an entity id"),
        ("mewslix", '{"a": ["Q1"]}', '{"a": "Q1"}', "the prediction for 'a' must be a list"),
        ("mewslix", "[]", "{}", "must be a JSON object"),
    ],
)
def test_what_the_evaluator_dies_of_is_explained(pair, task, gold, predictions, message):
    with pytest.raises(DataError) as caught:
        score_files(task, "en", *pair(gold, predictions))
    assert message in str(caught.value)


def test_odd_files_that_have_an_official_score(pair):
    assert score_files("panx", "en", *pair("", "")) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    assert score_files("panx", "en", *pair("B-PER\nO\nO\n\nB-LOC\n", "B-PER\nO\n\nB-LOC\n"))["f1"] == 50.0
    assert score_files("bucc2018", "de", *pair("", "\n")) == {"f1": 0.0, "precision": 0.0, "recall": 0.0}
    assert score_files("bucc2018", "de", *pair("a\tb\n", "a\tb\n\n"))["precision"] == 50.0
    assert score_files("bucc", "de", *pair("a\tb\n", "a\tb\n"))["f1"] == 100.0
    assert score_files(
        "xcopa", "et", *pair('{"label": 1}\n' * 3, '{"label": 1.0}\n{"label": true}\n{"label": "1"}')
    ) == {"accuracy": 66.66666666666666}
    assert score_files("xnli", "en", *pair("neutral\n", "\ufeffneutral\n")) == {"accuracy": 0.0}
    assert score_files("mewslix", "en", *pair("{}", '{"a": 1}')) == {"map@20": 0.0}
    assert score_files("mewslix", "en", *pair('{"a": [" Q1 "]}', '{"a": [3, null, "Q1"]}')) == {
        "map@20": 33.33333333333333
    }
    lone = json.dumps({"a": "\ud800 x", "z": 3})
    assert score_files("xquad", "en", *pair(GOLD.replace('"x"', '"\\ud800 X"'), lone))["f1"] == 50.0
    assert score_files("mlqa", "en", *pair(GOLD.replace('"x"', '"\\ud800 X"'), lone))["exact_match"] == 50.0


def test_paths_that_are_no_files(tmp_path):
    (tmp_path / "good").write_text("neutral\n")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for bad, why in (
        ("absent", "no such file"),
        (".", "folder"),
        ("a\0b", "no such|cannot be read"),
        ("x" * 5000, "cannot be read"),
        ("fifo", "regular"),
    ):
        with pytest.raises(DataError, match=why):
            score_files("xnli", "en", tmp_path / "good", tmp_path / bad)


def test_names():
    with pytest.raises(UnknownName, match="did you mean 'xnli'"):
        score_files("xnil", "en", "a", "b")
    with pytest.raises(UnknownName):
        score_files("lareqa", "en", "a", "b")
    for language in (None, "th"):
        with pytest.raises(UnknownName, match="MLQA"):
            score_files("mlqa", language, "a", "b")


def test_garbage_is_collected_again_after_an_error(pair):
    with pytest.raises(DataError):
        score_files("xquad", "en", *pair("{", "{}"))
    assert gc.isenabled()


@pytest.mark.parametrize(
    ("task", "gold", "why"),
    [
        ("xnli", "neutral\n" * 10, "all 10 labels are neutral"),
        ("xnli", "A man sleeps.\tHe is awake.\n", "not one line is a label of xnli"),
        ("panx", "O\nO\n\n" * 5, "all 10 labels are O"),
        ("udpos", "chat\nnoir\n", "not one line is a label of udpos"),
        ("tatoeba", "0\n" * 10, "all 10 labels are 0"),
        ("xcopa", '{"label": 0}\n' * 500, "all 500 labels are 0"),
        ("xquad", GOLD.replace('"x"', '""'), "all 2 gold answers are empty"),
        ("mewslix", '{"a": [""], "b": []}', "all 2 gold entities are empty"),
        ("bucc2018", "", "no gold pair"),
        ("xnli", "neutral\nentailment\n", None),
        ("xnli", "neutral\n" * 2, None),
        ("pawsx", "0\n0\n0\n", "all 3 labels are 0"),
        ("udpos", "NOUN\nVERB\n", None),
        ("xquad", GOLD, None),
        ("mewslix", '{"a": ["Q1"]}', None),
        ("bucc2018", "a\tb\n", None),
        ("bucc2018", "de-01\tEin Satz.\nde-02\tUnd noch einer.\n", "not one line is two ids"),
        ("bucc2018", "zh-01\t\u4e00\u53e5\u8bdd\u3002\n", "not one line is two ids"),
        ("tatoeba", "Are you one?\nTwo!\n", "not one line is the number of a line"),
        ("tatoeba", "3\n0\n1\n2\n", None),
        ("xnli", "neutral\n" * 10 + "\n", "all 10 labels are neutral"),
    ],
)
def test_placeholders(pair, task, gold, why):
    found = placeholder_gold(task, pair(gold, "")[0])
    assert why in found if why else found is None


@pytest.mark.parametrize("task", FILE_TASKS)
def test_mutated_files_have_a_score_or_a_clear_error(task, pair, example_texts, damage):
    draw = random.Random(task)
    scored = 0
    for _ in range(25):
        whole = tuple(text.encode() for text in example_texts(task, draw))
        broken = damage(whole[0], draw), damage(whole[1], draw)
        for contents in ((whole[0], broken[1]), (broken[0], whole[1]), broken):
            gold, predictions = pair(*contents)
            try:
                scores = score_files(task, "de", gold, predictions, extras=True)
            except WaystageError as error:
                assert str(error)
            else:
                scored += 1
                assert scores and all(0 <= value <= 100 + 1e-9 for value in scores.values())
            for path in (gold, predictions):
                check_file(task, path, Expected(gold, items=3, lengths=(1, 2), ids=("q1", "q9"), choices=2))
                try:
                    placeholder_gold(task, path)
                except WaystageError as error:
                    assert str(path) in str(error)
    assert scored > 2  # many mutations leave a file that can be scored


def test_swapped_files_of_answers_are_noticed(pair):
    with pytest.raises(DataError, match="are the two files swapped"):
        score_files("xquad", "de", *pair('{"q1": "Paris"}', GOLD))
