"""Real text from the reference data beside the project, and a small language model made of it here and now."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
SPECIALS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
LOCAL = {"name": "local", "revision": "-"}


def shared() -> Path:
    found = (ROOT / os.environ.get("WAYSTAGE_TEST_DATA", "../shared") / "data").resolve()
    if not found.is_dir():
        pytest.skip(f"no reference data in {found}")
    return found


def texts(task: str, language: str, splits: Iterable[str] = ("train", "dev", "test")) -> list[str]:
    """What a task's rows say, each text once: passages, sentences, never a label."""
    from waystage import sources, tasks
    from waystage.errors import DataError
    from waystage.forms.examples import Passage, Span, Tags

    it, root = tasks.get(task), str(shared())
    found: dict[str, None] = {}
    for split in splits:
        try:
            identity = sources.identify(it, root, split, (language,))
        except DataError:
            continue
        for row in sources.read(it, identity, split, language, place={"data": root}, notes=sources.Notes()):
            if isinstance(row, Tags):
                found[" ".join(row.words)] = None
            elif isinstance(row, Span):
                found |= dict.fromkeys(line.strip() for line in row.context.split("\n"))
            elif isinstance(row, Passage) and not row.query:  # of parallel text the side that is not English
                found[row.text] = None
    return [text for text in found if text]


def checkpoint(
    folder: Path, said: Mapping[str, list[str]], *, pieces: int, shape: dict[str, Any], recipe: dict[str, Any],
    length: int,
) -> Path:  # fmt: skip
    """A tokenizer and a model of these texts per language, by ordinary stages: rows -> tokens -> pretrain."""
    from waystage import sources, stages, tasks

    _tokenizer(folder / "tokenizer", (text for some in said.values() for text in some), pieces)
    data, languages = folder / "data", sorted(said)
    (data / "text").mkdir(parents=True)
    for language, some in said.items():
        (data / f"text/{language}.txt").write_text("".join(f"{text}\n" for text in some), encoding="utf-8")
    places = {"model": str(folder / "tokenizer"), "data": str(data)}

    def stage(kind: str, inputs: dict[str, Any], **config: Any) -> Path:
        (folder / kind).mkdir()
        context = stages.Context(scratch=folder / f"scratch-{kind}", places=places)
        stages.run(kind, config, inputs, folder / kind, context)
        return folder / kind

    source = sources.identify(tasks.get("mlm"), str(data), "train", languages)
    rows = stage("rows", {}, task="mlm", form="masked", split="train", languages=languages, source=source)
    tokens = stage("tokens", {"rows": rows}, form="masked", labels=[], tokenizer=LOCAL, max_length=length)
    recipe = {"dropout": 0.0, "warmup": 0.1, **recipe}
    return stage("pretrain", {"tokens": tokens}, shape=shape, tokenizer=LOCAL, recipe=recipe, seed=0, threads=1,
                 precision="fp32", exponent=0.5)  # fmt: skip


def _tokenizer(folder: Path, said: Iterable[str], size: int) -> None:
    """A small vocabulary: rare words then share their endings with known ones."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation()])
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=SPECIALS, unk_token="<unk>", max_piece_length=12, show_progress=False
    )
    made.train_from_iterator(said, trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    folder.mkdir(parents=True)
    made.save(str(folder / "tokenizer.json"))
