from __future__ import annotations

import numpy as np
import pytest

from waystage.forms import retrieval
from waystage.forms.examples import Passage

LINES = [f"sentence {word} of the corpus" for word in "one two three four five six seven eight nine ten".split()]


def bitext(language: str = "sw", hidden: bool = False) -> list[Passage]:
    out = []
    for i, line in enumerate(LINES):
        out.append(Passage(id=f"{language}-{i}", text=f"{line} {language}", query=False))
        out.append(Passage(id=f"en-{i}", text=line, query=True, gold=None if hidden else (f"{language}-{i}",)))
    return out


def vectors_of(examples: list[Passage], noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """What a perfect model would give: the same vector to all sentences of the same number."""
    rng = np.random.default_rng(seed)
    base = np.random.default_rng(7).normal(size=(len(LINES) + 60, 32))
    number = [int(e.id.split("-")[1]) for e in examples]
    return (base[number] + noise * rng.normal(size=(len(examples), 32))).astype(np.float32)


def encoded_of(examples, tokenizer, **options):
    return retrieval.encode(examples, tokenizer, labels=(), max_length=32, **options)


def test_a_perfect_model_finds_every_translation(xlmr):
    examples = bitext()
    encoded = encoded_of(examples, xlmr)
    assert len(encoded) == len(encoded.sequences) - 1 == len(examples)
    predictions = retrieval.predict(vectors_of(examples), encoded, examples, mode="bitext")
    scores = retrieval.score(examples, predictions, metric="accuracy", language="sw", mode="bitext")
    assert scores["accuracy"] == scores["accuracy/centred"] == scores["accuracy/csls"] == 100
    assert set(predictions["variant"]) == {"cosine", "centred", "csls", "bag"}
    assert scores["accuracy/bag"] == 100  # the lines share their letters
    assert set(map(len, predictions.values())) == {4 * len(LINES)}


def test_centring_takes_away_what_a_language_has_in_common(xlmr):
    examples = bitext()
    vectors = vectors_of(examples, noise=0.3)
    query = np.array([e.query for e in examples])
    vectors[query] += 20 * np.eye(32, dtype=np.float32)[0]
    vectors[~query] += 20 * np.eye(32, dtype=np.float32)[1]
    vectors[~query][3] += 5
    predictions = retrieval.predict(vectors, encoded_of(examples, xlmr), examples, mode="bitext")
    scores = retrieval.score(examples, predictions, metric="accuracy", language="sw", mode="bitext")
    assert scores["accuracy/centred"] == 100 > scores["accuracy"]


def test_csls_discounts_a_candidate_that_is_near_to_everything(xlmr):
    examples = [*bitext(), Passage(id="sw-40", text="hub", query=False)]
    vectors = vectors_of(examples, noise=0.9, seed=4)
    queries = [i for i, e in enumerate(examples) if e.query]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[-1] = (vectors[queries] / lengths[queries]).mean(axis=0)
    predictions = retrieval.predict(vectors, encoded_of(examples, xlmr), examples, mode="bitext")
    scores = retrieval.score(examples, predictions, metric="accuracy", language="sw", mode="bitext")
    answers = list(zip(predictions["variant"], predictions["prediction"], strict=True))
    taken = {variant: answers.count((variant, ["sw-40"])) for variant in ("cosine", "csls")}
    assert taken["csls"] < taken["cosine"]
    assert scores["accuracy/csls"] > scores["accuracy"]


def test_a_pool_holds_the_candidates_of_all_languages(xlmr):
    languages = {
        code: [
            *(Passage(id=f"{code}-{i}", text=line, query=False) for i, line in enumerate(LINES)),
            *(
                Passage(id=f"q{code}-{i}", text=line, query=True, gold=(f"sw-{i}", f"th-{i}"))
                for i, line in enumerate(LINES)
            ),
        ]
        for code in ("sw", "th")
    }
    vectors = {code: vectors_of(examples) for code, examples in languages.items()}
    predictions = retrieval.predict(
        vectors["sw"], encoded_of(languages["sw"], xlmr), languages["sw"], mode="pool", k=20,
        others={"th": (vectors["th"], languages["th"])},
    )  # fmt: skip
    ranked = predictions["prediction"][0]
    assert set(ranked[:2]) == {"sw-0", "th-0"} and len(ranked) == 20
    scores = retrieval.score(languages["sw"], predictions, metric="map@20", language="sw", mode="pool", k=20)
    assert scores["map@20"] == 100
    alone = retrieval.predict(vectors["sw"], encoded_of(languages["sw"], xlmr), languages["sw"], mode="pool", k=20)
    scores = retrieval.score(languages["sw"], alone, metric="map@20", language="sw", mode="pool", k=20)
    assert scores["map@20"] == pytest.approx(50)


def test_one_entity_per_mention_is_scored_by_its_rank(xlmr):
    entities = [Passage(id=f"Q-{i}", text=line, query=False) for i, line in enumerate(LINES)]
    mentions = [Passage(id=f"m-{i}", text=line, query=True, gold=(f"Q-{i}",)) for i, line in enumerate(LINES)]
    vectors = vectors_of(mentions)
    vectors[0] = vectors_of(entities)[1] + 0.9 * vectors_of(entities)[0]
    predictions = retrieval.predict(
        vectors, encoded_of(mentions, xlmr), mentions, mode="pool", k=20,
        others={"candidates": (vectors_of(entities), entities)},
    )  # fmt: skip
    scores = retrieval.score(mentions, predictions, metric="map@20", language="de", mode="pool", k=20)
    assert scores["map@20"] == pytest.approx(95)  # the second place for one of ten


def bucc(seed: int, hidden: bool = False) -> tuple[list[Passage], np.ndarray]:
    """Five true pairs among ten sentences on each side."""
    examples = [Passage(id=f"en-{i}", text=f"english {i} {seed}", query=False) for i in range(10)]
    for i in range(10):
        answers = (f"en-{i}",) if i < 5 else ()
        number = i if i < 5 else i + 20
        examples.append(
            Passage(id=f"de-{number}", text=f"deutsch {i} {seed}", query=True, gold=None if hidden else answers)
        )
    return examples, vectors_of(examples, noise=0.3, seed=seed)


def test_mining_finds_the_pairs_that_translate_each_other(xlmr):
    examples, vectors = bucc(1)
    predictions = retrieval.predict(vectors, encoded_of(examples, xlmr), examples, mode="margin")
    scores = retrieval.score(examples, predictions, metric="f1", language="de", mode="margin")
    assert scores["f1"] == scores["f1/oracle"] == 100
    assert set(predictions["threshold_from"]) == {"oracle"}
    assert {"f1/bag", "f1/centred", "precision", "recall"} <= set(scores)


def test_the_threshold_may_come_from_other_data(xlmr):
    examples, vectors = bucc(1)
    dev, dev_vectors = bucc(2)
    predictions = retrieval.predict(
        vectors, encoded_of(examples, xlmr), examples, mode="margin", dev=(dev_vectors, dev)
    )  # fmt: skip
    assert set(predictions["threshold_from"]) == {"dev"}
    scores = retrieval.score(examples, predictions, metric="f1", language="de", mode="margin")
    assert scores["f1"] <= scores["f1/oracle"] == 100
    for other in (bucc(2, hidden=True)[0], [e for e in dev if e.query], [e for e in dev if not e.query]):
        rows = [dev.index(e) if e in dev else i for i, e in enumerate(other)]
        useless = retrieval.predict(
            vectors, encoded_of(examples, xlmr), examples, mode="margin", dev=(dev_vectors[rows], other)
        )
        assert set(useless["threshold_from"]) == {"oracle"}
    hidden, _ = bucc(1, hidden=True)
    blind = retrieval.predict(vectors, encoded_of(hidden, xlmr), hidden, mode="margin", dev=(dev_vectors, dev))
    assert blind["prediction"] == predictions["prediction"]
    assert retrieval.score(hidden, blind, metric="f1", language="de", mode="margin") == {}


def test_training_reads_a_query_and_its_answer_together(xlmr):
    examples = [*bitext(), Passage(id="lost", text="?", query=True, gold=("nowhere",))]
    encoded = encoded_of(examples, xlmr, paired=True)
    assert len(encoded) == len(LINES)
    assert np.diff(encoded.units).tolist() == [2] * len(LINES)
    assert encoded.facts["queries without an answer here"] == 1
    query = encoded.ids[encoded.sequences[0] : encoded.sequences[1]].tolist()
    answer = encoded.ids[encoded.sequences[1] : encoded.sequences[2]].tolist()
    assert query == xlmr.encode(LINES[0]).ids
    assert answer == xlmr.encode(f"{LINES[0]} sw").ids


def test_hidden_answers_have_no_score(xlmr):
    examples = bitext(hidden=True)
    predictions = retrieval.predict(vectors_of(examples), encoded_of(examples, xlmr), examples, mode="bitext")
    assert retrieval.score(examples, predictions, metric="accuracy", language="sw", mode="bitext") == {}
