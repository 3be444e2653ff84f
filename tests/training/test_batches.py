"""Which examples form which batch: a permutation of the data, in the shares that the mixture says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from waystage.forms.encoded import Encoded
from waystage.forms.ragged import offsets_of
from waystage.training.corpus import Corpus, micro_batches
from waystage.training.draws import draws, permutation, uniform
from waystage.training.mixture import Mixture, count_steps, weigh


def encoded(sizes: np.ndarray, *, first: int = 0, labels: np.ndarray | None = None) -> Encoded:
    """Units of one sequence each; token t of unit u is 1000 u + t, so that mistakes show."""
    ids = np.concatenate([1000 * (first + u) + np.arange(n) for u, n in enumerate(sizes)]).astype(np.uint32)
    count = len(sizes)
    return Encoded(ids, offsets_of(sizes), np.arange(count + 1), np.arange(count), labels)


sizes = st.lists(st.integers(1, 9), min_size=1, max_size=30).map(np.array)


def test_numbers_are_the_same_everywhere() -> None:
    assert draws(3, 1, "order", 0).tolist() == [8807623176785510602, 4294765394469156540, 4643115170253404462]
    assert draws(2, 5, first=3).tolist() == draws(5, 5)[3:].tolist()
    assert abs(uniform(100_000, 7).mean() - 0.5) < 0.01


@given(sizes, st.integers(0, 2**31), st.integers(0, 5), st.integers(1, 7))
@settings(deadline=None)
def test_batches_of_an_epoch_are_a_permutation(lengths: np.ndarray, seed: int, epoch: int, batch: int) -> None:
    corpus = Corpus([encoded(lengths)], ["en"])
    order = corpus.order(seed, epoch)
    assert sorted(order) == list(range(len(lengths)))
    per_epoch = -(-len(lengths) // batch)
    mixture = Mixture((len(lengths),), (1.0,), batch, seed, per_epoch * (epoch + 1))
    seen = []
    for step in range(per_epoch * epoch, per_epoch * (epoch + 1)):
        member, found, part = mixture.at(step)
        assert (member, found) == (0, epoch)
        seen += order[part].tolist()
    assert seen == order.tolist()


@given(sizes, sizes, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_a_batch_holds_its_units_and_nothing_else(one: np.ndarray, two: np.ndarray, rng) -> None:  # type: ignore[no-untyped-def]
    labels = [np.arange(len(one), dtype=np.int32), len(one) + np.arange(len(two), dtype=np.int32)]
    corpus = Corpus([encoded(one, labels=labels[0]), encoded(two, first=len(one), labels=labels[1])], ["de", "en"])
    every = np.concatenate([one, two])
    units = np.array(rng.sample(range(len(every)), rng.randint(1, len(every))))
    batch = corpus.gather(units)
    assert sorted(batch.labels) == sorted(units)
    ends = offsets_of(batch.lengths)
    for row, unit in enumerate(batch.labels):
        assert batch.ids[ends[row] : ends[row + 1]].tolist() == [1000 * unit + t for t in range(every[unit])]
    budget = rng.randint(1, 20)
    parts = [batch.part(cut, "unit") for cut in micro_batches(batch.tokens(), budget)]
    assert np.concatenate([p.ids for p in parts]).tolist() == batch.ids.tolist()
    assert np.concatenate([p.labels for p in parts]).tolist() == batch.labels.tolist()
    assert all(len(p.ids) <= budget or len(p.lengths) == 1 for p in parts)


@given(st.data())
@settings(deadline=None)
def test_parts_of_a_batch_keep_what_belongs_to_their_units(data: st.DataObject) -> None:
    """Units of several sequences, and places inside these with a label each."""
    widths = np.array(data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=12)))
    lengths = np.array(data.draw(st.lists(st.integers(1, 9), min_size=int(widths.sum()), max_size=int(widths.sum()))))
    there = np.array(data.draw(st.lists(st.booleans(), min_size=int(lengths.sum()), max_size=int(lengths.sum()))))
    ends = offsets_of(lengths)
    tokens = np.flatnonzero(there)
    sequence = np.searchsorted(ends, tokens, side="right") - 1
    one = Encoded(
        np.arange(len(there), dtype=np.uint32), ends, offsets_of(widths), np.arange(len(widths)),
        labels=tokens.astype(np.int32), where=(tokens - ends[sequence]).astype(np.int32),
        where_offsets=np.searchsorted(sequence, np.arange(len(lengths) + 1)),
    )  # fmt: skip
    units = np.array(data.draw(st.permutations(range(len(widths)))))
    whole = Corpus([one], ["en"], labels_of="where").gather(units)
    assert sorted(whole.ids) == list(range(len(there)))
    assert sorted(whole.labels) == tokens.tolist()
    for batch in [whole, *(whole.part(cut, "where") for cut in micro_batches(whole.tokens(), 12))]:
        assert batch.ids[batch.where].tolist() == batch.labels.tolist(), "a label stands at its own token"
        assert batch.units[-1] == len(batch.lengths)
        assert batch.lengths.sum() == len(batch.ids)


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=4), st.integers(1, 9), st.integers(0, 2**31),
    st.sampled_from([{"by": "size"}, {"by": "size", "cap": 7}, {"by": "uniform"}, {"temperature": 3.0}]),
)  # fmt: skip
@settings(deadline=None, max_examples=50)
def test_a_member_of_a_mixture_goes_through_its_data_epoch_after_epoch(
    counts: list[int], batch: int, seed: int, sampling: dict[str, object]
) -> None:
    """Whatever the mixture, every unit of a member comes once before any comes twice, and the shares are as said."""
    steps = 2000
    weights = weigh(counts, [str(i) for i in range(len(counts))], sampling)
    mixture = Mixture(tuple(counts), weights, batch, seed, steps)
    shown = [np.zeros(n, int) for n in counts]
    for step in range(steps):
        member, epoch, part = mixture.at(step)
        np.add.at(shown[member], permutation(counts[member], seed + member, "order", epoch)[part], 1)
        assert shown[member].max() == epoch + 1
        assert shown[member].min() >= epoch
    found = np.bincount(mixture.members, minlength=len(counts)) / steps
    spread = np.sqrt(np.array(weights) * (1 - np.array(weights)) / steps)
    assert (np.abs(found - weights) <= 5.5 * spread + 5 / steps).all()


def test_hidden_labels_are_not_trained_on() -> None:
    corpus = Corpus([encoded(np.array([3, 3, 3]), labels=np.array([1, -100, 0]))], ["en"])
    assert corpus.units.tolist() == [0, 2]


def test_small_languages_come_more_often_with_a_small_exponent() -> None:
    parts = [encoded(np.full(900, 2)), encoded(np.full(100, 2))]
    flat = Corpus(parts, ["a", "b"], exponent=0.5)
    orders = [flat.order(1, epoch) for epoch in range(8)]
    assert all(len(order) == 1000 for order in orders)
    share = np.mean([np.mean(order >= 900) for order in orders])
    assert abs(share - 0.25) < 0.001  # sqrt(100) / (sqrt(900) + sqrt(100))
    shown = np.bincount(np.concatenate(orders), minlength=1000)
    assert np.ptp(shown[:900]) <= 1, "over the epochs each text is shown equally often"
    assert np.ptp(shown[900:]) <= 1


@pytest.mark.parametrize(
    ("sampling", "shares"),
    [
        ({"by": "size"}, [0.8, 0.2]),
        ({"by": "size", "cap": 200}, [0.5, 0.5]),
        ({"by": "size", "temperature": 2.0}, [2 / 3, 1 / 3]),
        ({"by": "size", "temperature": 0.001}, [1.0, 0.0]),
        ({"by": "uniform"}, [0.5, 0.5]),
        ({"by": "weights", "weights": {"a": 3, "b": 1}}, [0.75, 0.25]),
    ],
)
def test_members_come_as_often_as_the_mixture_says(sampling: dict[str, object], shares: list[float]) -> None:
    weights = weigh([800, 200], ["a", "b"], sampling)
    assert weights == pytest.approx(shares)
    members = Mixture((800, 200), weights, 8, 3, 20_000).members
    assert np.bincount(members)[0] / 20_000 == pytest.approx(shares[0], abs=0.01)


def test_replay_takes_its_share_and_lengthens_the_run() -> None:
    assert weigh([800, 200, 50], ["a", "b", "mlm"], {}, {2: 0.25}) == pytest.approx([0.6, 0.15, 0.25])
    by_weight = {"by": "weights", "weights": {"a": 1, "b": 3}}
    assert weigh([800, 200, 50], ["a", "b", "mlm"], by_weight, {2: 0.2}) == pytest.approx([0.2, 0.6, 0.2])
    assert count_steps([800, 200, 50], {"batch": 10, "epochs": 3}, {}, {2: 0.25}) == 400
    assert count_steps([800, 200], {"batch": 10, "epochs": 1}, {"cap": 100}) == 20
    assert count_steps([800], {"batch": 10, "steps": 7}, {}) == 7


def test_a_permutation_depends_on_its_whole_key() -> None:
    assert permutation(50, 1, "order", 0).tolist() != permutation(50, 1, "order", 1).tolist()
    assert permutation(50, 1, "order", 0).tolist() != permutation(50, 1, "pass", 0).tolist()
