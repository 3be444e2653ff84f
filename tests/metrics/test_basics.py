import ast
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from waystage import metrics
from waystage.errors import InputError
from waystage.metrics import accuracy, pearson, score_accuracy, score_similarity, spearman


def test_accuracy():
    assert score_accuracy(["e", "n", "c"], ["e", "n", "n"]) == {"accuracy": 66.66666666666666}
    assert score_accuracy([1] * 15, [1] * 7 + [0] * 8) == {"accuracy": 46.666666666666664}
    assert accuracy(["07"], ["7"]) == 0.0
    assert accuracy([1], ["1"]) == 0.0
    with pytest.raises(InputError, match="1 predicted labels for 2 gold labels"):
        accuracy([1, 2], [1])
    with pytest.raises(InputError, match="no labels"):
        accuracy([], [])


VALUES = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=2, max_size=30)


@settings(deadline=None)
@given(VALUES, st.floats(0.01, 100), st.floats(-100, 100))
def test_correlations_agree_with_scipy(pairs, scale, shift):
    from scipy import stats

    x, y = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    assume(len(set(x)) > 1 and len(set(y)) > 1)
    assert pearson(x, y * scale + shift) == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)


def test_correlations_at_the_edges():
    assert score_similarity([0, 1, 2], [1, 3, 2]) == {"pearson": pytest.approx(50), "spearman": pytest.approx(50)}
    assert score_similarity([0, 1, 2], [0.1, 0.1, 0.1]) == {"pearson": 0.0, "spearman": 0.0}
    assert pearson([1e300, -1e300, 0], [1e-300, -1e-300, 0]) == pytest.approx(1)
    assert pearson([0.1] * 3, [1, 2, 3]) == 0
    for gold, found, why in (
        ([1], [1], "at least two"),
        ([1, 2], [1], "equally long"),
        ([1, 2], [1, float("nan")], "predicted similarity number 2 is nan"),
        ([float("inf"), 2], [1, 2], "gold similarity number 1 is inf"),
    ):
        with pytest.raises(InputError, match=why):
            spearman(gold, found)


def test_every_public_name_is_found_where_the_type_checker_is_told():
    told = {}
    for node in ast.walk(ast.parse(Path(metrics.__file__).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module.startswith("waystage.metrics."):
            told |= {name.name: node.module for name in node.names}
    assert sorted(told) == sorted(metrics.__all__) == dir(metrics)
    for name, module in told.items():
        assert getattr(metrics, name) is getattr(sys.modules[module], name)
    with pytest.raises(AttributeError, match="nope"):
        metrics.nope


@pytest.mark.parametrize(
    ("use", "absent"),
    [
        ("pass", "numpy json waystage.metrics.files"),
        ("waystage.metrics.score_squad([['a b']], ['b'])", "numpy"),
        ("waystage.metrics.validate_tree('absent')", "numpy"),
        ("waystage.metrics.score_spans([['O']], [['O']])", "torch scipy pandas"),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(use, absent):
    code = f"import sys, waystage.metrics; {use}; print(*set({absent.split()!r}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("\n", "")
