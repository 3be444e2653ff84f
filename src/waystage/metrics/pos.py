"""Part-of-speech tagging: the official score is seqeval's span F1 on bare tags; the two others say what it hides."""

from __future__ import annotations

from collections.abc import Sequence

from waystage.metrics.spans import TagCodes, TagStream, score_spans, tag_stream, token_accuracy


def score_pos(
    gold: Sequence[Sequence[str]] | TagStream, predictions: Sequence[Sequence[str]] | TagStream
) -> dict[str, float]:
    """`f1`, `precision`, `recall` (official, seqeval 0.0.12), `f1_seqeval_1.2.2` and `token_accuracy`, in percent."""
    if not isinstance(gold, TagStream) and not isinstance(predictions, TagStream):
        codes = TagCodes()
        gold, predictions = tag_stream(gold, codes), tag_stream(predictions, codes)
    return {
        **score_spans(gold, predictions),
        "f1_seqeval_1.2.2": score_spans(gold, predictions, seqeval="1.2.2")["f1"],
        "token_accuracy": token_accuracy(gold, predictions),
    }
