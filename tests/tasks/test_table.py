"""Names, benchmarks, and the sets that they are made of."""

from __future__ import annotations

import subprocess
import sys

import pytest

from waystage import languages, tasks
from waystage.errors import UnknownName
from waystage.metrics import benchmarks as metrics


def test_an_unknown_task_is_met_with_close_names() -> None:
    with pytest.raises(UnknownName, match=r"'xnly'.*did you mean.*'xnli'"):
        tasks.get("xnly")
    with pytest.raises(UnknownName, match="'xtreme'"):
        tasks.benchmark("xtrem")


def test_xtreme_has_nine_tasks_in_forty_languages() -> None:
    xtreme = tasks.benchmark("xtreme")
    counts = {task: len(xtreme.languages[task]) for task in xtreme}
    assert counts == {
        "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc": 4, "tatoeba": 36
    }  # fmt: skip
    assert {lg for scored in xtreme.languages.values() for lg in scored} == set(languages.select("xtreme"))


def test_xtreme_r_has_ten_tasks_in_fifty_languages() -> None:
    xtreme_r = tasks.benchmark("xtreme-r")
    counts = {task: len(xtreme_r.languages[task]) for task in xtreme_r}
    assert counts == {
        "xnli": 15, "xcopa": 11, "udpos": 38, "panx": 48, "xquad": 12, "mlqa": 7, "tydiqa": 9, "tatoeba": 41,
        "lareqa": 11, "mewslix": 11,
    }  # fmt: skip
    assert {lg for scored in xtreme_r.languages.values() for lg in scored} == set(languages.select("xtreme-r"))


@pytest.mark.parametrize("name", tasks.BENCHMARKS)
def test_a_benchmark_is_made_of_tasks_that_score_its_languages(name: str) -> None:
    benchmark = tasks.benchmark(name)
    for task, scored in benchmark.languages.items():
        assert set(scored) <= set(tasks.get(task).languages)
        assert "test" in tasks.get(task).splits
    official = metrics.BENCHMARKS[name].languages
    called = {"bucc": "bucc2018"}
    said = {called.get(task, task): set(scored) for task, scored in benchmark.languages.items()}
    assert {task: set(scored) for task, scored in official.items()} == {t: s for t, s in said.items() if t in official}
    assert set(said) - set(official) <= {"lareqa"}  # which the official evaluator does not score


def test_the_nine_intermediate_tasks_are_there() -> None:
    for name in "anli mnli qqp squad squad2 hellaswag ccg cosmosqa commonsenseqa".split():
        assert tasks.get(name).train_languages == ("en",)
    assert tasks.get("anli").members == ("snli", "mnli", "anli_r1", "anli_r2", "anli_r3")


def test_shared_data_is_found_through_every_step() -> None:
    assert {"squad:dev", "xquad:test"} <= tasks.ancestry("lareqa")
    assert "mnli:*" in tasks.ancestry("anli")
    assert {"squad:train", "squad:dev"} <= tasks.ancestry("squad2")


def test_the_table_of_tasks_is_light() -> None:
    code = "import sys, waystage.tasks as t; t.names(); print([m for m in sys.modules if m.split('.')[0] in {*HEAVY}])"
    heavy = "'torch', 'datasets', 'pandas', 'numpy', 'pyarrow', 'transformers', 'pydantic'"
    found = subprocess.run([sys.executable, "-c", code.replace("*HEAVY", heavy)], capture_output=True, text=True)
    assert found.stdout.strip() == "[]", found.stderr


def test_licences_that_forbid_something_are_known_also_of_what_a_target_is_trained_on() -> None:
    from dataclasses import replace

    xcopa = replace(tasks.get("xcopa"), train_on=("anli_r1", "siqa"))
    assert tasks.restricted([xcopa, tasks.get("mnli"), tasks.get("qqp")]) == {
        "anli_r1": "CC BY-NC 4.0: no commercial use",
        "qqp": "Quora terms (no commercial use): no commercial use and no redistribution",
    }
    assert "anli_r3" in tasks.restricted([tasks.get("anli")])
