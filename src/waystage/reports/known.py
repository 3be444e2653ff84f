"""What is known of the languages of a study, as predictors for trends. What is unknown stays unknown: None."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from statistics import fmean

from waystage import languages as language_table
from waystage.errors import InputError, UnknownName
from waystage.languages.text import pretraining_text
from waystage.models import shapes
from waystage.reports.made import language_facts
from waystage.results import Results
from waystage.study.regimes import EACH, SOURCE, listed
from waystage.study.schema import Question

Known = dict[str, Mapping[str, float | None]]


def of(results: Results, question: Question, *, model: str, source_language: str) -> Known:
    """Predictors by language; one that nothing is known of is absent."""
    codes = dict.fromkeys(code for cell in results.plan.cells for code in cell.languages)
    table = {code: one for code in codes if (one := _language(code)) is not None}
    reference = _reference(results, question, source_language)
    home = language_table.get(reference).script
    found: Known = {
        "distance": {code: language_table.distance(reference, code) for code in table},
        "resource": {code: one.resource for code, one in table.items()},
        "script": {code: float(one.script != home) for code, one in table.items()},
    }
    if text := _text(model):
        found["text"] = {code: math.log10(text[code]) if code in text else None for code in table}
    if pieces := _fertility(results, model):
        found["fertility"] = pieces
    return found


def parameters(models: tuple[str, ...]) -> dict[str, int]:
    """Of the models whose shape is known here."""
    return {model: shape.parameters for model in models if (shape := shapes.shape(model))}


def _language(code: str) -> language_table.Language | None:
    try:
        return language_table.get(code)
    except UnknownName:
        return None  # a code of the user's own task


def _reference(results: Results, question: Question, source_language: str) -> str:
    """From where a distance is measured: a distance is one of a pair, and the question says of which."""
    if question.reference == "source":
        return source_language
    if question.reference != "intermediate":
        return language_table.resolve(question.reference)
    arm = results.study.intermediate[question.compare[0]]
    # what was trained on, not what that was translated from
    trained = {code for step in arm.steps for code in listed(step.translate) or listed(step.language)}
    if len(trained) != 1 or trained == {EACH} or any(step.code_switch for step in arm.steps):
        raise InputError(
            f'{question.compare[0]} has no one language to measure from: write reference = "source" or a code'
        )
    (said,) = trained
    return source_language if said == SOURCE else language_table.resolve(said)


def _text(model: str) -> Mapping[str, float] | None:
    """Stand-ins have read the text of the world, by its own shares."""
    from waystage.world.sampling import PRETRAINED, shares

    return shares(PRETRAINED) if shapes.is_standin(model) else pretraining_text(model)


def _fertility(results: Results, model: str) -> dict[str, float | None]:
    """Pieces per word over the test data of all targets; a script without blanks has no words, and so no value."""
    counts: dict[str, list[float]] = defaultdict(list)
    for cell in results.plan.cells:
        stage = cell.evaluate.inputs["tokens"]
        if cell.model != model or isinstance(stage, tuple) or not results.store.has(stage.fingerprint):
            continue
        for code, facts in language_facts(results, stage, results.store.manifest(stage.fingerprint)).items():
            if facts.get("words"):
                counts[code].append(facts["pieces"] / facts["words"])
    unbroken = {"Hans", "Hant", "Jpan", "Thai", "Mymr", "Khmr", "Laoo"}
    return {
        code: None if (one := _language(code)) is None or one.script in unbroken else fmean(values)
        for code, values in counts.items()
    }
