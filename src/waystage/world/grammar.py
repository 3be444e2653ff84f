"""How a language puts words together, read from the language table and the typology table, with defaults by type."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from waystage.languages import get
from waystage.languages.table import read_data

ZERO_COPULA = {"ru", "uk", "ar", "he", "id", "ms", "hu", "tr", "ta", "tl"}


@dataclass(frozen=True, slots=True)
class Grammar:
    order: str  # of subject, verb, object; a language without a dominant order is written SVO
    prepositions: bool
    adjective_first: bool
    numeral_first: bool
    owner_first: bool
    style: str  # isolating, fusional, agglutinative
    article: str  # before, after, affix or empty
    genders: int
    cases: int  # 0, 4 (nominative, accusative, genitive, oblique) or 7
    negation: str  # before, after, suffix
    question: str  # initial, final or empty: where the particle of yes/no questions stands
    asks_first: bool  # question words move to the front
    final_linker: bool  # because, if and their like follow their clause
    drops_pronouns: bool
    plural_prefix: bool
    zero_copula: bool
    harmony: bool

    @property
    def verb_final(self) -> bool:
        return self.order[-1] == "V"


@cache
def _features() -> dict[str, dict[str, str]]:
    return {row["code"]: row for row in read_data("typology.tsv")}


@cache
def grammar(code: str) -> Grammar:
    row = get(code)
    features = _features().get(row.code, {})

    def has(name: str, otherwise: bool = False) -> bool:
        value = features.get(f"S_{name}", "")
        return float(value) >= 0.5 if value else otherwise

    order = row.word_order if row.word_order in ("SVO", "SOV", "VSO", "VOS", "OVS", "OSV") else "SVO"
    final = order[-1] == "V"
    style = {"introflexive": "fusional", "polysynthetic": "agglutinative"}.get(row.morphology, row.morphology)
    if has("DEFINITE_WORD") or has("ARTICLE_WORD_BEFORE_NOUN") or has("ARTICLE_WORD_AFTER_NOUN"):
        article = "after" if has("ARTICLE_WORD_AFTER_NOUN") and not has("ARTICLE_WORD_BEFORE_NOUN") else "before"
    else:
        article = "affix" if has("DEFINITE_AFFIX") else ""
    marked = style == "agglutinative" and (final or row.family == "Uralic")
    fused = style == "fusional" and row.genus in ("Slavic", "Baltic", "Greek", "Indic", "Albanian") and code != "bg"
    suffixed = style == "agglutinative" and (has("NEGATIVE_SUFFIX") or (final and not has("NEGATIVE_WORD")))
    gendered = style == "fusional" and has("GENDER_MARK", True) and code not in ("en", "af")
    return Grammar(
        order=order,
        prepositions=row.adposition == "pre" or (row.adposition == "none" and not final),
        adjective_first=row.adjective_order == "AN",
        numeral_first=has("NUMERAL_BEFORE_NOUN", not has("NUMERAL_AFTER_NOUN")),
        owner_first=has("POSSESSOR_BEFORE_NOUN", final) and not has("POSSESSOR_AFTER_NOUN"),
        style=style,
        article=article,
        genders=0 if not gendered else 3 if row.genus in ("Slavic", "Greek") or code in ("de", "mr", "gu") else 2,
        cases=7 if marked else 4 if fused or code in ("de", "is", "hy") else 0,
        negation="suffix" if suffixed else "after" if has("NEGATIVE_WORD_AFTER_VERB") else "before",
        question="initial" if has("POLARQ_MARK_INITIAL") else "final" if has("POLARQ_MARK_FINAL") else "",
        asks_first=not final and style != "isolating",
        final_linker=final and has("SUBORDINATOR_WORD_AFTER_CLAUSE", True),
        drops_pronouns=has("PROSUBJECT_AFFIX") and not has("PROSUBJECT_WORD"),
        plural_prefix=has("PLURAL_PREFIX") and not has("PLURAL_SUFFIX"),
        zero_copula=code in ZERO_COPULA,
        harmony=row.family in ("Turkic", "Uralic", "Mongolic-Khitan"),
    )
