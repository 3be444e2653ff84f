"""How much memory a stage takes that trains or predicts, by formulas over the shape of the model: no torch, no network.

The formulas follow what the engine keeps: `training.weights` for what is trained, and for the activations the tensors
that autograd saves in each family's layer (tests/models/test_memory.py counts them). Bytes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from waystage.models.shapes import Linear, Shape

Tuning = Literal["full", "lora", "qlora"]

PROCESS = {"cpu": 430_000_000, "gpu": 900_000_000}  # python, torch and transformers; CUDA's own context and kernels
ANSWERS = 150_000_000  # on a CPU: examples, answers, and what reads and writes them
PASS = 4096  # tokens that are predicted at once (training.predict)
REMBERT = 1664  # width of the table with which it guesses tokens
PADDED = 1.08  # rows of attention's blocks per row of the stream, see docs/engine.md
FOUR_BITS = 0.516  # bytes of a weight in nf4 with its doubly quantised scales
HEAP = 2**25  # bytes up to which glibc takes an array from its heap, where what is freed stays between what is not
BLOCKS = {"rembert", "deberta"}  # families without an attention interface, which keep their scores
SOFTCAP = {"gemma2"}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is trained, on what. All of it is identity."""

    tuning: Tuning = "full"
    precision: str = "fp32"
    batch: int = 32  # units
    unit: int = 256  # tokens of the longest unit, all its sequences together
    length: int = 256  # tokens of the longest sequence
    head: str = "sequence"
    outputs: int = 3
    rows: int | None = None  # of the embedding table that the data uses; None: all are needed
    dropout: bool = False
    freeze: int = 0  # layers from below that are not trained, nor is the embedding then
    rank: int = 16
    targets: str | tuple[str, ...] = "all-linear"
    adapter_dropout: bool = False
    looks: bool = False  # at dev, on the way

    @property
    def vocabulary(self) -> bool:
        return self.head == "vocabulary"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How it runs. None of it is identity."""

    device: str = "gpu"
    shards: int = 1  # processes that hold a part of the weights each
    copies: int = 1  # processes that hold all of them; either way each has a part of the batch
    micro_tokens: int = 8192
    checkpointing: bool = False

    @property
    def processes(self) -> int:
        return self.shards * self.copies


@dataclass(frozen=True)
class Memory:
    """Of one device at the worst moment of a step; on a CPU of the process, loading and writing included."""

    weights: int
    frozen: int
    optimizer: int
    gradients: int
    activations: int
    logits: int
    gathered: int  # layers that are whole for a moment, where they are sharded
    rest: int
    gaps: int = 0  # in the heap of a process on a CPU

    @property
    def total(self) -> int:
        return sum(vars(self).values())


def adapter_parameters(shape: Shape, rank: int, targets: str | tuple[str, ...]) -> int:
    return shape.layers * sum(rank * (m.wide + m.high) for m in shape.linears if _has_one(m.name, m.attention, targets))


def _has_one(name: str, attention: bool, targets: str | tuple[str, ...]) -> bool:
    if isinstance(targets, str):
        return targets == "all-linear" or attention
    return any(f".{name}".endswith(f".{target}") for target in targets)


def head_parameters(shape: Shape, work: Work) -> int:
    d = shape.hidden
    if work.vocabulary:
        own = not shape.tied and work.tuning == "full"  # a table of its own; beside adapters it is not trained
        if shape.decoder or shape.family == "eurobert":
            return shape.table if own else 0
        width = REMBERT if own and shape.family == "rembert" else shape.width
        return d * width + 3 * width + shape.vocab + (shape.vocab * width if own else 0)
    outputs = {"option": 1, "span": 2, "embed": 0}.get(work.head, work.outputs)
    dense = d * d + d if work.head in ("sequence", "option") else 0
    return dense + outputs * (d + 1)


def tokens(work: Work, layout: Layout) -> int:
    """Most tokens that go through the model at once."""
    whole = -(-work.batch // layout.processes) * work.unit
    return min(whole, max(layout.micro_tokens, work.unit))


def memory(shape: Shape, work: Work, layout: Layout) -> Memory:
    c = 4 if work.precision == "fp32" else 2
    n = layout.shards
    whole = work.rows is None or work.vocabulary or work.freeze  # only a table that is trained is cut
    table = (shape.vocab if whole else min(work.rows or 0, shape.vocab)) * shape.width
    model = shape.backbone_parameters - shape.table + table
    heads = head_parameters(shape, work)
    upper = shape.layers - work.freeze  # below them nothing is kept for a backward pass
    if work.tuning == "full" and work.freeze:
        kept = 0 if work.vocabulary else heads
        trained = upper * shape.layer_parameters + heads
        below = shape.encoder_parameters - upper * shape.layer_parameters
        # in bf16 the embedding stays fp32, and so does what is put together from parts; a CPU keeps the layers as read
        frozen = 4 * (model - shape.encoder_parameters)
        frozen += below * (4 if c == 4 or n > 1 else 6 if layout.device == "cpu" else 2)
    elif work.tuning == "full":
        trained, frozen, kept = model + heads, 0, table + (0 if work.vocabulary else heads)
    else:
        adapters = adapter_parameters(shape, work.rank, work.targets)
        trained, kept = adapters + heads, heads
        frozen = _frozen(shape, model, work, c)
    copies = (trained - kept) * 2 if c == 2 else 0  # the bf16 ones that the model computes with
    learnt = work.tuning == "full" and not work.freeze  # the embedding
    in_place = table if layout.device == "cpu" and learnt else 0  # models.table
    of_pass = (trained if c == 4 else kept) * 4 + copies - 4 * in_place  # what one backward pass leaves behind
    t = tokens(work, layout)
    layer = sum(layer_bytes(shape, work, layout, t))
    saved = t * upper * shape.hidden * c + layer if layout.checkpointing else upper * layer
    ends = t * (6 * shape.hidden * c + (8 * shape.hidden if work.head in ("span", "token") else 0))
    working = t * c * (3 * shape.intermediate + 6 * shape.hidden)
    activations = int(saved + ends + working)
    logits = _logits(shape, work, t, c)
    of_table = 4 if work.freeze else 8 if work.tuning == "full" else c
    gathered = 2 * shape.layer_parameters * c + table * of_table if n > 1 else 0
    of_pass = of_pass // n + (shape.layer_parameters * c if n > 1 and work.tuning == "full" else 0)
    # Gradients of a pass fill up while its activations go: the larger of the two counts. What one layer is computed
    # again with is there to the end.
    going = activations - working - (layer if layout.checkpointing else 0)
    extra = int(max(0, of_pass - going - logits))
    found = Memory(
        weights=(4 * trained + copies) // n,
        frozen=frozen // n,
        optimizer=8 * trained // n,
        gradients=4 * trained // n + extra,
        activations=activations,
        logits=logits,
        gathered=gathered,
        rest=PROCESS[layout.device],
    )
    if layout.device != "cpu":
        return found
    share = _gaps(work, layout, t) if t * shape.hidden * c <= HEAP else 0.0
    return replace(_on_the_cpu(shape, work, found, table), gaps=int(share * activations))


def prediction(
    shape: Shape, *, tuning: Tuning = "full", precision: str = "fp32", device: str = "gpu", length: int = 256,
    vocabulary: bool = False,
) -> int:  # fmt: skip
    """Of a stage that only predicts: weights, and what one layer and the widest head need for one pass."""
    c = 4 if precision == "fp32" else 2
    model = shape.backbone_parameters
    if tuning == "full":  # the embedding table stays in fp32
        weights = c * (model - shape.table) + 4 * shape.table
    else:
        weights = _frozen(shape, model, Work(tuning=tuning), c)
    layer = PASS * c * (3 * shape.intermediate + 6 * shape.hidden + 3 * shape.heads * min(length, PASS))
    logits = 3 * PASS * shape.vocab * c if vocabulary else 0
    if device == "cpu":  # the file is mapped while its weights are copied, and read in fp32 first
        weights = max(weights, (8 if tuning == "full" else 6 if c == 2 else 4) * model) + ANSWERS
    return weights + layer + logits + PROCESS[device]


def _frozen(shape: Shape, model: int, work: Work, c: int) -> int:
    if work.tuning == "lora":
        return model * c
    matrices = shape.layers * sum(m.wide * m.high for m in shape.linears)
    return int(matrices * FOUR_BITS) + (model - matrices) * c


def _on_the_cpu(shape: Shape, work: Work, step: Memory, table: int) -> Memory:
    """There the pages of the model's file count too, and the process must load the model and write it.

    transformers maps the file. What is trained or rounded is copied out of it; the mapping lives on with the embedding
    table, which is put back whole at the end.
    """
    cut = table < shape.table
    read = 4 * (shape.backbone_parameters - shape.table + table)
    mapped = read if work.tuning == "full" and cut else 0
    loading = (6 if work.precision == "bf16" else 4) * shape.backbone_parameters if work.tuning != "full" else 0
    writing = 0
    if work.tuning == "full":
        writing = step.weights + step.frozen + 4 * shape.backbone_parameters
        writing += 4 * (shape.backbone_parameters + shape.table) if cut else 0
    running = step.total - step.rest + mapped
    answers = ANSWERS if work.looks else 0
    return replace(step, rest=step.rest + mapped + answers + max(0, max(loading, writing) - running))


def _gaps(work: Work, layout: Layout, t: int) -> float:
    """What lies free between what is in use, per byte of activations. Fitted to 14 measured stages of five shapes.

    Adapters, and layers that are computed again, make many arrays that soon go.
    """
    several = -(-work.batch // layout.processes) * work.unit > t  # passes in one step
    if layout.checkpointing:
        return 1.6
    if work.tuning != "full":
        return 0.85 * several + (0.65 if work.precision == "fp32" else 0.0)
    return 0.3 * several


def layer_bytes(shape: Shape, work: Work, layout: Layout, t: int) -> tuple[float, float]:
    """What autograd keeps of one layer for `t` tokens: in attention, and in the rest."""
    c = 4 if work.precision == "fp32" else 2
    cuda = layout.device == "gpu"
    mask = 1 if cuda or c == 4 else 2  # bytes that remember what dropout kept
    d, q, k, i = shape.hidden, shape.queries, shape.keys, shape.intermediate
    decoder = shape.decoder or shape.family == "eurobert"
    adapted = work.tuning != "full"
    softcap, blocks = shape.family in SOFTCAP, shape.family in BLOCKS
    ragged = cuda and c == 2 and not (work.dropout or softcap or blocks)
    scores = shape.heads * min(work.length, t)
    if ragged:
        attention = float((2 * q + 2 * k) * c)
    elif work.dropout and k == q and not (softcap or blocks):  # models.attend: probabilities and dropout's factors
        attention = PADDED * (3 * q + 2 * scores) * c
    elif work.dropout or softcap or blocks:
        attention = PADDED * (3 * q * c + scores * ((1 + softcap + work.dropout) * c + mask * work.dropout))
    else:
        attention = PADDED * 4 * q * c
    if shape.family == "deberta":  # what each token is to each of 512 relative positions, from both sides
        attention += (2 * 512 * (shape.heads + d / min(work.length, t)) + scores) * c + 8 * min(work.length, t)
    attention += q * c  # back in the stream, before the output matrix
    if decoder:
        norms, feed = _rms_norms(shape, c, adapted), 4 * i * c
    elif shape.family == "modernbert":
        norms, feed = 4 * d * c, (4 * c + (mask if work.dropout else 0)) * i
    else:
        norms, feed = (4 * c + (2 * mask if work.dropout else 0)) * d, 2 * i * c
    if adapted:
        feed += _beside_adapters(shape, work, c, mask)
    return t * attention, t * (norms + feed)


def _beside_adapters(shape: Shape, work: Work, c: int, mask: int) -> int:
    """What a layer with adapters keeps more, or less, than one whose matrices are trained, for one token.

    A frozen matrix does not need its input again. An adapter does; one with dropout what it dropped and which it was.
    """
    kept = 0
    for group in _inputs(shape):
        adapted = [m for m in group if _has_one(m.name, m.attention, work.targets)]
        kept += len(adapted) * work.rank * c
        if not adapted or work.adapter_dropout:
            kept -= group[0].wide * c
        if work.adapter_dropout:
            kept += sum(m.wide for m in adapted) * (c + mask)
    return kept


def _inputs(shape: Shape) -> list[list[Linear]]:
    """The matrices of a layer, those together that read the same."""
    every = shape.linears
    into, back = ([m for m in every if m.attention], [m for m in every if not m.attention])
    return [into[:-1], into[-1:], back[:-1], back[-1:]]


def _rms_norms(shape: Shape, c: int, adapted: bool) -> int:
    """Their input in fp32, what is normed (to train the norm's weight), and what comes out as a matrix' input."""
    gemma = shape.family.startswith("gemma")
    sandwich = shape.family in ("gemma2", "gemma3_text")
    within = shape.queries + shape.keys if shape.family in ("qwen3", "gemma3_text") else 0
    normed = 0 if adapted else (4 if gemma else c)
    return ((4 if sandwich else 2) * shape.hidden + within) * (4 + normed) + 2 * shape.hidden * c


def _logits(shape: Shape, work: Work, t: int, c: int) -> int:
    if not work.vocabulary:
        return 0
    asked = t if shape.decoder else int(0.15 * t)
    return asked * shape.vocab * c  # models.vocabulary keeps nothing else that is so wide
