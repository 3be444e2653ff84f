"""Make the stand-in models of the built-in world by ordinary stages: rows -> tokens -> pretrain.

    python tools/make_standins.py tokenizer                 # once: its bytes decide what every model reads
    python tools/make_standins.py standin-m                 # hours on one core, minutes on a GPU
    python tools/make_standins.py standin-m --device cuda --steps 1500 30000

Two phases, since all languages at once stay at the frequencies of single words for very long: English in short
sequences, then all languages in long ones.

What is finished is kept in --work and not made again. The checkpoint is written to src/waystage/world/models in bf16.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

from waystage import stages
from waystage.stages import Context
from waystage.world import VERSION
from waystage.world.sampling import PRETRAINED
from waystage.world.tokenizer import train_tokenizer

MODELS = Path(__file__).parent.parent / "src/waystage/world/models"
SHAPES: dict[str, dict[str, Any]] = {
    "standin-s": {"family": "xlm-r", "layers": 2, "hidden": 96, "heads": 3, "intermediate": 384},
    "standin-m": {"family": "xlm-r", "layers": 4, "hidden": 128, "heads": 4, "intermediate": 512},
    "standin-l": {"family": "xlm-r", "layers": 8, "hidden": 128, "heads": 4, "intermediate": 512},
    "standin-decoder-s": {"family": "llama", "layers": 2, "hidden": 128, "heads": 4, "intermediate": 352},
    "standin-decoder-m": {"family": "llama", "layers": 4, "hidden": 128, "heads": 4, "intermediate": 352},
    "standin-decoder-l": {"family": "llama", "layers": 8, "hidden": 128, "heads": 4, "intermediate": 352},
}
# The layers of a finished model twice over are a far better start than random ones, and cost nothing.
GROWN = {"standin-l": "standin-m", "standin-decoder-m": "standin-decoder-s", "standin-decoder-l": "standin-decoder-m"}
# Dropout keeps so small a body at the frequencies of single words, and there is nothing to overfit.
RECIPE = {"batch": 64, "dropout": 0.0}
RATES = {2: (3e-3, 2e-3), 4: (1e-3, 1.5e-3), 8: (0.0, 1e-3)}  # by layers: the learning rate of each phase
STEPS = {
    "standin-s": (1_500, 3_000), "standin-m": (1_500, 5_000), "standin-l": (0, 1_500),
    "standin-decoder-s": (1_000, 1_500), "standin-decoder-m": (0, 500), "standin-decoder-l": (0, 300),
}  # fmt: skip
PHASES = ((("en",), 32, 0.1), (PRETRAINED, 128, 0.03))  # languages, tokens per sequence, share of warm-up


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokenizer", *SHAPES])
    parser.add_argument("--work", type=Path, default=Path("build/standins"))
    parser.add_argument("--documents", type=int, default=40_000, help="of English; other languages by their share")
    parser.add_argument("--steps", type=int, nargs=2, help="of each phase; 0 leaves it out")
    parser.add_argument("--exponent", type=float, default=0.7, help="languages are drawn by size to this power")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, default=MODELS, help="where the checkpoint goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--precision", choices=["fp32", "bf16"], default="fp32", help="bf16 where the CPU is fast at it"
    )
    said = parser.parse_args()
    said.work.mkdir(parents=True, exist_ok=True)
    if said.what == "tokenizer":
        train_tokenizer(MODELS / "tokenizer")
        return
    steps = said.steps or STEPS[said.what]
    places = {"model": str(MODELS / "tokenizer")}
    local = {"name": "local", "revision": f"world-{VERSION}"}
    source = {"kind": "world", "seed": 0, "version": VERSION}
    model = said.out / GROWN[said.what] if said.what in GROWN else None
    for phase, (languages, length, warmup) in enumerate(PHASES):
        if not steps[phase]:
            continue
        name = f"{len(languages)}-{said.documents}"
        text = said.work / f"rows-{name}"
        made(
            "rows", text, {}, said, places, task="mlm", form="masked", split="train", languages=list(languages),
            source=source, limit=said.documents,
        )  # fmt: skip
        tokens = said.work / f"tokens-{name}-{length}"
        made(
            "tokens", tokens, {"rows": text}, said, places, form="masked", labels=[], options={}, tokenizer=local,
            max_length=length,
        )  # fmt: skip
        inputs = {"tokens": tokens} | ({"start": model} if model else {})
        model = said.work / "-".join(map(str, (said.what, *steps[: phase + 1])))
        rate = RATES[SHAPES[said.what]["layers"]][phase]
        made(
            "pretrain", model, inputs, said, places, shape=SHAPES[said.what], tokenizer=local,
            recipe={**RECIPE, "learning_rate": rate, "warmup": warmup, "steps": steps[phase]}, seed=said.seed,
            threads=said.threads, precision=said.precision, exponent=said.exponent,
            store="bf16" if phase == len(PHASES) - 1 else "fp32",
        )  # fmt: skip
    assert model is not None
    target = said.out / said.what
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for name in ("config.json", "model.safetensors", "tokenizer.json"):
        shutil.copyfile(model / name, target / name)
    shutil.copyfile(MODELS / "tokenizer" / "tokenizer_config.json", target / "tokenizer_config.json")
    print(f"{said.what}: {(model / 'facts.json').read_text()}")


def made(kind: str, out: Path, inputs: dict[str, Path], said: argparse.Namespace, places: dict, **config: Any) -> None:
    """Run a stage unless its folder is there. It is complete once it is renamed."""
    if out.exists():
        return
    started, draft, scratch = time.time(), out.with_suffix(".draft"), out.with_suffix(".scratch")
    shutil.rmtree(draft, ignore_errors=True)
    for folder in (draft, scratch):
        folder.mkdir(exist_ok=True)
    shown = [0.0]

    def progress(at: dict[str, Any]) -> None:
        if time.time() - shown[0] > 20:
            shown[0] = time.time()
            print(f"{kind} {time.time() - started:.0f} s", at, flush=True)

    context = Context(scratch=scratch, places=places, device=said.device, progress=progress)
    facts = stages.run(kind, config, dict(inputs), draft, context)
    facts |= {"seconds": round(time.time() - started), "config": config}
    (draft / "facts.json").write_text(json.dumps(facts, indent=1, default=str))
    draft.rename(out)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    main()
