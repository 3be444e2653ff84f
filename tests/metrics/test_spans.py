import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.metrics import score_pos, score_spans, token_accuracy


def plain_spans(sentences, kind_of):
    """The state machine as it is described, tag by tag."""
    found, before, kind, begin = set(), "O", "", 0
    tags = [tag for sentence in sentences for tag in [*sentence, "O"]] + ["O"]
    for i, tag in enumerate(tags):
        t, y = tag[0], kind_of(tag)
        ended = before in "ES" or (before in "BI" and t in "BSO") or (before not in "O." and kind != y)
        started = t in "BS" or (before in "ESO" and t in "EI") or (t not in "O." and kind != y)
        if ended:
            found.add((kind, begin, i - 1))
        if started:
            begin = i
        before, kind = t, y
    return found


KINDS = {"0.0.12": lambda tag: tag.split("-")[-1], "1.2.2": lambda tag: tag[1:].split("-", 1)[-1] or "_"}
TAGS = ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "I-a-PER", "B", "I", "o", ".", "-", "B-", "O-", "E"]
TAGS += ["X", "_", "NOUN", "CCONJ", "SCONJ", "SYM", "INTJ", "é-É", "B-O", "PER"]
PAIRS = st.lists(st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), max_size=6), min_size=1, max_size=4)


@pytest.mark.parametrize("seqeval", ["0.0.12", "1.2.2"])
@settings(deadline=None)
@given(pairs=PAIRS)
def test_the_whole_file_at_once_is_the_machine_tag_by_tag(seqeval, pairs):
    gold = [[g for g, _ in sentence] for sentence in pairs]
    predictions = [[p for _, p in sentence] for sentence in pairs]
    wanted, found = plain_spans(gold, KINDS[seqeval]), plain_spans(predictions, KINDS[seqeval])
    right = len(wanted & found)
    p = right / len(found) if found else 0
    r = right / len(wanted) if wanted else 0
    f1 = 2 * p * r / (p + r) if p + r else 0
    assert score_spans(gold, predictions, seqeval=seqeval) == {"f1": f1 * 100, "precision": p * 100, "recall": r * 100}


@pytest.mark.parametrize(
    ("gold", "predictions", "f1"),
    [
        ("B-PER I-PER O", "I-PER I-PER O", 100),  # I- without B- opens an entity
        ("B-PER I-PER O B-LOC", "B-PER O O B-LOC", 50.0),
        ("B-LOC B-LOC O", "B-LOC I-LOC O", 0),
        ("O O", "O O", 0),  # no entity anywhere is not a success
        ("o B-PER", "O B-PER", 66.66666666666666),
    ],
)
def test_ner(gold, predictions, f1):
    assert score_spans([gold.split()], [predictions.split()])["f1"] == f1


@pytest.mark.parametrize(
    ("gold", "predictions", "f1", "newer", "accuracy"),
    [
        ("NOUN NOUN NOUN VERB", "NOUN NOUN PROPN VERB", 40.0, 40.0, 75.0),
        ("DET NOUN VERB", "DET VERB VERB", 40.0, 40.0, 66.66666666666667),
        ("NOUN CCONJ NOUN", "NOUN SCONJ NOUN", 66.66666666666666, 100.0, 66.66666666666667),
        ("SYM SYM", "SYM SYM", 100.0, 100.0, 100.0),
    ],
)
def test_pos(gold, predictions, f1, newer, accuracy):
    scores = score_pos([gold.split()], [predictions.split()])
    assert (scores["f1"], scores["f1_seqeval_1.2.2"], scores["token_accuracy"]) == (f1, newer, accuracy)


def test_sentences_of_unequal_length_are_shifted_by_the_reference_and_refused_by_the_rest():
    gold, predictions = [["B-PER", "O", "O"], ["B-LOC"]], [["B-PER", "O"], ["B-LOC"]]
    assert score_spans(gold, predictions)["f1"] == 50.0
    for refuses in (lambda: score_spans(gold, predictions, seqeval="1.2.2"), lambda: token_accuracy(gold, predictions)):
        with pytest.raises(InputError, match="sentence 1 has 2 predicted tags for 3 gold tags"):
            refuses()


def test_what_has_no_score():
    with pytest.raises(InputError, match="1 predicted sentences for 2 gold sentences"):
        score_spans([["O"], ["O"]], [["O"]])
    with pytest.raises(InputError, match="an empty tag"):
        score_spans([["O", ""]], [["O", "O"]])
    with pytest.raises(InputError, match="no sentences"):
        score_spans([], [], seqeval="1.2.2")
    with pytest.raises(InputError, match="no tags"):
        token_accuracy([[]], [[]])
    assert score_spans([], [])["f1"] == 0
