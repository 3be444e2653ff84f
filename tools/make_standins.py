"""Make the stand-in models of the built-in world by ordinary stages, as `waystage pretrain` does.

    python tools/make_standins.py tokenizer                 # once: its bytes decide what every model reads
    python tools/make_standins.py standin-m                 # an hour and a half of one core
    python tools/make_standins.py standin-m --steps 1500 30000

Two phases, since all languages at once stay at the frequencies of single words for very long: English in short
sequences, then all languages in long ones. The larger ones grow out of a smaller one: its layers, twice over.

What is finished is kept in --store and not made again. The checkpoint is written to src/waystage/world/models in bf16.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from waystage.commands.pretraining import make
from waystage.graph.store import Store
from waystage.study.pretraining import Phase, pretrained, rate, shape
from waystage.world.sampling import PRETRAINED
from waystage.world.tokenizer import train_tokenizer

MODELS = Path(__file__).parent.parent / "src/waystage/world/models"
# name -> shape, family, steps of the two phases, what it grows out of
STANDINS: dict[str, tuple[str, str, tuple[int, int], str | None]] = {
    "standin-s": ("2x96", "xlm-r", (1_500, 16_000), None),
    "standin-m": ("4x128", "xlm-r", (1_500, 16_000), None),
    "standin-l": ("8x128", "xlm-r", (0, 2_000), "standin-m"),
    "standin-decoder-s": ("2x128", "llama", (1_000, 1_500), None),
    "standin-decoder-m": ("4x128", "llama", (0, 300), "standin-decoder-s"),
    "standin-decoder-l": ("8x128", "llama", (0, 150), "standin-decoder-m"),
}
FIRST_RATES = {2: 3e-3, 4: 1e-3}  # in English; by layers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["tokenizer", *STANDINS])
    parser.add_argument("--store", type=Path, default=Path("build/standins"))
    parser.add_argument("--documents", type=int, default=40_000, help="of English; other languages by their share")
    parser.add_argument("--steps", type=int, nargs=2, help="of each phase; 0 leaves it out")
    parser.add_argument("--out", type=Path, default=MODELS, help="where the checkpoint goes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="bf16")
    said = parser.parse_args()
    if said.what == "tokenizer":
        train_tokenizer(MODELS / "tokenizer")
        return
    body, phases, start = recipe(said.what, said.steps)
    stage = pretrained(
        body, phases, documents=said.documents, tokens_of=str(MODELS / "tokenizer"), start=start, seed=said.seed,
        threads=said.threads, precision=said.precision,
    )  # fmt: skip
    target = said.out / said.what
    facts = make(stage, Store(said.store), target, quiet=False)
    shutil.copyfile(MODELS / "tokenizer" / "tokenizer_config.json", target / "tokenizer_config.json")
    print(f"{said.what}: {facts}")


def recipe(name: str, steps: tuple[int, int] | None = None) -> tuple[dict[str, Any], list[Phase], str | None]:
    written, family, usual, start = STANDINS[name]
    body, (first, second) = shape(written, family), steps or usual
    phases = [
        Phase(
            languages=("en",), steps=first, length=32, learning_rate=FIRST_RATES.get(body["layers"], 1e-3), warmup=0.1
        ),
        Phase(languages=PRETRAINED, steps=second, learning_rate=rate(body["layers"])),
    ]
    return body, phases, start


if __name__ == "__main__":
    main()
