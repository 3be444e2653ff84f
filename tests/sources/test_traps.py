"""What is odd about known data sets, one test each."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from waystage import sources, tasks
from waystage.errors import DataError
from waystage.sources import conllu, formats, hub
from waystage.sources.notes import Notes
from waystage.tasks.task import Files, Task


def read(
    task: str | Task, root: Path, split: str, language: str = "en", *, languages: tuple[str, ...] = ()
) -> tuple[list[Any], Notes]:
    it = tasks.get(task) if isinstance(task, str) else task
    identity = sources.identify(it, str(root), split, languages or (language,))
    notes = Notes()
    place = sources.places(it, str(root))
    found = list(sources.read(it, identity, split, language, place=place, notes=notes, languages=languages))
    return found, notes


def write(root: Path, name: str, text: str | bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_doubled_quotes_of_xtreme_s_tables(tmp_path: Path) -> None:
    write(tmp_path, "xnli/dev-de.tsv", '"He said ""no"" ."\tplain "quote"\tneutral\r\n')
    write(tmp_path, "xnli/dev-fr.tsv", '"""oui"""\t"a\tb"\tentailment\r\n')
    assert [(e.first, e.second) for e in read("xnli", tmp_path, "dev", "fr")[0]] == [('"oui"', "a\tb")]
    assert [(e.first, e.second) for e in read("xnli", tmp_path, "dev", "de")[0]] == [
        ('He said "no" .', 'plain "quote"')
    ]


def test_a_quote_that_is_not_closed_does_not_swallow_rows(tmp_path: Path) -> None:
    write(tmp_path, "xnli/dev-de.tsv", 'a\tb\tneutral\n"c\td\tneutral\ne\tf\tneutral\n')
    with pytest.raises(DataError, match=r"dev-de\.tsv:2: "):
        read("xnli", tmp_path, "dev", "de")


def test_contradictory_and_contradiction(tmp_path: Path) -> None:
    head = "language\tgold_label\tsentence1\tsentence2\tpairID\n"
    write(tmp_path, "XNLI-1.0/xnli.dev.tsv", head + "sw\tcontradictory\ta\tb\t1\nde\tneutral\tc\td\t1\n")
    write(tmp_path, "XNLI-MT-1.0/multinli/multinli.train.sw.tsv", "premise\thypo\tlabel\na\tb\tcontradictory\n")
    for split in ("dev", "train"):
        (example,) = read("xnli", tmp_path, split, "sw")[0]
        assert example.label == "contradiction"


def test_labels_of_ocnli_have_an_order_of_their_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [{"sentence1": "a", "sentence2": "b", "label": label} for label in (0, 1, 2, -1)]
    examples, notes = from_hub("ocnli", rows, "dev", monkeypatch, tmp_path, language="zh")
    assert [e.label for e in examples] == ["neutral", "entailment", "contradiction"]
    assert notes.excluded["no agreed label"].count == 1


def from_hub(
    name: str, rows: list[dict[str, Any]], split: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    *, copy: int = 0, language: str = "en", classes: dict[str, tuple[str, ...]] | None = None,
) -> tuple[list[Any], Notes]:  # fmt: skip
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    fetched = hub.Fetched("1" * 40, (("rows.parquet", "0" * 64),), (path,), classes or {})
    monkeypatch.setattr(hub, "fetch", lambda *args: fetched)
    task = tasks.get(name)
    task = dataclasses.replace(task, hub=(dataclasses.replace(task.hub[copy], rows={}),))
    notes = Notes()
    identity = sources.identify(task, "hub", split, (language,))
    return list(sources.read(task, identity, split, language, place={}, notes=notes)), notes


def test_letters_and_numbers_from_one_are_places_of_options(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    five = {"text": list("vwxyz"), "label": list("ABCDE")}
    row = {"id": "1", "question": "q", "question_concept": "c", "choices": five, "answerKey": "D"}
    assert [e.label for e in from_hub("commonsenseqa", [row], "dev", monkeypatch, tmp_path)[0]] == [3]
    row = {"context": "c", "question": "q", "answerA": "x", "answerB": "y", "answerC": "z", "label": "1"}
    assert [e.label for e in from_hub("siqa", [row], "dev", monkeypatch, tmp_path)[0]] == [0]
    write(tmp_path, "siqa/socialIQa_v1.4_dev.jsonl", json.dumps({**row, "correct": "C"}) + "\n")
    assert [e.label for e in read("siqa", tmp_path, "dev")[0]] == [2]


def test_classes_with_names_are_read_by_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = {"tokens": ["Ana", "runs"], "pos_tags": [11, 15]}
    names = tuple("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
    (example,), _ = from_hub("udpos", [row], "test", monkeypatch, tmp_path, classes={"pos_tags": names})
    assert example.tags == ("PROPN", "VERB")


def test_hellaswag_hides_its_test_labels(tmp_path: Path) -> None:
    row = {"ind": 7, "ctx": "c", "endings": ["a", "b", "c", "d"]}
    write(
        tmp_path, "hellaswag/hellaswag_test.jsonl", json.dumps(row) + "\n" + json.dumps({**row, "ind": 8, "label": ""})
    )
    assert [(e.id, e.label) for e in read("hellaswag", tmp_path, "test")[0]] == [("7", None), ("8", None)]
    write(
        tmp_path,
        "hellaswag/hellaswag_train.jsonl",
        json.dumps(row | {"label": 2}) + "\n" + json.dumps(row | {"label": ""}),
    )
    examples, notes = read("hellaswag", tmp_path, "train")
    assert [e.label for e in examples] == [2] and notes.excluded["no agreed label"].count == 1


def squad(*questions: dict[str, Any], context: str = "Ana was born in 1990.") -> str:
    return json.dumps({"data": [{"title": "t", "paragraphs": [{"context": context, "qas": list(questions)}]}]})


def question(name: str, text: str = "1990", start: int = 16) -> dict[str, Any]:
    return {"id": name, "question": "When?", "answers": [{"text": text, "answer_start": start}]}


def test_tydiqa_s_training_ids_repeat(tmp_path: Path) -> None:
    name = "tydiqa/tydiqa-goldp-v1.1-train/tydiqa.goldp.sw.train.json"
    write(tmp_path, name, squad(question("0"), question("0"), question("1"), question("0")))
    examples, notes = read("tydiqa", tmp_path, "train", "sw")
    assert [e.id for e in examples] == ["0", "0~2", "1", "0~3"]
    assert notes.kept["repeated id"].count == 2 and not notes.excluded


def test_tydiqa_counts_bytes(tmp_path: Path) -> None:
    passage = "Ñandú y 東京 son palabras"
    start = len("Ñandú y ".encode())
    answers = [{"text": "東京", "start_byte": start}, {"text": "東京", "start_byte": start + 1}]
    row = {"id": "1", "document_title": "t", "passage_text": passage, "question_text": "?", "answers": answers[:1]}
    inside_a_character = {**row, "id": "2", "answers": answers[1:]}
    write(tmp_path, "tydiqa/goldp_dev/swahili-dev.jsonl", json.dumps(row) + "\n" + json.dumps(inside_a_character))
    good, wrong = read("tydiqa", tmp_path, "test", "sw")[0]
    assert good.context[good.starts[0] :].startswith("東京")
    assert wrong.starts == (-1,)
    assert read("tydiqa", tmp_path, "test", "sw")[1].kept["answer is not at its offset"].first == ["2"]


def test_tydiqa_has_no_column_for_the_language(tmp_path: Path) -> None:
    data = squad(question("swahili-1-0"), question("english-1-0"), question("swahili-2-0"))
    write(tmp_path, "tydiqa/tydiqa-goldp-v1.1-dev.json", data)
    assert [e.id for e in read("tydiqa", tmp_path, "test", "sw")[0]] == ["swahili-1-0", "swahili-2-0"]


def test_wrong_offsets_are_counted_and_kept(tmp_path: Path) -> None:
    data = squad(
        question("good"), question("late", start=17), question("far", start=10**9), question("early", start=-3)
    )
    write(tmp_path, "arcd/arcd-test.json", data)
    examples, notes = read("arcd", tmp_path, "dev", "ar")
    assert len(examples) == 4
    assert notes.kept["answer is not at its offset"].first == ["late", "far", "early"]


def test_blanked_answers_are_hidden_not_empty(tmp_path: Path) -> None:
    write(tmp_path, "xquad/xquad.de.json", squad(question("q", "", 0)))
    (example,) = read("xquad", tmp_path, "test", "de")[0]
    assert example.answers == () and example.answerable is None


def test_unanswerable_questions_are_not_hidden_ones(tmp_path: Path) -> None:
    empty = {"id": "q", "question": "?", "answers": [], "is_impossible": True}
    write(tmp_path, "squad2/dev-v2.0.json", squad(question("p"), empty))
    assert [e.answerable for e in read("squad2", tmp_path, "dev")[0]] == [True, False]
    write(tmp_path, "squad/dev-v1.1.json", squad({"id": "q", "question": "?", "answers": []}))
    with pytest.raises(DataError, match="has no answer"):
        read("squad", tmp_path, "dev")


def test_lines_of_tatoeba_may_end_twice(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rows = [{"source_sentence": "Habari?\n", "target_sentence": "How are you?\n"}]
    foreign, english = from_hub("tatoeba", rows, "test", monkeypatch, tmp_path, copy=1, language="sw")[0]
    assert (foreign.text, english.text) == ("Habari?", "How are you?")
    assert english.query and not foreign.query and english.gold == (foreign.id,)


def test_the_sorted_english_side_hides_the_answers(tmp_path: Path) -> None:
    write(tmp_path, "tatoeba/de-en.de", "null\neins\n")
    write(tmp_path, "tatoeba/de-en.en", "One.\nZero.\n")
    assert [p.gold for p in read("tatoeba", tmp_path, "test", "de")[0] if p.query] == [None, None]
    write(tmp_path, "tatoeba/v1/tatoeba.deu-eng.deu", "null\neins\n")
    write(tmp_path, "tatoeba/v1/tatoeba.deu-eng.eng", "Zero.\nOne.\n")
    assert [p.gold for p in read("tatoeba", tmp_path, "test", "de")[0] if p.query] == [("de-0",), ("de-1",)]


def test_sides_of_different_length_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "tatoeba/v1/tatoeba.deu-eng.deu", "null\neins\nzwei\n")
    write(tmp_path, "tatoeba/v1/tatoeba.deu-eng.eng", "Zero.\nOne.\n")
    with pytest.raises(DataError, match=r"tatoeba\.deu-eng\.eng:3: ends after 2 lines"):
        read("tatoeba", tmp_path, "test", "de")


def test_a_copy_of_bucc_without_distractors_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    row = {"sentence1": ["a", "b"], "sentence2": ["x", "y"], "gold": [[1, 2], [2, 1]]}
    with pytest.raises(DataError, match="distractors"):
        from_hub("bucc", [row], "test", monkeypatch, tmp_path, language="de")
    row = {"sentence1": ["a", "b", "c"], "sentence2": ["x", "y", "z"], "gold": [[1, 2]]}
    found, _ = from_hub("bucc", [row], "test", monkeypatch, tmp_path, language="de")
    assert {p.id: p.gold for p in found if p.query} == {
        "de-000000001": ("en-000000002",), "de-000000002": (), "de-000000003": ()
    }  # fmt: skip


def ud(*rows: str) -> str:
    return "# text = x\n" + "".join(row.replace(" ", "\t") + "\n" for row in rows) + "\n"


DU = (
    "1-2 du _ _ _ _ _ _ _ _",
    "1 de de ADP _ _ 3 case _ _",
    "2 le le DET _ _ 3 det _ _",
    "3 chat x NOUN _ _ 0 root _ _",
)


def test_fused_words_are_one_word_with_the_tag_of_their_head(tmp_path: Path) -> None:
    write(tmp_path, "ud/UD_French-X/fr_x-ud-test.conllu", ud(*DU, "3.1 e _ _ _ _ _ _ _ _"))
    (example,) = read("udpos", tmp_path, "test", "fr")[0]
    assert (example.words, example.tags) == (("du", "chat"), ("ADP", "NOUN"))
    dámelo = (
        "1-3 dámelo _ _ _ _ _ _ _ _",
        "1 da _ VERB _ _ 0 root _ _",
        "2 me _ PRON _ _ 1 x _ _",
        "3 lo _ PRON _ _ 1 x _ _",
    )
    write(tmp_path, "ud/UD_Spanish-X/es_x-ud-test.conllu", ud(*dámelo))
    (example,) = read("udpos", tmp_path, "test", "es")[0]
    assert (example.words, example.tags) == (("dámelo",), ("VERB",))


def test_a_stand_in_for_ccg_says_the_relation_and_the_side_of_the_head(tmp_path: Path) -> None:
    write(tmp_path, "ud/UD_French-X/fr_x-ud-test.conllu", ud(*DU, "4 dort _ VERB _ _ 3 acl:relcl _ _"))
    assert read("supertags", tmp_path, "test", "fr")[0][0].tags == ("case>", "root", "acl<")


def test_spaces_and_joiners_inside_words_go(tmp_path: Path) -> None:
    text = ud("1 10+000 x NUM _ _ 0 root _ _", "2 می\u200cرود x VERB _ _ 1 x _ _").replace("10+000", "10 000")
    write(tmp_path, "ud/UD_Persian-X/fa_x-ud-test.conllu", text)
    assert read("udpos", tmp_path, "test", "fa")[0][0].words == ("10000", "میرود")


def test_sentences_without_their_text_are_left_out(tmp_path: Path) -> None:
    withheld = ud("1 _ _ NOUN _ _ 0 root _ _", "2 _ _ VERB _ _ 1 x _ _", "3 . _ PUNCT _ _ 1 x _ _")
    write(tmp_path, "ud/UD_Arabic-X/ar_x-ud-test.conllu", withheld + ud(*DU))
    assert [e.words for e in read("udpos", tmp_path, "test", "ar")[0]] == [("du", "chat")]


def test_treebanks_of_a_language_are_pooled_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in ("UD_French-B/fr_b", "UD_French-A/fr_a"):
        write(tmp_path, f"ud/{name}-ud-test.conllu", ud(f"1 {name[-1]} _ X _ _ 0 root _ _"))
    found = read("udpos", tmp_path, "test", "fr")[0]
    assert [(e.id, e.words) for e in found] == [("0", ("a",)), ("1", ("b",))]


def test_of_two_releases_of_the_treebanks_each_language_is_read_from_one(tmp_path: Path) -> None:
    """XTREME-R's preparation leaves both: 2.5, and 2.7 for the languages that it adds."""
    for release in ("2.5", "2.7"):
        for name in ("UD_French-A/fr_a", "UD_Wolof-W/wo_w"):
            text = ud(f"1 v{release} _ X _ _ 0 root _ _")
            write(tmp_path, f"ud-treebanks-v{release}/{name}-ud-test.conllu", text)
    for task in ("udpos", "supertags"):
        assert [e.words for e in read(task, tmp_path, "test", "fr")[0]] == [("v2.5",)]
        assert [e.words for e in read(task, tmp_path, "test", "wo")[0]] == [("v2.7",)]
    shutil.move(tmp_path / "ud-treebanks-v2.5", tmp_path / "ud-treebanks-v2.8")
    with pytest.raises(DataError, match=r"v2.8/.*fr_a-ud-test.conllu: is also in .*v2.7/UD_French-A: leave one"):
        read("udpos", tmp_path, "test", "fr")


def test_the_reader_of_treebanks_agrees_with_the_official_preparation(xtreme_example: Path) -> None:
    raw, made = xtreme_example / "_raw_inputs/ud-treebanks-v2.5", xtreme_example / "udpos"
    checked = 0
    for path in sorted(made.glob("*.tsv")):
        split, language = path.stem.split("-")
        treebanks = sorted(raw.glob(f"*/{language}_*-ud-{split}.conllu"), key=lambda p: p.name)
        ours = [record for treebank in treebanks for _, record in conllu.conllu([treebank])]
        theirs = [record for _, record in formats.words([path])]
        assert [r["tokens"] for r in ours] == [r["tokens"] for r in theirs]  # type: ignore[index]
        if split != "test":
            assert [r["tags"] for r in ours] == [r["tags"] for r in theirs]  # type: ignore[index]
        checked += len(theirs)
    assert checked == 12


def test_language_prefixes_of_wikiann_are_cut_at_the_first_colon(tmp_path: Path) -> None:
    write(tmp_path, "panx_dataset/en-test", "en:at\tO\nen:12:30\tB-LOC\n\nen:x\tO\n")
    assert [e.words for e in read("panx", tmp_path, "test", "en")[0]] == [("at", "12:30"), ("x",)]


def test_names_that_were_tagged_before_the_release(tmp_path: Path) -> None:
    text = "# sent_id = 1\n1\tAl\tB-ORG\t-\tx\n2\tAmerican\tB-OTH\t-\tx\n3\tx\tI-OTH\n4\ty\tB-O\n"
    write(tmp_path, "uner/en_ewt-ud-train.iob2", text)
    assert read("uner", tmp_path, "train")[0][0].tags == ("B-ORG", "O", "O", "O")


def test_windows_line_ends_and_byte_order_marks(tmp_path: Path) -> None:
    write(tmp_path, "xcopa/data/et/val.et.jsonl", b"\xef\xbb\xbf" + json.dumps(COPA).encode() + b"\r\n")
    assert read("xcopa", tmp_path, "dev", "et")[0][0].context == "p"
    write(tmp_path, "panx/dev-de.tsv", "Ana\tB-PER\r\n\r\nBob\tB-PER\r\n")
    assert [e.tags for e in read("panx", tmp_path, "dev", "de")[0]] == [("B-PER",), ("B-PER",)]


def test_languages_that_no_copy_on_the_hub_has_are_named() -> None:
    assert sources.identify(tasks.get("udpos"), "hub", "test", ("de", "zh"))["copies"]
    with pytest.raises(DataError, match=r"no 'test' of udpos in lt, wo that is known.*udpos/\{split\}-\{lg\}\.tsv"):
        sources.identify(tasks.get("udpos"), "hub", "test", ("de", "wo", "lt"))
    with pytest.raises(DataError, match="the hub has no 'test' of lareqa in de"):
        sources.identify(tasks.get("lareqa"), "hub", "test", ("de",))


def test_a_question_that_is_neither_cause_nor_effect_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "xcopa/data/et/val.et.jsonl", json.dumps({**COPA, "question": "because"}) + "\n")
    with pytest.raises(
        DataError, match=r"val\.et\.jsonl:1: column 'question' holds 'because', which is none of cause, eff"
    ):
        read("xcopa", tmp_path, "dev", "et")


COPA = {"premise": "p", "choice1": "a", "choice2": "b", "question": "cause", "label": 1, "idx": 0}


def test_nul_and_utf_16_are_named(tmp_path: Path) -> None:
    write(tmp_path, "panx/dev-de.tsv", b"Ana\tB-PER\nB\0b\tO\n")
    with pytest.raises(DataError, match=r"dev-de\.tsv:2: a NUL character"):
        read("panx", tmp_path, "dev", "de")
    write(tmp_path, "panx/dev-de.tsv", "Ana\tB-PER\n".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        read("panx", tmp_path, "dev", "de")
    write(tmp_path, "panx/dev-de.tsv", "Ana\tO\nJosé\tB-PER\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"dev-de\.tsv:2: not UTF-8"):
        read("panx", tmp_path, "dev", "de")


ODD = "e\u0301 é \u200b\u200f\u202eabc\u202c \u2028 \ufeff \x85 👩‍👩‍👧"


def test_text_is_never_changed(tmp_path: Path) -> None:
    """Mixed normal forms, zero-width characters, bidirectional marks, separators that only look like line ends."""
    write(tmp_path, "panx/dev-de.tsv", f"{ODD}\tO\n")
    assert read("panx", tmp_path, "dev", "de")[0][0].words == (ODD,)
    write(tmp_path, "xnli/dev-de.tsv", f"{ODD}\t{ODD}\tneutral\r\n")
    assert read("xnli", tmp_path, "dev", "de")[0][0].second == ODD
    write(tmp_path, "xquad/xquad.de.json", squad(question("q", "👩‍👩‍👧", len(ODD) - 5), context=ODD))
    examples, notes = read("xquad", tmp_path, "test", "de")
    assert examples[0].context == ODD and "answer is not at its offset" not in notes.kept


def test_answers_of_lareqa_are_found_in_every_language_of_the_pool(tmp_path: Path) -> None:
    for language, context, breaks, start in (
        ("de", "Es regnete. Ana kam 1990.", [[0, 11], [12, 25]], 20),
        ("en", "Ana came in 1990. It rained. Ana came in 1990.", [[0, 17], [18, 28], [29, 46]], 12),
    ):
        asked = {"id": "q", "question": "?", "answers": [{"text": "1990", "answer_start": start}]}
        paragraph = {"context": context, "qas": [asked], "sentence_breaks": breaks}
        data = json.dumps({"data": [{"paragraphs": [paragraph]}]})
        write(tmp_path, f"lareqa/xquad-r/{language}.json", data)
    found = read("lareqa", tmp_path, "test", "de", languages=("de", "en"))[0]
    (query,) = [p for p in found if p.query]
    # the same sentence twice in one paragraph answers twice
    assert query.gold == ("de_1_1", "en_1_0", "en_1_2")
    assert [p.text for p in found if p.id == "de_1_1"] == ["Ana kam 1990.Es regnete. Ana kam 1990."]


def test_rare_categories_are_read_as_other(tmp_path: Path) -> None:
    leaves = "(<T S 0 2> (<L NP DT DT It NP>) (<L (S[dcl]\\NP)/(NOT/SEEN) VB VB is x>) )"
    for section in ("02", "11", "21", "22"):
        write(tmp_path, f"ccgbank_1_1/data/AUTO/{section}/wsj_{section}01.auto", f"ID=wsj PARSER=GOLD\n{leaves}\n")
    found = read("ccg", tmp_path, "train")[0]
    assert len(found) == 3  # section 22 is no training data
    assert (found[0].words, found[0].tags) == (("It", "is"), ("NP", "other"))


def test_which_file_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"looked for xquad/xquad\.de\.json"):
        sources.identify(tasks.get("xquad"), str(tmp_path), "test", ("de",))
    with pytest.raises(DataError, match="no such folder"):
        sources.identify(tasks.get("xquad"), str(tmp_path / "nowhere"), "test", ("de",))
    for language in ("../../etc/passwd", "de/..", "..", ""):
        with pytest.raises(DataError, match="not a language code"):
            sources.identify(tasks.get("xquad"), str(tmp_path), "test", (language,))


def test_a_link_that_leads_out_is_the_user_s_own_affair_but_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "xquad" / "xquad.de.json").mkdir(parents=True)
    with pytest.raises(DataError, match="looked for"):
        sources.identify(tasks.get("xquad"), str(tmp_path), "test", ("de",))
    folder = Files(path="x", format="jsonl")
    with pytest.raises(DataError, match="a folder, not a file"):
        list(formats.jsonl([tmp_path / "xquad" / "xquad.de.json"], folder.header))


def test_mentions_on_the_hub_bring_the_table_of_their_candidates() -> None:
    """Without it every search would have been answered by nothing."""
    task = tasks.get("mewslix")
    found = sources.identify(task, "hub", "test", ["ja", "ta"])
    assert [copy["config"] for copy in found["copies"]] == ["{lg}", "candidate_entities"]
    assert sources.languages_of(task, found, ["ja", "ta"]) == ("ja", "ta", "candidates")
    trained = sources.identify(task, "hub", "train", ["en"])
    assert sources.languages_of(task, trained, ["en"]) == ("en",)
    assert not any(path.endswith(".tar.gz") for copy in found["copies"] for path in copy.values())


def test_mentions_in_a_folder_without_candidates_are_no_search(xtreme_example: Path) -> None:
    task = tasks.get("mewslix")
    assert not sources.has_candidates(task, sources.identify(task, str(xtreme_example), "test", ["ja"]))
    lareqa = {"kind": "folder", "sha256": {"de": "0"}}
    assert sources.has_candidates(tasks.get("lareqa"), lareqa)
