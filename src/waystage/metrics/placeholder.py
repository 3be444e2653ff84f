"""Benchmarks hide test labels behind dummies: scores against such a file are numbers without meaning."""

from __future__ import annotations

import re
from pathlib import Path

from waystage.metrics.benchmarks import QA_TASKS, file_task
from waystage.metrics.checks import LABELS
from waystage.metrics.reading import read_lines, read_object, read_questions, read_xcopa

_PAIR = re.compile(r"[!-~]+\t[!-~]+")  # two ids, without spaces and in ASCII
_NO_CHANCE = 3  # lines; real test files have hundreds


def placeholder_gold(task: str, gold: str | Path) -> str | None:
    """Why this gold file holds no real labels, or None. For warnings: the scoring functions never ask.

    One label for a whole file counts as a placeholder, unless the file has but one or two; so does a
    file without a single label of the task (XTREME's own test files hold texts, not labels).
    """
    task = file_task(task)
    path = Path(gold)
    if task in QA_TASKS:
        _, golds = read_questions(path)
        if golds and not any(text for texts in golds for text in texts):
            return f"all {len(golds)} gold answers are empty: the test answers were removed from this file"
        return None
    if task == "mewslix":
        entities = list(read_object(path, "example id to a list of entities").values())
        if entities and not any(isinstance(e, list) and any(e) for e in entities):
            return f"all {len(entities)} gold entities are empty: the test labels were removed from this file"
        return None
    if task == "bucc2018":
        pairs = [line for line in read_lines(path) if line]
        if pairs and not any(_PAIR.fullmatch(line) for line in pairs):
            return "not one line is two ids with a tab between them: are these texts?"
        return None if pairs else "the file holds no gold pair"
    if task == "xcopa":
        labels = [repr(label) for label in read_xcopa(path)]
    else:
        labels = [line for line in read_lines(path) if line]
    if task == "tatoeba" and labels and not any(line.isdecimal() for line in labels):
        return "not one line is the number of a line: are these texts?"
    known = LABELS.get(task)
    if known and labels and not set(labels) & set(known):
        return f"not one line is a label of {task} ({' '.join(known[:3])} ...): are these texts?"
    if len(labels) >= _NO_CHANCE and len(set(labels)) == 1:
        return f"all {len(labels)} labels are {labels[0]:.40}: a placeholder for hidden test labels"
    return None
