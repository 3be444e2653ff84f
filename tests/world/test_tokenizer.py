import json
from pathlib import Path

import pytest

from waystage.world import World
from waystage.world.tokenizer import SPECIALS, train_tokenizer

tokenizers = pytest.importorskip("tokenizers")
SHIPPED = Path(__file__).parents[2] / "src/waystage/world/models/tokenizer/tokenizer.json"


def shipped():
    return tokenizers.Tokenizer.from_file(str(SHIPPED))


def test_pairs_are_framed_as_in_xlmr() -> None:
    tokens = shipped().encode("a", "b").tokens
    assert tokens[0] == "<s>" and tokens[-1] == "</s>" and tokens.count("</s>") == 3
    assert [shipped().token_to_id(special) for special in SPECIALS] == list(range(5))


def test_anything_can_be_read_and_written_back() -> None:
    for text in ("Hello, wörld! ∀x", "日本語 und русский", "😀 emoji"):
        encoded = shipped().encode(text, add_special_tokens=False)
        assert "<unk>" not in encoded.tokens and shipped().decode(encoded.ids) == text


@pytest.mark.parametrize("language", ["en", "tr", "zh", "th", "ar"])
def test_world_text_comes_back_and_needs_few_pieces(language: str) -> None:
    for text in World(0).text(language, n=20):
        encoded = shipped().encode(text, add_special_tokens=False)
        assert shipped().decode(encoded.ids) == text
        assert len(encoded.ids) < 0.9 * len(text) and not any(token.startswith("<0x") for token in encoded.tokens)


def test_training_again_gives_the_same_pieces(tmp_path: Path) -> None:
    """Not the same bytes: the library sums in an order of its own, which moves scores in the third digit."""
    found = []
    for name in ("one", "two"):
        train_tokenizer(tmp_path / name, codes=("en", "tr"), size=900, total=300)
        found.append(dict(json.loads((tmp_path / name / "tokenizer.json").read_text())["model"]["vocab"]))
    one, two = found
    assert one.keys() == two.keys() and all(abs(one[piece] - two[piece]) < 0.02 for piece in one)
