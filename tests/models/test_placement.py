"""What fits where, and what a placement may never touch."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waystage.errors import InputError
from waystage.models.memory import Layout, Memory, Work, memory, prediction, tokens
from waystage.models.placement import GB, MICRO, Devices, choose, devices
from waystage.models.shapes import known

SEVEN = "meta-llama/Llama-2-7b-hf"
SEVENTY = "meta-llama/Llama-2-70b-hf"
WORK = Work(precision="bf16", rows=40_000)

works = st.builds(
    Work, tuning=st.sampled_from(["full", "lora", "qlora"]), precision=st.just("bf16"), batch=st.integers(1, 64),
    unit=st.sampled_from([64, 256, 1024]), length=st.sampled_from([64, 256]),
    head=st.sampled_from(["sequence", "token", "span", "embed", "vocabulary"]), rows=st.sampled_from([None, 40_000]),
    dropout=st.booleans(),
)  # fmt: skip
models = st.sampled_from(sorted(known()))


@given(models, works, st.sampled_from(["24GB", "80GB", "4x80GB", "2x8x80GB"]))
def test_a_placement_keeps_what_is_identity_and_says_how_it_would_fit(name: str, work: Work, said: str) -> None:
    where = devices(said)
    found = choose(known()[name], work, where)
    assert found.work == work
    assert found.layout.shards in where.groups
    assert found.fits == (found.memory.total <= 0.92 * where.memory)
    assert found.fits != bool(found.advice)
    assert found.passes * found.layout.shards * tokens(work, found.layout) >= work.batch * work.unit


@given(models, works, st.sampled_from([1, 2, 4, 8]), st.sampled_from([512, 2048, 8192]))
def test_memory_falls_with_shards_smaller_passes_and_activations_computed_again(
    name: str, work: Work, shards: int, micro: int
) -> None:
    shape = known()[name]
    layout = Layout(shards=shards, micro_tokens=micro)
    total = memory(shape, work, layout)
    assert all(size >= 0 for size in vars(total).values())
    assert memory(shape, work, replace(layout, micro_tokens=2 * micro)).total >= total.total
    assert memory(shape, work, replace(layout, checkpointing=True)).activations <= total.activations
    held = [
        m.weights + m.frozen + m.optimizer for m in (total, memory(shape, work, replace(layout, shards=2 * shards)))
    ]
    assert held[1] == pytest.approx(held[0] / 2, rel=1e-6, abs=8)


def test_what_is_cheapest_is_tried_first() -> None:
    roomy = choose(known()["xlm-roberta-large"], WORK, devices("80GB"))
    assert (roomy.layout.micro_tokens, roomy.layout.checkpointing, roomy.layout.shards) == (MICRO, False, 1)
    smaller = choose(known()[SEVEN], replace(WORK, tuning="qlora"), devices("24GB"))
    assert smaller.fits
    assert smaller.layout.micro_tokens < MICRO
    assert not smaller.layout.checkpointing
    sharded = choose(known()[SEVENTY], replace(WORK, tuning="lora"), devices("8x80GB"))
    assert sharded.fits
    assert sharded.layout.shards == 4
    across = choose(known()["codellama/CodeLlama-34b-hf"], WORK, devices("2x8x80GB"))
    assert (across.fits, across.layout.shards) == (True, 16)


def test_what_does_not_fit_says_what_to_write() -> None:
    assert 'adapter = { kind = "lora" }' in choose(known()[SEVEN], WORK, devices("24GB")).advice
    assert 'adapter = { kind = "qlora" }' in choose(known()[SEVENTY], WORK, devices("80GB")).advice
    assert 'devices = "80GB"' in choose(known()[SEVENTY], replace(WORK, tuning="qlora"), devices("24GB")).advice
    on_cpu = choose(known()[SEVEN], replace(WORK, tuning="qlora"), Devices(1, 1000 * GB, kind="cpu"))
    assert not on_cpu.fits
    assert "CUDA" in on_cpu.advice


def test_overrides_are_taken_as_they_are() -> None:
    found = choose(known()[SEVEN], replace(WORK, tuning="lora"), devices("80GB"), micro_tokens=1000, checkpointing=True)
    assert (found.layout.micro_tokens, found.layout.checkpointing) == (1000, True)


def test_the_arithmetic_adds_up() -> None:
    found = choose(known()[SEVEN], replace(WORK, tuning="lora"), devices("80GB"))
    terms, total = found.arithmetic().split(" = ")
    numbers = [float(term.rsplit(" ", 1)[1]) for term in terms.split(" + ")]
    assert sum(numbers) == pytest.approx(float(total.split()[0]), abs=0.05)


def test_weights_are_what_is_well_known() -> None:
    """16 bytes and 4 for gradients and copies per parameter tuned in bf16; 2 frozen ones; half a byte in 4 bits."""
    shape = known()[SEVEN]
    full, lora, qlora = (
        memory(shape, replace(WORK, tuning=kind, rows=None), Layout(micro_tokens=512))
        for kind in ("full", "lora", "qlora")
    )

    def held(m: Memory) -> float:
        return (m.weights + m.frozen + m.optimizer + m.gradients) / shape.backbone_parameters

    assert 18 <= held(full) <= 20
    assert 2 <= held(lora) <= 2.2
    assert 0.5 <= held(qlora) <= 0.7


def test_predicting_takes_the_weights_and_little_more() -> None:
    shape = known()[SEVEN]
    half = {kind: prediction(shape, tuning=kind, precision="bf16") for kind in ("full", "lora", "qlora")}
    assert 2 <= half["lora"] / shape.backbone_parameters <= 2.5  # the table too: it is frozen
    assert half["qlora"] < half["lora"] < half["full"] < prediction(shape, precision="fp32")
    for kind, needed in half.items():
        trained = memory(shape, replace(WORK, tuning=kind), Layout(micro_tokens=4096))
        assert needed < trained.total
    assert prediction(shape, device="cpu") > 2 * 4 * shape.backbone_parameters  # the file, and a copy


@pytest.mark.parametrize("text", ["", "eight", "80", "8x", "0GB", "0x80GB", "8*80GB", "-1x80GB", "80 TB"])
def test_devices_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="2x8x80GB"):
        devices(text)


def test_devices() -> None:
    assert devices("80GB") == devices(" 80 gb ") == Devices(1, 80 * GB)
    assert devices("8x80GB") == devices("8 x 80 GB") == Devices(8, 80 * GB)
    assert devices("2x8x80GB") == Devices(8, 80 * GB, nodes=2)
    assert str(devices("2x8x80GB")) == "2 machines of 8 x 80 GB"
    assert devices("cpu").kind == "cpu"
    assert devices("6x80GB").groups == [1, 2, 4, 6]
    assert devices("2x3x80GB").groups == [1, 2, 3, 6]
    assert devices("12x80GB").groups == [1, 2, 4, 8, 12]


def test_all_devices_of_a_machine_may_share_a_stage_also_where_they_are_six() -> None:
    work = replace(WORK, tuning="full")
    assert choose(known()["codellama/CodeLlama-34b-hf"], work, devices("12x80GB")).layout.shards == 12


def test_processes_have_all_weights_where_that_fits_and_else_parts() -> None:
    eight = devices("8x80GB")
    copies = choose(known()["xlm-roberta-large"], WORK, eight, processes=4)
    assert (copies.layout.copies, copies.layout.shards, copies.layout.processes) == (4, 1, 4)
    assert "4 processes with all weights" in copies.choice()
    assert copies.passes * 4 * tokens(WORK, copies.layout) >= WORK.batch * WORK.unit
    parts = choose(known()[SEVEN], WORK, eight, processes=4)
    assert (parts.layout.copies, parts.layout.shards) == (1, 4)
    assert parts.fits
    assert "sharded over 4" in parts.choice()
    four_bits = choose(known()[SEVENTY], replace(WORK, tuning="qlora"), eight, processes=4)
    assert (four_bits.layout.copies, four_bits.layout.shards) == (4, 1)
    few = choose(known()["xlm-roberta-large"], WORK, devices("80GB"), processes=4)
    assert few.layout.processes == 1


def test_processes_share_the_memory_of_a_processor() -> None:
    shape = known()["xlm-roberta-large"]
    one = choose(shape, WORK, Devices(1, 100 * GB, kind="cpu"))
    room = Devices(1, int(1.2 * one.memory.total / 0.92), kind="cpu")
    assert choose(shape, WORK, room).layout.micro_tokens == one.layout.micro_tokens
    two = choose(shape, WORK, room, processes=2)
    assert two.fits
    assert 2 * two.memory.total <= 0.92 * room.memory


def test_what_is_said_of_the_layout_goes_before_what_is_identity() -> None:
    work = replace(WORK, tuning="lora")
    found = choose(known()[SEVEN], work, devices("24GB"), checkpointing=False)
    assert not found.fits
    assert found.advice.startswith("without checkpointing in [placement] it fits, with the same result: lora, bf16")
    assert "qlora" in choose(known()[SEVENTY], work, devices("80GB"), micro_tokens=8192).advice


def test_layers_that_are_frozen_are_no_weights_to_train() -> None:
    shape = known()["xlm-roberta-large"]
    whole, upper = (memory(shape, replace(WORK, freeze=layers), Layout()) for layers in (0, 18))
    learnt = 6 * shape.layer_parameters
    assert upper.optimizer == pytest.approx(8 * learnt, rel=0.02)
    assert upper.activations < whole.activations / 3
    assert upper.frozen == pytest.approx(4 * shape.table + 2 * 18 * shape.layer_parameters, rel=0.01)
    lean = memory(shape, replace(WORK, freeze=24), Layout(device="cpu"))
    assert lean.optimizer < 0.01 * whole.optimizer


def test_a_contrast_is_cut_as_any_other_batch() -> None:
    """Its vectors are made first, then each part goes through the model once more."""
    work = replace(WORK, head="embed", batch=128, unit=512)
    assert [tokens(work, Layout(micro_tokens=micro)) for micro in (2048, 8192)] == [2048, 8192]
    assert choose(known()["xlm-roberta-large"], work, devices("80GB")).layout == Layout()


def test_passes_of_one_step_are_those_of_one_process() -> None:
    work = replace(WORK, precision="fp32", tuning="lora", batch=16, unit=128)
    alone, half = (memory(known()["xlm-roberta-base"], replace(work, batch=b), Layout(device="cpu", copies=c,
                   micro_tokens=1024)) for b, c in ((8, 1), (16, 2)))  # fmt: skip
    assert half.gaps == alone.gaps


def test_looks_at_dev_take_memory_of_a_processor() -> None:
    shape = known()["standin-s"]
    plain, looking = (memory(shape, replace(WORK, looks=looks), Layout(device="cpu")).total for looks in (False, True))
    assert looking - plain == 150_000_000
    assert memory(shape, replace(WORK, looks=True), Layout()) == memory(shape, WORK, Layout())
