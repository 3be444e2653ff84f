"""Fine-tune a model on one task or a mixture of tasks; keep the encoder, the heads and the curve.

config: model, members [{task, form, labels, options, head}], head_policy ("new" | "keep"), recipe, seed, threads,
precision; for mixtures sampling, and replay {mlm, exponent} which gives the members of the form `masked` their share;
exponent, where the members are of the form `masked` alone; steps_of, see `_steps`; selections ("last", "source-dev",
"target-dev"): the weights that each would have kept, in folders of their names beside those that the recipe keeps.
language_head ("published"): on running text, where the published head was once not read or not capped; tells the stages
apart. Members that name the same `head` share it. recipe.freeze keeps the embedding and so many layers from below.
"""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from waystage.errors import InputError, StageError
from waystage.forms import masked, retrieval, tags
from waystage.graph import manifest
from waystage.stages import Context, Inputs
from waystage.stages.members import Said, encoded, examples, fitting, found_again, headline, named, said

if TYPE_CHECKING:
    from torch import Tensor, nn

    from waystage.models.adapters import Chain
    from waystage.models.backbone import Backbone
    from waystage.training.loop import Job, Member, Trained
    from waystage.training.network import Network
    from waystage.training.ranks import Ranks

VERSION = 3
MICRO = 8192  # tokens that go through the model at once, halved when memory does not suffice


def run(config: dict[str, Any], inputs: Inputs, out: Path, context: Context) -> dict[str, Any]:
    from waystage.training import checkpoint, setup
    from waystage.training.ranks import StartAgain, together

    setup.threads(config["threads"])
    with together(context.seat, context.device) as ranks:
        micro = ranks.told(checkpoint.micro_tokens(context.scratch, context.micro_tokens or MICRO))
        while True:
            try:
                return _run(config, inputs, out, context, micro, ranks)
            except (MemoryError, RuntimeError) as problem:
                if not _out_of_memory(problem):
                    raise
                _can_halve(config, micro, problem)
                micro //= 2
                said = f"out of memory: starting again with micro-batches of {micro} tokens"
                checkpoint.keep_micro_tokens(context.scratch, micro)
                if ranks.size > 1:  # the others wait for this one in the middle of a step
                    raise StartAgain(said) from problem
                context.log(said)


def _run(
    config: dict[str, Any], inputs: Inputs, out: Path, context: Context, micro: int, ranks: Ranks
) -> dict[str, Any]:  # fmt: skip
    from waystage.training import loop, setup
    from waystage.training.network import Network

    tokens = _folders(inputs, "tokens")
    tasks = [said(member, folder) for member, folder in zip(config["members"], tokens, strict=True)]
    chain = _chain(config, inputs, context)
    backbone = _backbone(config, inputs, context, chain)
    _smooth(config, backbone, tasks)
    if context.checkpointing:
        backbone.forget_activations()
    heads = _heads(config, tasks, inputs, backbone, context)
    network = Network(backbone, heads)
    members = _members(config, tasks, tokens, context, causal=backbone.family.causal)
    for member in members:
        languages = zip(member.corpus.names, member.corpus.parts, strict=True)
        fitting(backbone, member.name, languages, running_text=member.vocabulary is not None)
    tuned = not any(link.state == "live" for link in chain)
    lower = config["recipe"].get("freeze")
    whole = None if lower else _cut(backbone, members, _folders(inputs, "dev") + _folders(inputs, "target_dev"))
    if not tuned:
        whole = None  # never written: it would only take room
        _freeze(network)
    fixed = _freeze_lower(backbone, lower, config["precision"], tuned, ranks) if lower else {}
    if not any(p.requires_grad for p in network.parameters()):
        raise InputError(
            f"recipe.freeze = {lower} leaves nothing to train: this head has no weights. Freeze fewer layers"
        )
    setup.place(network, context.device, ranks, precision=config["precision"])
    if config["precision"] == "bf16":
        setup.half(backbone)
    job = _job(config, inputs, network, members, tasks, context, micro)
    done = loop.train(job)

    done.weights.shed()

    def write(to: Path, done: Trained) -> None:
        weights = done.weights.named()
        encoder = _encoder(job, weights, fixed, ranks) if tuned else {}
        if not ranks.first:
            return
        if tuned:
            _write_encoder(to, job, done, encoder, whole)
        else:
            _write_adapters(to, config, chain, weights, _start(inputs))
        _write_heads(to, config, tasks, job, weights, chain if not tuned else ())

    write(out, done)
    if ranks.first:
        _write_training(out, job, done)
    for name, (step, flat) in done.others.items():
        done.weights.take(flat)
        write(out / name, replace(done, step=step))
    context.log(f"kept the weights of step {done.step}")
    return done.facts


def _folders(inputs: Inputs, name: str) -> list[Path]:
    found = inputs.get(name) or []
    return [found] if isinstance(found, Path) else found


def _start(inputs: Inputs) -> Path | None:
    start = inputs.get("start")
    assert not isinstance(start, list)
    return start


def _chain(config: dict[str, Any], inputs: Inputs, context: Context) -> Chain:
    from waystage.models import adapters

    asked = config["recipe"].get("adapter")
    chain = adapters.for_training(_start(inputs), asked)
    for link in chain:
        context.log(f"adapter: {link.state}, {link.kind} of rank {link.rank}{' (new)' if not link.source else ''}")
    return chain


def _backbone(config: dict[str, Any], inputs: Inputs, context: Context, chain: Chain) -> Backbone:
    from waystage.models import load

    return load.backbone(
        config["model"], context.places, dropout=config["recipe"].get("dropout"), start=_start(inputs), chain=chain,
        seed=config["seed"], precision=config["precision"], device=context.device,
    )  # fmt: skip


def _smooth(config: dict[str, Any], backbone: Backbone, tasks: list[Said]) -> None:
    recipe = config["recipe"]
    backbone.smoothing.share = float(recipe.get("smoothing", 0.0))
    if not recipe.get("consistency"):
        return
    for task in tasks:
        if task.form is retrieval:
            raise InputError(
                f"task {task.task!r} is a search, which compares examples with each other: `consistency` has no second "
                "reading of one example to compare. Leave it out of the recipe"
            )
    drops = backbone.drops or (recipe.get("adapter") or {}).get("dropout")
    if not backbone.smoothing.share and not drops:
        raise InputError(
            f"consistency = {recipe['consistency']} compares a reading with itself: {config['model']['name']!r} has no "
            "dropout. Say smoothing = 0.1, or a dropout"
        )


def _freeze(network: Network) -> None:
    """Beside an adapter only small heads are trained: not the embedding table, nor a decoder's output table."""
    network.backbone.embedding.weight.requires_grad_(False)
    for head in network.heads.values():
        table = getattr(head, "table", None)
        if table is not None:
            table.requires_grad_(False)


def _freeze_lower(
    backbone: Backbone, count: int, precision: str, tuned: bool, ranks: Ranks
) -> dict[str, Tensor]:  # fmt: skip
    """The embedding and the lowest layers are not trained. Gives them as they were, where they compute in bf16.

    Where the weights are in parts they stay fp32: layers are rounded when they are put together.
    """
    from waystage.models.layers import lower

    if not tuned:
        raise InputError("recipe.freeze and recipe.adapter exclude each other: under an adapter every layer is frozen")
    fixed = {}
    for name, parameter in lower(backbone.model, count, int(backbone.config.num_hidden_layers)):
        parameter.requires_grad_(False)
        if precision == "bf16" and parameter is not backbone.embedding.weight and not ranks.sharded:
            fixed[name] = parameter.data
            parameter.data = parameter.data.bfloat16()
    return fixed


def _heads(
    config: dict[str, Any], tasks: list[Said], inputs: Inputs, backbone: Backbone, context: Context
) -> dict[str, nn.Module]:
    from waystage.models import load
    from waystage.models.families import head_dropout
    from waystage.models.heads import make

    drop = head_dropout(backbone.config)
    made: dict[str, nn.Module] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for task in tasks:
        head = task.head
        before = made.get(task.head_name)
        if before is not None:
            if (before.kind, before.size) != (head.kind, head.size):
                raise InputError(
                    f"{task.task!r} cannot share the head {task.head_name!r}: it needs {head.kind} ({head.size}), "
                    f"that one is {before.kind} ({before.size}). Give it a head of its own."
                )
            if labels[task.head_name] != task.labels:
                raise InputError(
                    f"{task.task!r} cannot share the head {task.head_name!r}: its labels are {', '.join(task.labels)}, "
                    f"those of that one {', '.join(labels[task.head_name])}. Declare the same labels in one order, "
                    "or give it a head of its own."
                )
        elif head.kind == "vocabulary":
            path = load.folder(config["model"], context.places)
            made[task.head_name] = load.vocabulary_head(backbone, path, seed=config["seed"], log=context.log)
        else:
            made[task.head_name] = make(head, backbone, drop=drop, seed=config["seed"], name=task.head_name)
        labels.setdefault(task.head_name, task.labels)
    start = _start(inputs)
    if config.get("head_policy", "new") == "keep":
        if start is None:
            raise InputError('head_policy = "keep" needs a stage to keep the heads from, but this one starts anew')
        _keep(made, labels, start)
    return made


def _keep(heads: dict[str, nn.Module], labels: dict[str, tuple[str, ...]], start: Path) -> None:
    """The head of the same name, or else the only one of the same kind and size."""
    from safetensors.torch import load_file

    from waystage.training.network import key

    described = json.loads((start / "model.json").read_text(encoding="utf-8"))["heads"]
    stored = load_file(start / "heads.safetensors")
    for name, head in heads.items():
        fitting = [n for n, d in described.items() if (d["kind"], d["size"]) == (head.kind, head.size)]
        chosen = name if name in fitting else fitting[0] if len(fitting) == 1 else None
        if chosen is None:
            raise InputError(
                f'head_policy = "keep", but the stage before has no one head that fits {name!r} '
                f"({head.kind}, size {head.size}); it has {', '.join(described) or 'none'}"
            )
        mine = f"{key(chosen)}."
        weights = {k.removeprefix(mine): v for k, v in stored.items() if k.startswith(mine)}
        theirs = list(described[chosen]["labels"])
        if theirs != list(labels[name]) and sorted(theirs) == sorted(labels[name]):  # the same ones in another order
            rows = [theirs.index(label) for label in labels[name]]
            weights |= {part: weights[part][rows] for part in ("out.weight", "out.bias")}
        head.load_state_dict(weights, strict=False)


def _members(
    config: dict[str, Any], tasks: list[Said], tokens: list[Path], context: Context, *, causal: bool
) -> tuple[Member, ...]:  # fmt: skip
    from waystage.models import load
    from waystage.training.corpus import Corpus, labels_of
    from waystage.training.loop import Member

    members = []
    for task, folder in zip(tasks, tokens, strict=True):
        vocabulary = None
        exponent = 1.0
        if task.form is masked:
            if config["model"].get("attention") == "bidirectional":
                raise InputError(
                    f'task {task.task!r} asks a decoder for the next token, which attention = "bidirectional" shows '
                    'it. Train on running text with attention = "causal"'
                )
            vocabulary = dict(masked.vocabulary(load.tokenizer(config["model"], context.places)))
            if causal:
                vocabulary["mask_id"] = None  # a decoder is asked for the next token, also where its tokenizer has one
            elif vocabulary["mask_id"] is None:
                raise InputError(
                    f"task {task.task!r} hides words of running text, but the tokenizer of {config['model']['name']!r} "
                    f"has no mask token ({', '.join(masked.MASKS)}). Leave out the replay for this model"
                )
            exponent = float((config.get("replay") or config).get("exponent", 1.0))
        if task.form is tags and causal and config["model"].get("attention") != "bidirectional":
            _read_to_the_end(task.task, folder, config["model"]["name"])
        corpus = Corpus.load(folder, exponent=exponent, labels_of=labels_of(task.head.kind))
        if not len(corpus):
            raise InputError(f"task {task.task!r} has no example that can be trained on in {folder}")
        if task.form not in (masked, retrieval) and all(part.labels is None for part in corpus.parts):
            raise InputError(f"task {task.task!r} has no example with a label to train on in {folder}: all are hidden")
        if task.form is retrieval and any(part.labels is None for part in corpus.parts):
            raise InputError(
                f"task {task.task!r} is a search, which is trained on pairs of a query and its answer, but its tokens "
                "are single texts. Give the stage that makes them the option paired = true."
            )
        members.append(Member(task.task, task.head_name, task.form, corpus, vocabulary, named(folder)))
    return tuple(members)


def _read_to_the_end(task: str, tokens: Path, model: str) -> None:
    """A decoder has read a word only at its last piece; a plan that does not know the model takes it for an encoder."""
    if not (tokens / manifest.NAME).exists():
        return  # not from a store
    options = manifest.load(tokens / manifest.NAME)["stage"]["config"].get("options") or {}
    if options.get("label_piece") != "last":
        raise InputError(
            f"task {task!r} is labelled at the first piece of each word, where a decoder has not read the word yet: "
            f"the plan did not know that {model!r} is a decoder. Fetch it and name its folder (models = ['./FOLDER']), "
            "whose config.json a plan can read"
        )


def _cut(backbone: Backbone, members: tuple[Member, ...], dev: list[Path]) -> Tensor | None:
    """Where no language model needs the whole vocabulary, train only the embedding rows that the data uses."""
    import numpy as np

    from waystage.training.corpus import Corpus

    if any(member.vocabulary is not None for member in members):
        return None
    used = np.zeros(backbone.embedding.num_embeddings, bool)
    for member in members:
        member.corpus.mark(used)
    for folder in dev:
        Corpus.load(folder).mark(used)
    return backbone.cut(np.flatnonzero(used))


def _job(
    config: dict[str, Any], inputs: Inputs, network: Network, members: tuple[Member, ...], tasks: list[Said],
    context: Context, micro: int,
) -> Job:  # fmt: skip
    from waystage.training import setup
    from waystage.training.loop import Job
    from waystage.training.mixture import Mixture, count_steps, weigh

    recipe = {"batch": 32, "learning_rate": 1e-5, **config["recipe"]}
    sampling = config.get("sampling") or {}
    masks = [i for i, member in enumerate(members) if member.vocabulary is not None]
    replay = {i: config["replay"]["mlm"] / len(masks) for i in masks} if config.get("replay") else {}
    if config.get("replay") and not masks:
        raise InputError("replay is asked for, but no member of the mixture has the form 'masked'")
    sizes = tuple(len(member.corpus) for member in members)
    if config.get("steps_of"):
        recipe |= {"steps": _steps(config, inputs, count_steps(sizes, recipe, sampling, replay)), "patience": None}
    return Job(
        network=network,
        members=members,
        mixture=Mixture(
            sizes=sizes,
            weights=weigh(sizes, [m.name for m in members], sampling, replay),
            batch=int(recipe["batch"]),
            seed=config["seed"],
            steps=count_steps(sizes, recipe, sampling, replay),
        ),
        recipe=recipe,
        seed=config["seed"],
        precision=config["precision"],
        scratch=context.scratch,
        dev=_dev(network, members, tasks, inputs),
        selections=tuple(config.get("selections", ())),
        micro_tokens=micro,
        checkpoint_seconds=setup.checkpoint_seconds(),
        progress=context.progress,
        log=context.log,
    )


def _steps(config: dict[str, Any], inputs: Inputs, own: int) -> int:
    """A control takes as many steps as other stages took ("same"), or so many more than its own ("add")."""
    taken = [
        json.loads((folder / "training.json").read_text(encoding="utf-8")) for folder in _folders(inputs, "steps_of")
    ]
    matched = sum(int(one["steps"]) for one in taken)
    return matched + (own if config["steps_of"] == "add" else 0)


def _dev(
    network: Network, members: tuple[Member, ...], tasks: list[Said], inputs: Inputs
) -> Callable[[], dict[str, float]] | None:
    from waystage.training.loop import ORACLE
    from waystage.training.predict import outputs

    if not _folders(inputs, "dev"):
        return None
    looks = []
    for prefix, name in (("", "dev"), (f"{ORACLE} ", "target_dev")):
        folders = zip(members, tasks, _folders(inputs, name), _folders(inputs, f"{name}_rows"), strict=False)
        for member, task, folder, table in folders:  # replay comes last, without dev
            for language, arrays in encoded(folder):
                if not len(arrays.example):  # the held-out tenth of a very small data set may be empty
                    continue
                looks.append((prefix, member, task, language, arrays, examples(table, language, task.form.NAME)))

    def look() -> dict[str, float]:
        scores = {}
        for prefix, member, task, language, arrays, gold in looks:
            raw = outputs(network, task.head_name, arrays, vocabulary=member.vocabulary)
            if not network.ranks.first:
                continue
            if task.form is retrieval and arrays.labels is not None:
                found = {"accuracy": found_again(raw, arrays.labels)}
            else:
                answers = task.form.predict(raw, arrays, gold, labels=task.labels, **task.options)
                found = task.score(gold, answers, language)
            if found:  # nothing where the labels of dev are hidden
                scores[f"{prefix}{task.task}/{language}"] = headline(found, task.metric)
        return scores

    return look


def _encoder(job: Job, trained: dict[str, Tensor], fixed: dict[str, Tensor], ranks: Ranks) -> dict[str, Tensor]:
    """The encoder by name, in fp32, put together where it is in parts; `fixed` are parts of it as they were."""
    from waystage.training.sharding import whole

    named = {f"backbone.model.{n}": t for n, t in job.network.backbone.model.state_dict().items()}
    kept = {name for name, p in job.network.named_parameters() if p.requires_grad}
    frozen = {n: t for n, t in named.items() if n not in kept}
    before = {f"backbone.model.{n}": t for n, t in fixed.items()}
    every = {**(whole(frozen, keep=ranks.first) if ranks.sharded else frozen), **before, **trained}
    return {n: t for n, t in every.items() if n.startswith("backbone.model.")}


def _write_encoder(
    out: Path, job: Job, done: Trained, encoder: dict[str, Tensor], whole: Tensor | None
) -> None:  # fmt: skip
    from waystage.training.checkpoint import save_weights
    from waystage.training.weights import Adam, idle_decay

    out.mkdir(parents=True, exist_ok=True)
    backbone = job.network.backbone
    if whole is not None:
        warmup = float(job.recipe.get("warmup", 0.1))
        decayed = idle_decay(Adam.of(job.recipe), job.mixture.steps, warmup, done.step)
        name = done.weights.name_of(backbone.embedding.weight)
        encoder[name] = backbone.whole_table(whole, encoder[name], decayed)
    save_weights(out / "encoder.safetensors", {n.removeprefix("backbone.model."): t for n, t in encoder.items()})


def _write_adapters(
    out: Path, config: dict[str, Any], chain: Chain, weights: dict[str, Tensor], start: Path | None
) -> None:
    """The adapters alone. A model that was tuned before goes along: nobody could publish it."""
    from waystage.models import adapters

    trained = {n.removeprefix("backbone.model."): t for n, t in weights.items()}
    adapters.write(out, chain, trained, config["model"])
    if start is not None and (start / "encoder.safetensors").exists():
        shutil.copyfile(start / "encoder.safetensors", out / "encoder.safetensors")


def _write_heads(
    out: Path, config: dict[str, Any], tasks: list[Said], job: Job, weights: dict[str, Tensor], chain: Chain
) -> None:  # fmt: skip
    from waystage.training.checkpoint import save_weights

    heads = {n.removeprefix("heads."): t for n, t in weights.items() if n.startswith("heads.")}
    save_weights(out / "heads.safetensors", heads)
    described: dict[str, Any] = {}
    for task in tasks:
        mine = described.setdefault(
            task.head_name, {"kind": task.head.kind, "size": task.head.size, "labels": list(task.labels), "tasks": []}
        )
        mine["tasks"].append(task.task)
    model = {"model": config["model"], "config": job.network.backbone.described, "heads": described}
    _json(out / "model.json", model | ({"adapters": [link.described() for link in chain]} if chain else {}))


def _write_training(out: Path, job: Job, done: Trained) -> None:
    from waystage.training import setup

    state = done.state
    best = None if state.best == -math.inf else state.best
    _json(out / "training.json", {
        "steps": state.step, "of": job.mixture.steps, "kept_step": done.step, "best": best, "tokens": state.tokens,
        "units": state.units, "looks": state.looks,
    })  # fmt: skip
    setup.curve(out / "curve.parquet", job, state)


def _json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, sort_keys=True, ensure_ascii=False, indent=1), encoding="utf-8")


def _out_of_memory(problem: BaseException) -> bool:
    words = ("out of memory", "can't allocate memory", "not enough memory")
    return isinstance(problem, MemoryError) or any(w in str(problem).lower() for w in words)


def _can_halve(config: dict[str, Any], micro: int, problem: BaseException) -> None:
    if micro <= 512:
        recipe = config["recipe"]
        raise StageError(
            f"out of memory even with micro-batches of {micro} tokens. What to turn down: max_length (now "
            f"{recipe.get('max_length')}), batch (now {recipe.get('batch')}), precision (now {config['precision']})"
        ) from problem
