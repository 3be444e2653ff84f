"""How fast the built-in world makes its examples and texts: per second of one core, counted in processor time.

    python -m benchmarks generation [--quick]

Each task is made three times after a first warm call; the fastest is shown, since other work on the machine can only
slow a run down. The aim was 20,000 examples of inference or 1 MB of text.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import islice

from waystage.world import World

TASKS = (
    ("mnli", "en"), ("xnli", "tr"), ("snli", "en"), ("anli_r1", "en"), ("qqp", "en"), ("pawsx", "en"), ("stsb", "en"),
    ("squad", "en"), ("squad2", "en"), ("tydiqa", "fi"), ("hellaswag", "en"), ("cosmosqa", "en"),
    ("commonsenseqa", "en"), ("siqa", "en"), ("xcopa", "ta"), ("belebele", "ru"), ("udpos", "en"), ("panx", "en"),
    ("ccg", "en"), ("supertags", "tr"), ("tatoeba", "de"), ("bucc", "de"), ("lareqa", "th"), ("mewslix", "fa"),
    ("sib200", "ml"),
)  # fmt: skip
TEXTS = ("en", "tr", "zh")


def fastest(make: Callable[[], int]) -> float:
    """Units per second of processor time."""
    make()
    rates = []
    for _ in range(3):
        begun = time.process_time()
        made = make()
        rates.append(made / (time.process_time() - begun))
    return max(rates)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer of each")
    count = 300 if parser.parse_args().quick else 3000
    world = World()

    def examples(task: str, language: str) -> int:
        # A search yields candidates beside its queries: each of its texts counts.
        return sum(1 for _ in islice(world.examples(task, language, "test", count), count))

    def text(language: str) -> int:
        return sum(len(document.encode()) for document in world.text(language, n=count))

    print("| task | examples per second |\n|---|---|")
    for task, language in TASKS:
        print(f"| {task} {language} | {fastest(lambda: examples(task, language)):,.0f} |", flush=True)  # noqa: B023
    print("\n| text | MB per second |\n|---|---|")
    for language in TEXTS:
        print(f"| {language} | {fastest(lambda: text(language)) / 1e6:.1f} |", flush=True)  # noqa: B023


if __name__ == "__main__":
    main()
