"""What a stage will cost: measured on this store before, or computed from the shape of model and data.

The computed figures are for planning: right within a factor of two or so. Each says what it rests on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from statistics import median
from typing import Any, Literal

from waystage import tasks as task_table
from waystage.graph import canonical
from waystage.graph.stage import Stage
from waystage.models import placement, shapes
from waystage.models.memory import Tuning, head_parameters, prediction
from waystage.models.placement import Devices, Placement
from waystage.study import placed
from waystage.study.scale import Placing

# Tokens of a typical example of each form, before anything is cut; the second was measured in rehearsals.
TYPICAL = {"pairs": 45, "choice": 180, "spans": 230, "tags": 35, "similarity": 35, "retrieval": 30, "masked": 128}
IN_THE_WORLD = {"pairs": 33, "choice": 150, "spans": 60, "tags": 20, "similarity": 30, "retrieval": 40, "masked": 100}
UNKNOWN_SIZE = 10_000
# Useful operations per second. GPU: 40 % of what an A100 can, 312 TFLOP/s in bf16 and 19.5 in fp32, which torch leaves
# as it is. CPU: what small shapes reach per thread.
RATES = {"gpu-bf16": 125e12, "gpu-fp32": 7.8e12, "cpu-bf16": 150e9, "cpu-fp32": 50e9}

Known = Literal["measured", "computed"]


@dataclass(frozen=True)
class Estimate:
    seconds: float
    memory: int  # bytes, the peak
    disk: int  # bytes of the artifact
    device: str  # "gpu" or "cpu": what the seconds are for
    known: Known
    placement: Placement | None = None  # of a training stage whose model's shape is known
    processes: int = 1  # that share the stage, each on a device of its own
    sharded: bool = False  # each holds a part of the weights

    @property
    def devices(self) -> int:
        """How many of them at once."""
        return self.processes


@dataclass(frozen=True)
class Measured:
    """What stages of one sort took on this store."""

    seconds: float
    memory: int
    disk: int
    runs: int


def estimate(
    stage: Stage,
    history: Mapping[tuple[str, ...], Measured],
    placing: Placing = Placing(),  # noqa: B008
    here: Devices | None = None,
) -> Estimate:
    """`placing`: what the study says of devices; `here`: the GPUs of this machine, where it says nothing."""
    computed = _train(stage, placing, here) if stage.kind == "train" else _computed(stage, placing, here)
    inputs = {name: [one.fingerprint for one in _several(stage.inputs.get(name))] for name in SIZES}
    shared = computed.processes if stage.kind == "train" else 1  # what predicts does not tell how many did
    found = history.get((*sort_of(stage.kind, stage.config, inputs), computed.device, str(shared)))
    if found is None:
        return computed
    # What was measured is the memory of the process: on an accelerator that is not what the stage takes of it.
    memory = found.memory if computed.device == "cpu" else computed.memory
    return replace(computed, seconds=found.seconds, memory=memory, disk=found.disk, known="measured")


WORK = (
    "steps", "epochs", "examples", "batch", "max_length", "consistency", "freeze", "adapter", "dropout", "eval_every",
    "eval_examples", "patience",
)  # fmt: skip
BESIDE = (
    "steps_of", "examples", "change", "split", "precision", "threads", "sampling", "replay", "layer", "sweep",
    "selections",
)  # fmt: skip
SIZES = ("tokens", "steps_of")  # inputs that say how much there is to do


def sort_of(kind: str, config: Mapping[str, Any], inputs: Mapping[str, Any]) -> tuple[str, ...]:
    """Stages that differ only in their seed, or in what they start from, cost the same. `inputs`: fingerprints."""
    model = config.get("model", config.get("tokenizer", {}))
    name = str(model.get("revision" if model.get("name") == "local" else "name", ""))  # all folders are called so
    tasks = [member["task"] for member in config["members"]] if "members" in config else [str(config.get("task", ""))]
    recipe = dict(config.get("recipe", {}))
    if recipe.get("adapter"):  # where a stage starts from nothing there is no chain
        recipe["adapter"] = {key: value for key, value in recipe["adapter"].items() if key != "chain"}
    work = [canonical.text(recipe.get(key)) for key in WORK]  # a manifest has the keys of a table in another order
    work += [canonical.text(config.get(key)) for key in BESIDE]
    languages = str(len(config.get("only", config.get("languages", ()))))
    counted = recipe.get("steps") is not None and "steps_of" not in config  # then data of any size takes as long
    sizes = () if counted else (one for key in SIZES for one in _several(inputs.get(key)))
    return (kind, name, "+".join(tasks), languages, *work, *sizes)


def _several(given: Any) -> tuple[Any, ...]:
    """An input may be nothing, one thing, or several."""
    return () if given is None else tuple(given) if isinstance(given, list | tuple) else (given,)


def history(records: Iterable[Mapping[str, Any]]) -> dict[tuple[str, ...], Measured]:
    """From manifests of finished stages: by their sort, and by what they ran on."""
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for record in records:
        stage = record["stage"]
        device = "gpu" if str(record.get("device", "")).startswith("cuda") else "cpu"
        sort = sort_of(stage["kind"], stage["config"], stage.get("inputs", {}))
        shared = (record.get("facts") or {}).get("processes", 1) if stage["kind"] == "train" else 1
        groups.setdefault((*sort, device, str(shared)), []).append(record)
    return {
        sort: Measured(
            seconds=median(r["seconds"] for r in group),
            memory=max(r.get("peak_memory") or 0 for r in group),
            disk=max(sum(f["size"] for f in r["files"]) for r in group),
            runs=len(group),
        )
        for sort, group in groups.items()
    }


def _computed(stage: Stage, placing: Placing, here: Devices | None) -> Estimate:
    config = stage.config
    if stage.kind == "rows":
        count = _examples(stage)
        return Estimate(0.1 + count / 20_000, 300_000_000, count * 250, "cpu", "computed")
    if stage.kind == "tokens":
        count = _counted(stage)
        tokens = count * _tokens(stage)
        return Estimate(0.1 + tokens / 300_000, 400_000_000, tokens * 5, "cpu", "computed")
    if stage.kind == "alter":
        count = _examples(_input(stage, "rows"))
        return Estimate(0.1 + count / 20_000, 500_000_000, count * 250, "cpu", "computed")
    if stage.kind == "translate":
        return _translation(stage)
    shape = shapes.shape(stage.places.get("model", config["model"]["name"]))
    encoder, parameters = (shape.encoder_parameters, shape.parameters) if shape else UNKNOWN_MODEL
    if stage.kind in ("adopt", "merge"):
        return Estimate(_loading(parameters) + parameters / 1e8, parameters * 12, parameters * 4, "cpu", "computed")
    where = placed.devices(shape, placing, here) if shape else None
    device = where.kind if where else _unknown(placing)
    rate = _rate(device, config)
    tokens_stage = _input(stage, "tokens")
    count = _examples(_input(stage, "rows"))
    if "only" in config:
        count = count * len(config["only"]) // len(config["languages"])
    tokens = count * _tokens(tokens_stage)
    processes, sharded, memory = placing.processes or 1, False, parameters * 4 + 1_000_000_000
    if shape and where:
        memory = _predicting(stage, shape, device)
        processes, sharded = placed.sharing(memory, tuning(stage), where, placing)
    return Estimate(
        seconds=_loading(parameters) + 2 * encoder * tokens / (rate * processes),
        memory=memory // processes + placed.SPARE if sharded else memory,
        disk=count * 200,
        device=device,
        known="computed",
        processes=processes,
        sharded=sharded,
    )


def tuning(stage: Stage) -> Tuning:
    """How a stage trains, or how that was trained which it predicts with."""
    checkpoint = stage.inputs.get("checkpoint", stage)
    recipe = checkpoint.config.get("recipe", {}) if isinstance(checkpoint, Stage) else {}
    kind: Tuning = (recipe.get("adapter") or {}).get("kind", "full")
    return kind


def _predicting(stage: Stage, shape: shapes.Shape, device: str) -> int:
    return prediction(
        shape,
        tuning=tuning(stage),
        precision=stage.config["precision"],
        device=device,
        length=int(_input(stage, "tokens").config["max_length"]),
        vocabulary=stage.config["form"] == "masked",
    )


UNKNOWN_MODEL = (85_000_000, 280_000_000)  # layers and all: the base size, where nobody knows the shape
# Operations per parameter and token: forward 2, gradients of activations 2, of weights 2.
OPERATIONS = {"full": 6, "lora": 4, "qlora": 4}


def _rate(device: str, config: Mapping[str, Any]) -> float:
    threads = 1.0 if device == "gpu" else float(config.get("threads", 1))
    return RATES[f"{device}-{config['precision']}"] * threads


def _unknown(placing: Placing) -> str:
    """Where a model of unknown shape runs."""
    return placement.devices(placing.devices).kind if placing.devices else "gpu"


def _train(stage: Stage, placing: Placing, here: Devices | None) -> Estimate:
    config = stage.config
    seen, per_example, _ = _trained_on(stage)
    shape = shapes.shape(stage.places.get("model", config["model"]["name"]))
    if shape is None:
        encoder, parameters = UNKNOWN_MODEL
        device = _unknown(placing)
        rate = _rate(device, config)
        seconds = _loading(parameters) + 6 * encoder * seen * per_example / rate
        return Estimate(seconds, parameters * 20, parameters * 4, device, "computed", processes=placing.processes or 1)
    found = placed.placed(stage, placing, here=here)
    assert found is not None
    device = found.layout.device
    rate = _rate(device, config)
    back = OPERATIONS[found.work.tuning] - 2 + (2 if found.layout.checkpointing else 0)
    operations = 2 + back * (1 - found.work.freeze / shape.layers)
    readings = 2 if config["recipe"].get("consistency") else 1
    work = operations * shape.encoder_parameters * seen * per_example * readings
    kept = placement.trained(shape, found.work) + head_parameters(shape, found.work)
    carried = shape.backbone_parameters if _carries_a_model(stage) else 0
    return Estimate(
        seconds=_loading(shape.parameters) + work / (rate * found.layout.processes),
        memory=found.memory.total,
        disk=(kept + carried) * 4 * (1 + len(config.get("selections", ()))),
        device=device,
        known="computed",
        placement=found,
        processes=found.layout.processes,
        sharded=found.layout.shards > 1,
    )


def _carries_a_model(stage: Stage) -> bool:
    """An adapter over weights that a stage before it changed keeps these beside it: nobody could publish them."""
    start = stage.inputs.get("start")
    if not isinstance(start, Stage) or tuning(stage) == "full":
        return False
    return start.kind != "train" or tuning(start) == "full" or _carries_a_model(start)


def _trained_on(stage: Stage) -> tuple[float, int, int]:
    """Examples seen in all, tokens of each, and the batch."""
    recipe = stage.config["recipe"]
    members = _several(stage.inputs["tokens"])
    share = (stage.config.get("replay") or {}).get("mlm", 0.0)  # of batches; beside it, running text has no epochs
    tasks = [m for m in members if not share or m.config["form"] != "masked"]
    counts = [_counted(m) for m in tasks]
    cap = stage.config.get("sampling", {}).get("cap")
    size = sum(min(count, cap or count) for count in counts) / (1 - share)
    per_example = sum(c * _tokens(m) for c, m in zip(counts, tasks, strict=True)) // max(1, sum(counts))
    if share:
        text = next(m for m in members if m.config["form"] == "masked")
        per_example = round((1 - share) * per_example + share * _tokens(text))
    batch = recipe.get("batch", 32)
    seen = recipe["steps"] * batch if recipe.get("steps") is not None else recipe.get("epochs", 1) * size
    matched = _several(stage.inputs.get("steps_of"))
    if matched:
        parts = [_trained_on(one) for one in matched]
        others = sum(theirs * batch / their_batch for theirs, _, their_batch in parts)
        seen = others + (seen if stage.config["steps_of"] == "add" else 0)
    return seen, per_example, batch


def _loading(parameters: int) -> float:
    """Seconds until a worker has the model: it has imported its libraries before."""
    return min(0.3 + parameters / 1e8, 30.0)


def _tokens(stage: Stage) -> int:
    """Of a typical example, as a `tokens` stage makes it."""
    config = stage.config
    typical = (IN_THE_WORLD if _artificial(stage) else TYPICAL).get(config["form"], 100)
    return min(typical, config.get("max_length") or typical) if config["form"] != "spans" else typical


def _artificial(stage: Stage) -> bool:
    """Whether the rows come from the built-in world, whose sentences are short."""
    while stage.kind != "rows":
        stage = _several(stage.inputs["rows"])[0]
    return bool(stage.config["source"]["kind"] == "world")


def _counted(tokens: Stage) -> int:
    """Examples of a `tokens` stage, whose rows may come from several stages."""
    return sum(_examples(one, tokens.config.get("examples")) for one in _several(tokens.inputs["rows"]))


def _translation(stage: Stage) -> Estimate:
    """By a model of 600 million parameters; writing word after word reaches about 2 % of what training reaches."""
    count = _examples(_input(stage, "rows"), stage.config.get("examples"))
    if stage.config["translator"]["kind"] == "world":
        return Estimate(1 + count / 150, 500_000_000, count * 250, "cpu", "computed")
    tokens = count * TYPICAL.get(stage.config["form"], 100)
    return Estimate(30 + 2 * 600e6 * tokens / (RATES["gpu-bf16"] * 0.02), 4_000_000_000, count * 250, "gpu", "computed")


def _examples(rows: Stage, limit: int | None = None) -> int:
    if rows.kind != "rows":
        return _examples(_input(rows, "rows"), rows.config.get("examples", limit))
    config = rows.config
    each = config.get("limit") or _official(config["task"], config["split"], config["languages"])
    return min(each, limit or each) * len(config["languages"])


def _official(task: str, split: str, languages: list[str]) -> int:
    if task not in task_table.names():
        return UNKNOWN_SIZE
    declared = task_table.get(task)
    if declared.members:
        return sum(_official(member, split, languages) for member in declared.members)
    split = {"fit": "train", "held": "train"}.get(split, split)
    for copy in (*declared.hub, *declared.files):
        for key in (f"{split}/{languages[0]}", split):
            if key in copy.rows:
                return copy.rows[key]
    return UNKNOWN_SIZE if split == "train" else 2000


def _input(stage: Stage, name: str) -> Stage:
    found = stage.inputs[name]
    assert isinstance(found, Stage)
    return found
