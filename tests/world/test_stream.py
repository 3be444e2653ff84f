import itertools

from hypothesis import given
from hypothesis import strategies as st

from waystage.world.stream import Stream, mix, zipf_table


def test_the_numbers_never_change() -> None:
    stream = Stream("golden", 7)
    assert [stream.below(1000) for _ in range(6)] == [599, 913, 10, 57, 240, 275]
    assert mix("a", 1) != mix("a", 2) != mix(1, "a")


@given(st.integers(0, 2**70), st.integers(1, 10**6))
def test_draws_are_below_their_bound(seed: int, bound: int) -> None:
    stream = Stream(seed)
    assert all(0 <= stream.below(bound) < bound for _ in range(20))


def test_draws_are_spread_evenly() -> None:
    stream = Stream("even")
    counts = [0] * 10
    for _ in range(20_000):
        counts[stream.below(10)] += 1
    assert min(counts) > 1850 and max(counts) < 2150


def test_neighbouring_seeds_are_unrelated() -> None:
    firsts = [Stream("s", i).below(2) for i in range(4000)]
    changes = sum(a != b for a, b in itertools.pairwise(firsts))
    assert 1850 < changes < 2150


@given(st.lists(st.integers(), min_size=1, max_size=40), st.integers(0, 1000))
def test_shuffling_keeps_everything(items: list[int], seed: int) -> None:
    assert sorted(Stream(seed).shuffled(items)) == sorted(items)
    k = len(items) // 2
    assert len(Stream(seed).sample(items, k)) == k


def test_zipf_tables_favour_the_first_and_leave_out_none() -> None:
    table = zipf_table(range(30), size=512, offset=1)
    counts = [table.count(i) for i in range(30)]
    assert counts == sorted(counts, reverse=True) and counts[-1] >= 1 and counts[0] > 5 * counts[20]
