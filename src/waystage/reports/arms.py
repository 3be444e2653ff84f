"""An arm of a study in a few words: what is trained before the target, and how the target is trained."""

from __future__ import annotations

from collections.abc import Callable

from waystage.study.regimes import EACH, SOURCE, Intermediate, Languages, Step, TargetStage, listed

FEW = 3  # tasks whose titles are spelled out; of more, their names
SPOKEN = {EACH: "each evaluated language by itself", SOURCE: "the language of the target's training data"}
CONTROLS = {
    "zero-length": "an intermediate stage of no steps",
    "shuffled-labels": "labels shuffled",
    "mlm-only": "masked language modelling for as many steps",
    "more-steps": "no intermediate task, the target for as many steps more",
}


def baseline(arms: dict[str, Intermediate]) -> str:
    """The arm that the others are measured against: the one that says nothing, or else the first."""
    return next((name for name, arm in arms.items() if arm == type(arm)()), next(iter(arms)))


def described(arm: Intermediate, title: Callable[[str], str] = str) -> str:
    """`title` says what a task is called."""
    parts = [said for said in (_start(arm), *(_step(step, title) for step in arm.steps)) if said]
    said = ", then ".join(parts) if parts else "" if arm.control else "straight to the target"
    if arm.tasks and not arm.control:
        said = f"first {said}"
    if arm.control:
        of = f" (control of {arm.of})" if arm.of else " (control)"
        said = ": ".join(filter(None, (said, CONTROLS[arm.control]))) + of
    target = _target(arm.target)
    return f"{said}; {target}" if target else said


def _start(arm: Intermediate) -> str:
    if arm.checkpoint:
        by = f" ({arm.provenance})" if arm.provenance else ""
        return f"from the checkpoint {arm.checkpoint}{by}"
    if arm.swap:
        layers = [f"{count} {side} layers" for side, count in (("lower", arm.swap.lower), ("upper", arm.swap.upper))
                  if count]  # fmt: skip
        return f"{arm.swap.into} with the {' and '.join(layers)} of {arm.swap.layers_of}, nothing trained"
    return f"mean of the checkpoints of {' and '.join(arm.average)}, nothing trained" if arm.average else ""


def _step(step: Step, title: Callable[[str], str]) -> str:
    said = " + ".join(step.tasks if len(step.tasks) > FEW else map(title, step.tasks))
    if step.language != "en":
        said += f" in {_codes(step.language)}"
    if step.translate:
        said += f", machine-translated into {_codes(step.translate)}"
    if step.via:
        said += f" by way of {step.via}"
    if step.code_switch:
        said += f", {step.code_switch.rate:.0%} of the texts switched to {' or '.join(step.code_switch.languages)}"
    if step.replay:
        said += f", masked language modelling in {step.replay.mlm:.0%} of the batches"
    return said


def _target(target: TargetStage) -> str:
    said = []
    if target.language == EACH:
        said.append("target trained in each evaluated language: a ceiling, not zero-shot")
    if target.translate:
        by = f" by way of {target.via}" if target.via else ""
        said.append(f"target trained on translations into {_codes(target.translate)}{by}: not zero-shot")
    if target.shots:
        said.append(f"then {target.shots} examples of each evaluated language: not zero-shot")
    return ", ".join(said)


def _codes(said: Languages) -> str:
    return ", ".join(SPOKEN.get(code, code) for code in listed(said))
