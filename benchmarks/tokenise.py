"""Tokenise and store: Waystage against `datasets.map(batched=True)` with a fast tokenizer of transformers.

    python benchmarks/tokenise.py [--quick] [--pairs 30000] [--rounds 5]

Both start from the same pairs in memory, as each keeps them, and end with ids on disk that can be mapped. They run in
turn, on the threads that the machine has; the ids must be identical. Two sets: pairs that never repeat a text, and
pairs whose first text comes three times in a row, as the premises of MNLI do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from kept import keep, place
from waystage.forms import pairs
from waystage.forms.encoded import Encoded
from waystage.forms.examples import Pair
from waystage.forms.writer import Writer
from waystage.stages.tokens import CHUNK

MAX_LENGTH = 128
LETTERS = np.array(list("aaabcdeeefghiiijklmnoooprstuuvwyzéüšаеиотн"))


def words(rng: np.random.Generator, count: int) -> np.ndarray:
    return np.array(["".join(LETTERS[rng.integers(0, len(LETTERS), rng.integers(2, 11))]) for _ in range(count)])


def texts(rng: np.random.Generator, lexicon: np.ndarray, count: int, mean: float) -> list[str]:
    """Zipfian words, log-normal lengths."""
    lengths = np.clip(rng.lognormal(np.log(mean), 0.5, count).astype(int), 3, 90)
    rank = np.minimum(rng.zipf(1.3, int(lengths.sum())) - 1, len(lexicon) - 1)
    tokens, cuts = lexicon[rank], np.cumsum(lengths)[:-1]
    return [" ".join(part) for part in np.split(tokens, cuts)]


def a_tokenizer(sample: list[str], size: int) -> Tokenizer:
    """Like XLM-R's."""
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    made.train_from_iterator(
        sample,
        trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False),
    )
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return made


def ours(tokenizer: Tokenizer, examples: list[Pair], folder: Path) -> list[np.ndarray]:
    with Writer(folder) as writer:
        for start in range(0, len(examples), CHUNK):
            part = examples[start : start + CHUNK]
            numbers = np.arange(start, start + len(part))
            writer.add(pairs.encode(part, tokenizer, labels=("a", "b"), max_length=MAX_LENGTH), numbers)
    loaded = Encoded.load(folder)
    return [loaded.ids, loaded.sequences]


def theirs(tokenizer: PreTrainedTokenizerFast, rows: datasets.Dataset, folder: Path) -> list[np.ndarray]:
    def encode(batch: dict[str, list[str]]) -> dict[str, Any]:
        found = tokenizer(batch["first"], batch["second"], truncation="longest_first", max_length=MAX_LENGTH)
        return {"input_ids": found["input_ids"], "label": batch["label"]}

    folder.mkdir()
    mapped = rows.map(
        encode, batched=True, remove_columns=["first", "second"], load_from_cache_file=False,
        cache_file_name=str(folder / "mapped.arrow"), new_fingerprint=folder.name,
    )  # fmt: skip
    column = mapped.data.column("input_ids").combine_chunks()
    return [column.flatten().to_numpy(), column.offsets.to_numpy()]


def clock(run: Callable[[], list[np.ndarray]]) -> tuple[float, float, list[np.ndarray]]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = run()
    return time.perf_counter() - wall, time.process_time() - cpu, found


def compare(
    title: str, tokenizer: Tokenizer, both: list[tuple[str, str]], rounds: int, out: Path | None
) -> bool:  # fmt: skip
    examples = [Pair(id=str(i), first=a, second=b, label="ab"[i % 2]) for i, (a, b) in enumerate(both)]
    columns = {
        "first": [a for a, _ in both],
        "second": [b for _, b in both],
        "label": [i % 2 for i in range(len(both))],
    }
    rows = datasets.Dataset.from_dict(columns)
    peer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(tokenizer.to_str()), pad_token="<pad>")
    seconds: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": []}
    same = True
    with tempfile.TemporaryDirectory() as place:
        for number in range(-1, rounds):  # the first round warms up
            a, b = Path(place) / f"ours{number}", Path(place) / f"theirs{number}"
            mine = clock(lambda a=a: ours(tokenizer, examples, a))
            other = clock(lambda b=b: theirs(peer, rows, b))
            same &= all(np.array_equal(x, y) for x, y in zip(mine[2], other[2], strict=True))
            if number >= 0:
                seconds["ours"].append(mine[:2])
                seconds["theirs"].append(other[:2])
            tokens = len(mine[2][0])
    mine, other = (tuple(statistics.median(column) for column in zip(*s, strict=True)) for s in seconds.values())
    print(f"{title}: {len(both):,} pairs, {tokens / len(both):.0f} tokens each, medians of {rounds} rounds")
    print(f"  datasets.map(batched)  {other[0]:6.2f} s wall  {other[1]:6.2f} s CPU")
    print(
        f"  waystage               {mine[0]:6.2f} s wall  {mine[1]:6.2f} s CPU  {tokens / mine[0] / 1e6:.2f} M tokens/s"
    )
    wall, cpu = (b / a for a, b in zip(mine, other, strict=True))
    print(f"  ratio                  {wall:6.2f} x       {cpu:6.2f} x      identical ids: {same}")
    record = {"pairs": len(both), "rounds": rounds, "datasets.map s": other[0], "ours s": mine[0], "ratio": wall}
    keep(out, title, {**record, "ratio of CPU time": cpu, "same ids": same})
    return same


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer pairs, a smaller vocabulary")
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--out", type=Path)
    said = parser.parse_args()
    out = place(said.out, "tokenise", quick=said.quick)
    count, rounds = said.pairs or (6_000 if said.quick else 30_000), said.rounds or (3 if said.quick else 5)
    datasets.disable_progress_bars()
    rng = np.random.default_rng(0)
    lexicon = words(rng, 20_000 if said.quick else 60_000)
    tokenizer = a_tokenizer(texts(rng, lexicon, 20_000, 20), 8_000 if said.quick else 30_000)
    firsts, seconds = texts(rng, lexicon, count, 28), texts(rng, lexicon, count, 16)
    same = compare("no text twice", tokenizer, list(zip(firsts, seconds, strict=True)), rounds, out)
    repeated = [(firsts[i // 3], second) for i, second in enumerate(seconds)]
    same &= compare("each first text three times", tokenizer, repeated, rounds, out)
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
