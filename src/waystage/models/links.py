"""How the adapters of one stage follow those of the stage before it: without torch, so that a plan can refuse."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from waystage.errors import InputError

FOLDER = "adapters"


@dataclass(frozen=True, kw_only=True)
class Link:
    """One adapter of a chain."""

    kind: Literal["lora", "qlora"]
    rank: int
    alpha: float
    targets: str | tuple[str, ...]
    dropout: float = 0.0
    state: Literal["live", "frozen", "merged"] = "live"
    source: str = ""  # the folder that its weights are in; none: it is new

    def described(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if name != "source"}


Chain = tuple[Link, ...]


def saved(start: Path | None) -> Chain:
    """The adapters in the folder of a `train` stage."""
    if start is None:
        return ()
    found = json.loads((start / "model.json").read_text(encoding="utf-8")).get("adapters", [])
    return tuple(
        Link(**{**one, "targets": _listed(one["targets"])}, source=str(start / FOLDER / str(number)))
        for number, one in enumerate(found)
    )


def for_training(start: Path | None, asked: Mapping[str, Any] | None) -> Chain:
    """The chain of a stage whose recipe asks for this adapter, or for none, over what the stage before it left."""
    return following(saved(start), asked)


def following(before: Chain, asked: Mapping[str, Any] | None) -> Chain:
    """What becomes of these adapters where a recipe asks for this one, or for none; a refusal where that cannot be."""
    if asked is None:
        if any(link.kind == "qlora" for link in before):
            raise InputError(
                "all weights are to be tuned after an adapter that was trained over 4-bit weights (qlora). It cannot "
                'be merged into them. Give this stage the adapter too, with chain = "continue" or "stack"'
            )
        return tuple(replace(link, state="merged") for link in before)
    chain = asked.get("chain", "continue")
    names = ("kind", "rank", "alpha", "dropout")
    new = Link(targets=_listed(asked["targets"]), **{name: asked[name] for name in names})
    _one_kind(before, new, chain)
    if not before:
        return (new,)
    if chain == "merge":
        return (*(replace(link, state="merged") for link in before), new)
    if chain == "stack":
        return (*(replace(link, state="frozen") if link.state == "live" else link for link in before), new)
    last = before[-1]
    if (last.rank, last.alpha, last.targets) != (new.rank, new.alpha, new.targets):
        raise InputError(
            f"the adapter of the stage before has rank {last.rank}, alpha {last.alpha:g}, targets {_said(last)}, so it "
            f"cannot be continued as rank {new.rank}, alpha {new.alpha:g}, targets {_said(new)}. Make them equal, "
            'or set chain = "merge" or chain = "stack"'
        )
    return (*before[:-1], replace(last, dropout=new.dropout))


def _one_kind(before: Chain, new: Link, chain: str) -> None:
    if chain == "merge" and "qlora" in {new.kind, *(link.kind for link in before)}:
        raise InputError(
            'chain = "merge" would add an adapter to weights of 4 bits (qlora), which cannot hold it. '
            'Use chain = "continue" or "stack", or kind = "lora" for all stages'
        )
    for link in before:
        if link.kind != new.kind:
            raise InputError(
                f"the stage before trained a {link.kind} adapter and this one asks for {new.kind}: they stand over "
                "different weights (4 bits, or as published). Use one kind for all stages of a chain"
            )


def _listed(targets: str | Sequence[str]) -> str | tuple[str, ...]:
    return targets if isinstance(targets, str) else tuple(targets)


def _said(link: Link) -> str:
    return link.targets if isinstance(link.targets, str) else ", ".join(link.targets)
