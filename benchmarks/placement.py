"""Which decoders fit on which devices, as the table of docs/scaling.md: python benchmarks/placement.py

A batch of 32 sequences of at most 256 tokens, bf16, a head for three labels, adapters of rank 16 on all linear layers.
"""

from __future__ import annotations

from waystage.models.memory import Layout, Work, memory, tokens
from waystage.models.placement import GB, Placement, choose, devices
from waystage.models.shapes import known

MODELS = {
    "7B": "meta-llama/Llama-2-7b-hf",
    "13B": "meta-llama/Llama-2-13b-hf",
    "34B": "codellama/CodeLlama-34b-hf",
    "70B": "meta-llama/Llama-2-70b-hf",
}
DEVICES = ("24GB", "80GB", "4x80GB", "8x80GB", "2x8x80GB")
TUNINGS = ("full", "lora", "qlora")


def work(tuning: str) -> Work:
    return Work(tuning=tuning, precision="bf16", batch=32, unit=256, length=256, rows=40_000)  # type: ignore[arg-type]


def cell(found: Placement) -> str:
    used = f"{found.memory.total / GB:.0f} GB"
    if not found.fits:
        return f"no ({used})"
    layout = found.layout
    parts = [used, f"{tokens(found.work, layout)} tokens"]
    parts += [f"{layout.shards} shards"] if layout.shards > 1 else []
    parts += ["again"] if layout.checkpointing else []
    return ", ".join(parts)


def main() -> None:
    print(f"| model | tuning | {' | '.join(str(devices(text)) for text in DEVICES)} |")
    print("|---|---|" + "---|" * len(DEVICES))
    for size, name in MODELS.items():
        for tuning in TUNINGS:
            cells = [cell(choose(known()[name], work(tuning), devices(text))) for text in DEVICES]
            print(f"| {size} | {tuning} | {' | '.join(cells)} |")
    print("\n| model | tuning | weights | frozen | optimizer | gradients | activations |")
    print("|---|---|---|---|---|---|---|")
    for size, name in MODELS.items():
        for tuning in TUNINGS:
            m = memory(known()[name], work(tuning), Layout(micro_tokens=2048, checkpointing=True))
            parts = [m.weights, m.frozen, m.optimizer, m.gradients, m.activations]
            print(f"| {size} | {tuning} | {' | '.join(f'{part / GB:.1f}' for part in parts)} |")


if __name__ == "__main__":
    main()
