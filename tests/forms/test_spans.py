from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from waystage.forms import spans
from waystage.forms.answers import Faults, locate, trimmed
from waystage.forms.examples import Span
from waystage.forms.pieces import pieces

ODD = [
    "e\u0301",
    "👩‍👩‍👧‍👦",
    "שלום עולם",
    "北京大学是中国的",
    "ภาษาไทยไม่มีช่องว่าง",
    "ﬁ ﬂ",
    "Å",
    "A\u030a",
    " \u3000",
    "\u200b",
    "z\u0323\u0302",
    "Ⅷ",
    "مُحَمَّد",
    "\n\n",
    "x  y",
]
text = st.lists(st.sampled_from(ODD) | st.text(max_size=15), min_size=1, max_size=8).map(" ".join)
KINDS = ["unigram", "wordpiece", "byte_level", "llama"]


def oracle(encoded) -> np.ndarray:
    """What a model would put out that knows the answers."""
    out = np.zeros((len(encoded.ids), 2), np.float32)
    for sequence, (start, end) in enumerate(encoded.labels):
        out[encoded.sequences[sequence] + start, 0] = 10 if start else 1
        out[encoded.sequences[sequence] + end, 1] = 10 if start else 1
    return out


@pytest.mark.parametrize("kind", KINDS)
@given(
    data=st.data(),
    context=text,
    question=st.text(max_size=30),
    max_length=st.integers(16, 48),
    stride=st.integers(1, 60),
)
def test_the_right_answer_comes_back_in_its_own_characters(
    tokenizers_by_kind, kind, data, context, question, max_length, stride
):
    tokenizer = tokenizers_by_kind[kind]
    assume(context)
    a = data.draw(st.integers(0, len(context) - 1))
    b = data.draw(st.integers(a + 1, len(context)))
    assume(context[a:b].strip())
    one = Span(id="q", context=context, question=question, answers=(context[a:b],), starts=(a,))
    encoded = spans.encode([one], tokenizer, labels=(), max_length=max_length, stride=stride)
    if encoded.labels is None:
        assert {"answers no piece", "answers in no window"} & set(encoded.facts)
        return
    predictions = spans.predict(oracle(encoded), encoded, [one], labels=(), longest=max_length)
    found = predictions["prediction"][0]
    start, end = predictions["start"][0], predictions["end"][0]
    assert found == context[start:end]
    covered = trimmed_chars(tokenizer, context)
    begin = a + len(context[a:b]) - len(context[a:b].lstrip())
    wanted = context[a:b].strip()
    held = [(int(s), int(e)) for s, e in covered if e > begin and s < begin + len(wanted)]
    if (held[0][0], held[-1][1]) == (begin, begin + len(wanted)):
        assert (found, start) == (wanted, begin)
    else:  # a piece holds more than the answer, or no piece holds its edge: as near as pieces get
        assert (start, end) == (held[0][0], held[-1][1])


def trimmed_chars(tokenizer, context):
    made = pieces(tokenizer, [context], chars=True)
    return trimmed(made.chars, [context]).values


@pytest.mark.parametrize("kind", KINDS)
@given(context=text, question=text, max_length=st.integers(12, 40), stride=st.integers(1, 60))
def test_windows_cover_every_token_and_no_sequence_is_too_long(
    tokenizers_by_kind, kind, context, question, max_length, stride
):
    tokenizer = tokenizers_by_kind[kind]
    encoded = spans.encode(
        [Span(id="q", context=context, question=question, answerable=None)],
        tokenizer,
        labels=(),
        max_length=max_length,
        stride=stride,
    )
    assert encoded.labels is None
    assert encoded.lengths.max() <= max_length
    shown = encoded.extra["chars"]
    covered = {tuple(c) for c in shown[shown[:, 0] >= 0].tolist()}
    assert covered == {tuple(c) for c in trimmed_chars(tokenizer, context).tolist()}
    ids = pieces(tokenizer, [context]).ids[0].tolist()
    size = len(ids)
    if len(encoded) == 1 and size:
        assert encoded.ids[shown[:, 0] >= 0].tolist() == ids


@pytest.mark.parametrize("kind", KINDS)
@given(text)
def test_offsets_are_inside_the_text_and_never_begin_or_end_with_a_space(tokenizers_by_kind, kind, context):
    tokenizer = tokenizers_by_kind[kind]
    for start, end in trimmed_chars(tokenizer, context):
        assert 0 <= start <= end <= len(context)
        assert context[start:end] == context[start:end].strip()


def test_ranges_never_cross_a_window(xlmr):
    context = " ".join(["capital of France"] * 12)
    one = Span(id="q", context=context, question="where", answerable=None)
    encoded = spans.encode([one], xlmr, labels=(), max_length=24, stride=8)
    assert len(encoded) > 3
    out = np.zeros((len(encoded.ids), 2), np.float32)
    first, second = np.flatnonzero(encoded.extra["chars"][:, 0] >= 0)[[0, -1]]
    out[first, 0], out[second, 1] = 50, 50  # the best start is in the first window, the best end in the last
    predictions = spans.predict(out, encoded, [one], labels=())
    assert predictions["score"] == [50.0]


def test_the_best_range_is_the_best_of_all(xlmr):
    rng = np.random.default_rng(3)
    examples = [
        Span(
            id=str(i),
            context="Paris is the capital of France, and Berlin of Germany. " * (i + 1),
            question="what?",
            answerable=None,
        )
        for i in range(4)
    ]
    encoded = spans.encode(examples, xlmr, labels=(), max_length=40, stride=11)
    out = rng.normal(size=(len(encoded.ids), 2)).astype(np.float32)
    predictions = spans.predict(out, encoded, examples, labels=(), longest=5)
    for number in range(4):
        best = -np.inf
        for unit in np.flatnonzero(encoded.example == number):
            tokens = range(encoded.sequences[unit], encoded.sequences[unit + 1])
            for i in tokens:
                for j in range(i, min(i + 5, tokens.stop)):
                    c = encoded.extra["chars"]
                    if c[i, 0] >= 0 and c[j, 0] >= 0 and c[j, 1] > c[i, 0]:
                        best = max(best, out[i, 0] + out[j, 1])
        assert predictions["score"][number] == pytest.approx(best)


def test_answers_that_are_not_where_they_say():
    faults = Faults()
    once = Span(id="once", context="one two three", question="", answers=("two",), starts=(0,))
    twice = Span(id="twice", context="two two", question="", answers=("two",), starts=(1,))
    bytes_ = Span(id="bytes", context="ööö two", question="", answers=("two",), starts=(7,))
    second = Span(id="second", context="a b", question="", answers=("zzz", "b"), starts=(0, 2))
    spaced = Span(id="spaced", context="a  b  c", question="", answers=("  b ",), starts=(1,))
    assert locate(once, faults) == (4, 7)
    assert locate(twice, faults) is None
    assert locate(bytes_, faults) == (4, 7)
    assert locate(second, faults) == (2, 3)
    assert locate(spaced, faults) == (3, 4)
    assert faults.facts() == {
        "answers repaired": 2, "answers mismatched": 1,
        "answers repaired, ids": ["once", "bytes"], "answers mismatched, ids": ["twice"],
    }  # fmt: skip


def test_a_wrong_answer_is_not_trained_on_but_evaluated(xlmr):
    examples = [
        Span(id="bad", context="two two", question="?", answers=("two",), starts=(1,)),
        Span(id="good", context="two", question="?", answers=("two",), starts=(0,)),
    ]
    encoded = spans.encode(examples, xlmr, labels=(), max_length=32)
    assert encoded.labels[0].tolist() == [-100, -100]
    assert encoded.labels[1, 0] > 0
    assert spans.predict(np.ones((len(encoded.ids), 2)), encoded, examples, labels=())["id"] == ["bad", "good"]


def test_unanswerable_questions_have_a_threshold(xlmr):
    examples = [
        Span(id="no", context="Paris is the capital.", question="who?", answerable=False),
        Span(id="yes", context="Paris is the capital.", question="what?", answers=("Paris",), starts=(0,)),
    ]
    encoded = spans.encode(examples, xlmr, labels=(), max_length=64)
    assert encoded.labels[0].tolist() == [0, 0]
    out = oracle(encoded)
    predictions = spans.predict(out, encoded, examples, labels=(), unanswerable=True)
    assert predictions["prediction"] == ["", "Paris"]
    assert spans.predict(out, encoded, examples, labels=(), unanswerable=True, threshold=99)["prediction"][0] != ""
    scores = spans.score(examples, predictions, metric="f1", language="en", unanswerable=True)
    assert (scores["exact_match"], scores["no_answer_exact_match"]) == (100, 100)


def test_hidden_answers_have_no_score(xlmr):
    hidden = [Span(id="a", context="x", question="y", answerable=None)]
    assert spans.score(hidden, {"id": ["a"], "prediction": ["x"]}, metric="f1", language="en") == {}


def test_mlqa_is_scored_by_its_own_rules():
    one = [Span(id="a", context="das Haus", question="?", answers=("das Haus",), starts=(0,))]
    predictions = {"id": ["a"], "prediction": ["Haus"]}
    assert spans.score(one, predictions, metric="f1", language="de", scorer="mlqa")["exact_match"] == 100
    assert spans.score(one, predictions, metric="f1", language="de")["exact_match"] == 0


def test_an_empty_context_has_an_empty_answer(xlmr):
    one = [Span(id="a", context="", question="?", answerable=None)]
    encoded = spans.encode(one, xlmr, labels=(), max_length=32)
    predictions = spans.predict(np.ones((len(encoded.ids), 2)), encoded, one, labels=())
    assert predictions["prediction"] == [""]


def test_a_long_question_leaves_half_of_the_room_to_the_context(xlmr):
    one = [
        Span(id="a", context="Paris is the capital of France.", question="what " * 80, answers=("Paris",), starts=(0,))
    ]
    encoded = spans.encode(one, xlmr, labels=(), max_length=24)
    assert encoded.facts["truncated"] == 1
    assert spans.predict(oracle(encoded), encoded, one, labels=())["prediction"] == ["Paris"]
