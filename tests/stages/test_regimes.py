"""What regimes do to data and checkpoints: labels dealt anew, texts switched, steps matched, layers frozen."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from tests.stages import small

from waystage.errors import InputError
from waystage.forms import table
from waystage.forms.examples import Choice, Pair, Passage, Similar, Span, Tags
from waystage.models.layers import place
from waystage.stages import Context, run
from waystage.stages.alter import shuffled, switched

NLI = {"task": "nli", "form": "pairs", "labels": ["no", "yes"], "head": "nli", "metric": "accuracy"}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("regimes")
    small.model(root / "model")
    small.stored(root / "pairs", "pairs", {"en": small.pairs(40, 1)}, ("no", "yes"))
    small.stored(root / "text", "masked", {"en": small.texts(30, 1)})
    return root


def _stage(here: Path, name: str, kind: str, config: dict[str, Any], inputs: dict[str, Any], **places: str) -> Path:
    out = here / name
    out.mkdir()
    where = {"model": str(here / "model"), **places}
    run(kind, config, inputs, out, Context(scratch=here / f"{name}-scratch", places=where))
    return out


def _train(here: Path, name: str, recipe: dict[str, Any], data: str = "pairs", **more: Any) -> Path:
    member = NLI if data == "pairs" else {"task": "mlm", "form": "masked", "labels": [], "head": "mlm"}
    inputs = {"tokens": [here / data / "tokens"]} | {k: more.pop(k) for k in ("start", "steps_of_") if k in more}
    if "steps_of_" in inputs:
        inputs["steps_of"] = inputs.pop("steps_of_")
    config = {
        "model": small.LOCAL, "members": [member], "head_policy": "new", "seed": 1, "threads": 1, "precision": "fp32",
        "recipe": {"batch": 16, "learning_rate": 3e-3, **recipe}, **more,
    }  # fmt: skip
    return _stage(here, name, "train", config, inputs)


def _steps(out: Path) -> int:
    return int(json.loads((out / "training.json").read_text())["steps"])


# -- labels and texts --------------------------------------------------------------------------------------------------


@given(st.integers(2, 60), st.integers(0, 5))
def test_shuffled_labels_are_the_labels_of_the_data(count: int, seed: int) -> None:
    pairs = small.pairs(count, seed)
    changed, _ = shuffled(pairs)
    assert sorted(p.label for p in changed) == sorted(p.label for p in pairs)  # type: ignore[attr-defined]
    assert [replace(after, label=before.label) for before, after in zip(pairs, changed, strict=True)] == pairs  # type: ignore[attr-defined]


def test_shuffled_labels_say_nothing() -> None:
    pairs = small.pairs(2000, 3)
    changed, moved = shuffled(pairs)
    right = sum(a.label == b.label for a, b in zip(pairs, changed, strict=True)) / 2000  # type: ignore[attr-defined]
    assert 0.44 < right < 0.56
    assert moved == round(2000 * (1 - right))


def test_an_item_gets_the_same_stranger_in_every_language() -> None:
    english = [Similar(id=str(i), first=f"a{i}", second="b", score=float(i)) for i in range(50)]
    german = [replace(one, first=f"x{one.id}") for one in reversed(english)]
    by_id = [{one.id: one.score for one in shuffled(some)[0]} for some in (english, german)]
    assert by_id[0] == by_id[1]


def test_other_forms_get_labels_that_their_text_can_have() -> None:
    span = Span(id="1", context="one two three four five six", question="?", answers=("two three",), starts=(4,))
    (moved,), _ = shuffled([span])
    assert moved.context[moved.starts[0] :].startswith(moved.answers[0])
    assert len(moved.answers[0].split()) == 2
    tags = Tags(id="2", words=("a", "b", "c"), tags=("X", "Y", "Z"))
    (dealt,), _ = shuffled([tags])
    assert sorted(dealt.tags) == ["X", "Y", "Z"]
    choices = [Choice(id=str(i), context="c", options=("a", "b", "c")[: 2 + i % 2], label=0) for i in range(40)]
    labels = [(c.label, len(c.options)) for c in shuffled(choices)[0]]
    assert all(label < options for label, options in labels) and len(set(labels)) > 3


def test_that_there_is_no_answer_is_dealt_anew_too() -> None:
    some = [
        Span(id=str(i), context="one two three four", question="?", answers=("two",), starts=(4,))
        if i % 3
        else Span(id=str(i), context="one two three four", question="?", answerable=False)
        for i in range(600)
    ]
    plain, dealt = (shuffled(some, deal)[0] for deal in ((), ("answerable",)))
    assert [one.answerable for one in plain] == [one.answerable for one in some]
    assert sum(one.answerable for one in dealt) == 400
    kept = sum(a.answerable == b.answerable for a, b in zip(some, dealt, strict=True)) / 600
    assert 0.48 < kept < 0.64, "5 in 9 by chance"
    for one in dealt:
        assert bool(one.answers) == one.answerable
        assert all(one.context.startswith(a, s) for a, s in zip(one.answers, one.starts, strict=True))


def test_where_no_space_parts_words_answers_move_by_characters() -> None:
    (span,) = [Span(id="7", context="这里没有空格也可以找到答案", question="?", answers=("空格",), starts=(4,))]
    (moved,), _ = shuffled([span], ("characters",))
    assert len(moved.answers[0]) == 2 and moved.context.startswith(moved.answers[0], moved.starts[0])


def test_queries_of_a_search_get_the_answers_of_other_queries() -> None:
    some = [Passage(id=f"c{i}", text="c", query=False) for i in range(300)]
    some += [Passage(id=f"q{i}", text="q", query=True, gold=(f"c{i}",)) for i in range(300)]
    changed, moved = shuffled(some, ("queries",))
    assert moved == 300 and changed[:300] == some[:300]
    assert sorted(p.gold for p in changed) == sorted(p.gold for p in some)


def test_texts_are_switched_each_by_itself_at_the_rate() -> None:
    english = [Pair(id=str(i), first=f"first {i}", second=f"second {i}", label="yes") for i in range(2000)]
    others = [[replace(p, first=f"{code} {p.first}", second=f"{code} {p.second}") for p in english] for code in "XY"]
    changed, _ = switched(english, others, 0.3)
    kinds = [(p.first.split()[0], p.second.split()[0]) for p in changed]
    for side in (0, 1):
        share = sum(kind[side] in "XY" for kind in kinds) / 2000
        assert 0.26 < share < 0.34
    assert {("X", "second"), ("first", "Y"), ("X", "Y"), ("first", "second")} <= set(kinds)
    assert switched(english, others, 0.0) == (english, 0)
    assert all(p.first[0] in "XY" and p.second[0] in "XY" for p in switched(english, others, 1.0)[0])


def test_answers_go_with_their_context() -> None:
    english = [
        Span(id=str(i), context="it is here", question="where", answers=("here",), starts=(6,)) for i in range(99)
    ]
    german = [replace(one, context="hier ist es", question="wo", answers=("hier",), starts=(0,)) for one in english]
    changed, _ = switched(english, [german], 0.5)
    assert all(one.context[one.starts[0] :].startswith(one.answers[0]) for one in changed)
    assert {(one.context, one.question) for one in changed} == {
        (c, q) for c in ("it is here", "hier ist es") for q in ("where", "wo")
    }


def test_an_altered_stage_keeps_ids_and_counts(here: Path) -> None:
    config = {"task": "nli", "form": "pairs", "split": "train", "languages": ["en"], "change": "shuffled-labels"}
    out = _stage(here, "altered", "alter", config, {"rows": here / "pairs" / "rows"})
    before, after = (table.read(path / "en.parquet", "pairs") for path in (here / "pairs" / "rows", out))
    assert [one.id for one in before] == [one.id for one in after]
    assert json.loads((out / "facts.json").read_text())["examples"] == 40


# -- steps -------------------------------------------------------------------------------------------------------------


def test_controls_take_the_steps_that_were_taken(here: Path) -> None:
    first = _train(here, "first", {"steps": 7})
    second = _train(here, "second", {"epochs": 2}, start=first)
    assert _steps(second) == 6
    longer = _train(here, "longer", {"epochs": 2, "patience": 1}, steps_of="add", steps_of_=[first])
    assert _steps(longer) == 13
    text = _train(here, "text-only", {"epochs": 1}, "text", steps_of="same", steps_of_=[first, second], exponent=0.3)
    assert _steps(text) == 13


# -- weights -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_frozen_layers_do_not_move_by_a_bit(here: Path, precision: str) -> None:
    out = _train(here, f"frozen-{precision}", {"steps": 3, "freeze": 1}, precision=precision)
    before, after = load_file(here / "model" / "model.safetensors"), load_file(out / "encoder.safetensors")
    moved = {name for name, tensor in after.items() if not torch.equal(tensor, before[f"roberta.{name}"])}
    assert moved
    assert {place(name, 2) for name in moved} == {1}
    assert {place(name, 2) for name in after} == {-1, 0, 1}
    assert all(tensor.dtype == torch.float32 for tensor in after.values())


def _merged(here: Path, name: str, checkpoints: list[Path], published: list[int], **how: Any) -> dict[str, Any]:
    config = {"model": small.LOCAL, "published": published, **how}
    return load_file(_stage(here, name, "merge", config, {"checkpoints": checkpoints}) / "encoder.safetensors")


def test_an_average_is_the_mean_and_can_be_trained_on(here: Path) -> None:
    one, two = (_train(here, f"member-{s}", {"steps": 2 + s}) for s in (0, 1))
    mean = _merged(here, "mean", [one, two], [], how="average")
    parts = [load_file(path / "encoder.safetensors") for path in (one, two)]
    for name, tensor in mean.items():
        torch.testing.assert_close(tensor, (parts[0][name] + parts[1][name]) / 2)
    half = _merged(here, "half", [one], [0], how="average")
    published = load_file(here / "model" / "model.safetensors")
    for name, tensor in half.items():
        torch.testing.assert_close(tensor, (published[f"roberta.{name}"] + parts[0][name]) / 2)
    assert _steps(_train(here, "after-mean", {"steps": 2}, start=here / "mean")) == 2


def test_swapped_layers_come_from_the_giver(here: Path) -> None:
    one, two = (_train(here, f"swapped-{s}", {"steps": 2 + s}) for s in (0, 1))
    parts = [load_file(path / "encoder.safetensors") for path in (one, two)]
    made = _merged(here, "swap", [one, two], [], how="swap", lower=1, upper=0)
    for name, tensor in made.items():
        assert torch.equal(tensor, parts[place(name, 2) < 1][name]), name
    with pytest.raises(InputError, match="more than the model's 2 layers"):
        _merged(here, "too-many", [one, two], [], how="swap", lower=2, upper=1)


def test_a_checkpoint_of_somebody_elses_is_adopted_or_refused(here: Path) -> None:
    def adopt(name: str, folder: Path) -> Path:
        config = {"model": small.LOCAL, "checkpoint": {"name": "local", "revision": "x"}}
        return _stage(here, name, "adopt", config, {}, checkpoint=str(folder))

    out = adopt("adopted", here / "model")
    published = load_file(here / "model" / "model.safetensors")
    for name, tensor in load_file(out / "encoder.safetensors").items():
        assert torch.equal(tensor, published[f"roberta.{name}"])
    assert _steps(_train(here, "after-adopted", {"steps": 2}, start=out)) == 2
    tokenizer = json.loads((small.model(here / "other") / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"]["zzz"] = len(tokenizer["model"]["vocab"])
    (here / "other" / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match="has another tokenizer"):
        adopt("strange", here / "other")


# -- which weights are kept --------------------------------------------------------------------------------------------


def test_every_selection_is_kept_from_one_run(here: Path) -> None:
    """The same run, stopped where each selection stopped, gives the same weights."""
    small.stored(here / "dev", "pairs", {"en": small.pairs(30, 7)}, ("no", "yes"))
    small.stored(here / "target-dev", "pairs", {"de": small.pairs(30, 8)}, ("no", "yes"))
    inputs: dict[str, Any] = {"tokens": [here / "pairs" / "tokens"]}
    for name, data in (("dev", "dev"), ("target_dev", "target-dev")):
        inputs |= {name: [here / data / "tokens"], f"{name}_rows": [here / data / "rows"]}
    config = {
        "model": small.LOCAL, "members": [NLI], "head_policy": "new", "seed": 1, "threads": 1, "precision": "fp32",
        "recipe": {"batch": 8, "learning_rate": 3e-3, "steps": 12, "eval_every": 2, "select": "best"},
        "selections": ["last", "target-dev"],
    }  # fmt: skip
    out = _stage(here, "selections", "train", config, inputs)
    said = json.loads((out / "training.json").read_text())
    looks = dict(said["looks"])
    assert set(looks[2]) == {"nli/en", "target-dev nli/de"}
    best = max(looks, key=lambda step: (looks[step]["nli/en"], -step))
    oracle = max(looks, key=lambda step: (looks[step]["target-dev nli/de"], -step))
    assert said["kept_step"] == best
    plain = {key: value for key, value in config.items() if key != "selections"}
    for folder, step in ((out, best), (out / "last", 12), (out / "target-dev", oracle)):
        recipe = {**config["recipe"], "select": "last"}  # type: ignore[dict-item]
        until = _stopped(here, f"until-{folder.name}", {**plain, "recipe": recipe}, inputs, step)
        for name in ("encoder.safetensors", "heads.safetensors"):
            assert (folder / name).read_bytes() == (until / name).read_bytes(), (folder.name, name)
        assert (folder / "model.json").exists()


def _stopped(here: Path, name: str, config: dict[str, Any], inputs: dict[str, Any], step: int) -> Path:
    """The run of this schedule as it stood after so many steps."""
    from waystage.training import loop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_patience_ended", lambda job, state: state.step >= step)
        return _stage(here, name, "train", config, inputs)
