"""Languages: codes and names, facts, sets of them, distances between them."""

from waystage.languages.expressions import low_resource_rule, select
from waystage.languages.table import Language, all_languages, get, name, resolve
from waystage.languages.typology import Distance, distance, observed_features, shared_features, syntactic

__all__ = [
    "Distance",
    "Language",
    "all_languages",
    "distance",
    "get",
    "low_resource_rule",
    "name",
    "observed_features",
    "resolve",
    "select",
    "shared_features",
    "syntactic",
]
