"""The stage graph as Mermaid text, which GitHub, editors and mermaid.live draw."""

from __future__ import annotations

from waystage.graph.plan import Plan, Todo
from waystage.graph.stage import Stage

CROWDED = 200  # more stages than a person can look at: they are drawn by kind and task, with counts


def mermaid(plan: Plan, todo: Todo | None = None) -> str:
    """Left to right; with `todo`, what would run stands out."""
    groups: dict[str, list[str]] = {}
    group_of: dict[str, str] = {}
    for fingerprint, stage in plan.stages.items():
        group = fingerprint if len(plan) <= CROWDED else f"{stage.kind} {subject(stage)}".strip()
        group_of[fingerprint] = group
        groups.setdefault(group, []).append(fingerprint)
    number = {group: f"s{i}" for i, group in enumerate(groups)}
    lines = ["flowchart LR"]
    for group, members in groups.items():
        waiting = sum(fingerprint in todo.run for fingerprint in members) if todo else 0
        text = plan.labels[members[0]] if len(plan) <= CROWDED else f"{group}: {len(members)}"
        if len(plan) > CROWDED and waiting:
            text += f", {waiting} to run"
        lines.append(f'  {number[group]}["{_escape(text)}"]' + (":::run" if waiting else ""))
    edges = dict.fromkeys(
        (group_of[parent.fingerprint], group_of[fingerprint])
        for fingerprint, stage in plan.stages.items()
        for parent in stage.parents()
    )
    lines += [f"  {number[a]} --> {number[b]}" for a, b in edges if a != b]
    if todo:
        lines.append("  classDef run stroke-width:3px,stroke:#c60")
    return "\n".join(lines) + "\n"


def subject(stage: Stage) -> str:
    """The task or tasks that a stage is about; one that names none is about what it reads."""
    return next(filter(None, map(_named, [stage, *stage.parents()])), "")


def _named(stage: Stage) -> str:
    if "members" in stage.config:
        return "+".join(str(member["task"]) for member in stage.config["members"])
    return str(stage.config.get("task", ""))


def _escape(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;")
