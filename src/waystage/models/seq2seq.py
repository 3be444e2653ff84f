"""A sequence-to-sequence model of transformers as a translator: text in, text out, greedy or by beams.

Long texts go through sentence by sentence, since that is what such models were trained on. Sentences are translated in
order of length, many at a time; what comes out does not depend on which of them share a batch beyond the rounding of
their sums.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from waystage.errors import InputError
from waystage.models import load
from waystage.tasks.bitext import FLORES

PARTS = (
    "config.json", "generation_config.json", "*.safetensors", "model.safetensors.index.json", "tokenizer*",
    "special_tokens_map.json", "added_tokens.json", "vocab*", "*.spm", "*.model",
)  # fmt: skip
_END = re.compile(r"(?<=[.!?؟।])\s+|(?<=[。！？])")


class Seq2Seq:
    def __init__(
        self, said: Mapping[str, Any], places: Mapping[str, str], *, source: str, into: str, device: str = "cpu"
    ):
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

        name = said["model"]["name"]
        folder = load.folder(said["model"], places, PARTS)
        if not any(folder.glob("*.safetensors")):
            raise InputError(
                f"translator {name!r} has no weights in safetensors, the only format that is read: choose another "
                "one, or convert it once with from_pretrained(NAME).save_pretrained(FOLDER)"
            )
        with load.quietly():
            self.model = AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32)
            self.tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self.model.eval().to(device)
        self.device = device
        self.beams, self.longest = int(said.get("beams", 1)), int(said.get("max_length", 256))
        self.batch = int(places.get("batch", "32"))
        self.prefix = said.get("prefix", "")
        self.cut = 0  # sentences that were longer than `max_length`, of which the end is lost
        self.first = self._languages(name, said, source, into)

    def _languages(self, name: str, said: Mapping[str, Any], source: str, into: str) -> int | None:
        """Tells a model of many languages which ones are meant; the token that its answers begin with."""
        if not hasattr(self.tokenizer, "src_lang"):
            return None
        known = self.tokenizer.get_vocab()

        def token(code: str, key: str) -> str:
            tried = [said[key]] if key in said else [FLORES.get(code, code), f"__{code}__", code]
            found = next((one for one in tried if one in known), None)
            if found is None:
                raise InputError(
                    f"translator {name!r} has no token for the language {code!r} (tried {', '.join(tried)}). "
                    f'Say it in the study: [translator] codes = {{ {code} = "..." }}'
                )
            return found

        self.tokenizer.src_lang = token(source, "source").strip("_")
        return int(known[token(into, "target")])

    def __call__(self, texts: Sequence[str]) -> list[str]:
        pieces = [[piece for piece in _END.split(text) if piece.strip()] for text in texts]
        said = self._sentences(sorted({piece for some in pieces for piece in some}, key=lambda p: (len(p), p)))
        return [" ".join(said[piece] for piece in some) for some in pieces]

    @torch.inference_mode()
    def _sentences(self, sentences: list[str]) -> dict[str, str]:
        said: dict[str, str] = {}
        more = {} if self.first is None else {"forced_bos_token_id": self.first}
        for start in range(0, len(sentences), self.batch):
            part = sentences[start : start + self.batch]
            read = self.tokenizer(
                [self.prefix + text for text in part], return_tensors="pt", padding=True, truncation=True,
                max_length=self.longest,
            ).to(self.device)  # fmt: skip
            self.cut += int((read["attention_mask"].sum(1) >= self.longest).sum())
            out = self.model.generate(
                input_ids=read["input_ids"], attention_mask=read["attention_mask"], num_beams=self.beams,
                do_sample=False, max_new_tokens=self.longest, **more,
            )  # fmt: skip
            said |= dict(zip(part, self.tokenizer.batch_decode(out, skip_special_tokens=True), strict=True))
        return said
