from __future__ import annotations

from waystage.languages import all_languages
from waystage.languages.groups import pretraining
from waystage.languages.text import cc100, pretraining_text


def test_the_published_sizes_are_of_languages_that_the_model_saw() -> None:
    sizes = cc100()
    assert set(sizes) <= {one.code for one in all_languages()}
    assert set(sizes) <= pretraining()["xlm-r"]
    assert sizes["en"] == 300.8
    assert abs(sizes["zh"] - (46.9 + 16.6)) < 1e-9  # simplified and traditional
    assert all(value > 0 for value in sizes.values())


def test_only_models_whose_text_is_published_have_sizes() -> None:
    assert pretraining_text("xlm-roberta-large") == pretraining_text("FacebookAI/xlm-roberta-base") == cc100()
    assert pretraining_text("meta-llama/Llama-3.1-8B") is None
    assert "yo" not in cc100()
