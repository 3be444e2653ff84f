"""Every problem of the arms of a study at once: names, languages, and regimes that do not go together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from waystage import languages as language_table
from waystage import tasks as task_table
from waystage.errors import did_you_mean
from waystage.forms import projection
from waystage.study.check import (
    Path,
    Problem,
    _expression,
    _get,
    _list,
    _meaning,
    _plain,
    _strings,
    _table,
    _try,
    has_train,
    running_text,
    spoken_by,
)

HINT = "; `waystage list tasks` shows all"
WORDS = ("target", "source")  # in place of a language
STARTS = ("control", "checkpoint", "average", "swap")


def problems(values: dict[str, Any]) -> list[Problem]:
    raw = _plain(values)
    found: list[Problem] = []
    for arm, body in _table(raw, "intermediate").items():
        if isinstance(body, dict):
            path: Path = ("intermediate", arm)
            for place, step in _steps(body, path):
                found += [*_tasks(step, place, raw), *_languages(step, place), *_mixture(step, place)]
                found += [*_translation(step, place, raw), *_spoken(step, place, raw)]
            found += [*_start(arm, body, path, raw), *_target(body, path, raw)]
    found += _circles(raw)
    if _list(raw.get("intermediate_seeds")):
        seeds = _list(raw["intermediate_seeds"])
        if len(set(map(str, seeds))) < len(seeds):
            found.append(Problem(("intermediate_seeds",), "names a seed more than once"))
    return found


def _steps(body: dict[str, Any], path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield path, body
    for i, step in enumerate(_list(body.get("then"))):
        if isinstance(step, dict):
            yield (*path, "then", i), step


def _tasks(step: dict[str, Any], path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    own = _table(raw, "task")
    known = [*task_table.names(), *own]
    for place, name in _strings(step.get("tasks"), (*path, "tasks")):
        if name not in known:
            yield Problem(place, f"there is no task {name!r}{did_you_mean(name, known)}{HINT}")
        elif name in own and not _trains_own(own[name]):
            yield Problem(place, f"{name!r} has no training data: add files.train to [task.{name}]")
        elif name not in own and not task_table.get(name).train_languages:
            yield Problem(place, f"{name!r} has no training data: it can be a target, not an intermediate task")
        elif name not in own and "train" not in task_table.get(name).splits:
            on = ", ".join(map(repr, task_table.get(name).train_on))
            yield Problem(
                place, f"{name!r} has no training data of its own: as a target it is trained on {on}; name that"
            )
    names = [name for _, name in _strings(step.get("tasks"), ())]
    if len(set(names)) < len(names):
        yield Problem((*path, "tasks"), "names a task more than once")
    if path[-2] == "then" and not names:
        yield Problem(path, 'names no tasks: each stage of `then` is like { tasks = ["squad"] }')


def _trains_own(body: Any) -> bool:
    return _get(body, "form") != "retrieval" and has_train(_table(body, "files"))


def _languages(step: dict[str, Any], path: Path) -> Iterator[Problem]:
    for key in ("language", "translate"):
        said = step.get(key)
        codes = [((*path, key), said)] if isinstance(said, str) else _strings(said, (*path, key))
        for place, code in codes:
            if isinstance(said, str) and code in (WORDS if key == "language" else WORDS[:1]):
                continue
            yield from _meaning(place, partial(language_table.resolve, code))
    codes = _strings(_get(step.get("code_switch"), "languages"), (*path, "code_switch", "languages"))
    if isinstance(step.get("via"), str) and step["via"]:
        codes.append(((*path, "via"), step["via"]))
    for place, code in codes:
        yield from _meaning(place, partial(language_table.resolve, code))
    if isinstance(step.get("code_switch"), dict) and step["code_switch"].get("languages") in ([], ()):
        yield Problem((*path, "code_switch", "languages"), "is empty: name at least one")
    value = _get(step.get("replay"), "languages")
    if isinstance(value, str) or (isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)):
        yield from _meaning((*path, "replay", "languages"), partial(language_table.select, _expression(value)))


def _spoken(step: dict[str, Any], path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    """A task that has no training data in any of the languages: a copy in another one would be read for them."""
    said = step.get("language") or "en"
    codes = [said] if isinstance(said, str) else [code for _, code in _strings(said, ())]
    resolved = [_try(partial(language_table.resolve, code)) for code in codes]
    if None in resolved or set(codes) & set(WORDS):
        return
    for place, name in _strings(step.get("tasks"), (*path, "tasks")):
        had = _had(name, raw)
        if had and not had & set(resolved):
            few = ", ".join(sorted(had)[:6]) + (", ..." if len(had) > 6 else "")
            how = f'say language = "{min(had)}"' + ("" if "en" not in had else ", or translate it")
            yield Problem(place, f"{name!r} has no training data in {', '.join(codes)}, it has {few}: {how}")


def _had(name: str, raw: dict[str, Any]) -> set[str]:
    """Languages of a task's training data; empty where that is unknown, or any, as in the built-in world."""
    if raw.get("source") == "world" or _table(raw, "sources").get(name) == "world":
        return set()
    own = _table(raw, "task").get(name)
    if own is None:
        return set(task_table.get(name).train_languages) if name in task_table.names() else set()
    return spoken_by(own)


def _mixture(step: dict[str, Any], path: Path) -> Iterator[Problem]:
    tasks = [name for _, name in _strings(step.get("tasks"), ())]
    sampling = _get(step, "sampling") or {}
    weights = _get(sampling, "weights") or {}
    if sampling and len(set(tasks)) == 1:
        yield Problem((*path, "sampling"), f"shares the batches among tasks, but this stage has {tasks[0]!r} alone")
    for key in ("cap", "temperature"):
        if _get(sampling, key) is not None and (_get(sampling, "by") or "size") != "size":
            yield Problem((*path, "sampling", key), f'belongs to by = "size"; by = "{sampling["by"]}" does not read it')
    for key in ("replay", "code_switch", "translate", "language", "sampling", "recipe"):
        if _says(step.get(key)) and not tasks and (key, step.get("control")) != ("recipe", "mlm-only"):
            how = ": a control is trained as its arm is" if step.get("of") else ""
            how = how or (". That of the target is target.recipe" if key == "recipe" else "")
            yield Problem((*path, key), f"needs `tasks` to go along with{how}")
    if isinstance(weights, dict):
        if (_get(sampling, "by") == "weights") != bool(weights):
            yield Problem((*path, "sampling"), '`by = "weights"` and `weights` go together')
        for name in sorted(set(weights) - set(tasks)):
            yield Problem((*path, "sampling", "weights", name), f"{name!r} is not among this arm's tasks")
        without = [name for name in dict.fromkeys(tasks) if name not in weights]
        if weights and without and set(weights) <= set(tasks):
            yield Problem((*path, "sampling", "weights"), f"say no weight for {', '.join(map(repr, without))}")
    share = _get(step.get("replay"), "mlm")
    if tasks and share == 1 and step.get("control") != "mlm-only":
        yield Problem(
            (*path, "replay", "mlm"), 'leaves no batch to the tasks: say less than 1, or use control = "mlm-only"'
        )
    text = next(filter(running_text, tasks), None)
    if text and _says(step.get("replay")) and not step.get("control"):
        how = 'sampling = { by = "weights", ... } gives it a share' if len(set(tasks)) > 1 else "it is trained alone"
        yield Problem((*path, "replay"), f"is running text beside tasks, and {text!r} is running text itself: {how}")


def _says(value: Any) -> bool:
    """A table of nothing but defaults says nothing."""
    return any(map(_says, value.values())) if isinstance(value, dict) else value not in (None, "", (), [])


def _translation(step: dict[str, Any], path: Path, raw: dict[str, Any], tasks: Any = None) -> Iterator[Problem]:
    """What a translator is needed for, and whether it can do it."""
    key = next((key for key in ("translate", "code_switch") if step.get(key)), None)
    if step.get("via") and not step.get("translate"):
        yield Problem((*path, "via"), "says by way of which language to translate, but nothing is translated")
    if key is None:
        return
    yield from _same_language(step, path)
    if step.get("translate") and step.get("code_switch"):
        yield Problem((*path, "code_switch"), "and `translate` exclude each other: the texts mix languages already")
    if isinstance(step.get("language"), (list, tuple)) and len(step["language"]) > 1:
        yield Problem((*path, key), "translates from one language: name one in `language`")
    for name in [name for _, name in _strings(step.get("tasks"), ())] if tasks is None else tasks:
        why = _untranslatable(name, raw)
        if why:
            yield Problem((*path, key), f"{name!r} cannot be translated: {why}")
    if raw.get("source") != "world" and not _get(raw.get("translator"), "model"):
        yield Problem(
            (*path, key),
            'needs a translator: add [translator] with model = "facebook/nllb-200-distilled-600M", '
            '"Helsinki-NLP/opus-mt-{source}-{target}" or another seq2seq model',
        )


def _same_language(step: dict[str, Any], path: Path) -> Iterator[Problem]:
    """A translation that leaves everything as it was, or goes by way of where it starts or ends."""
    said, into = step.get("language") or "en", step.get("translate")
    home = said if isinstance(said, str) else next((code for _, code in _strings(said, ())), "")
    codes = [into] if isinstance(into, str) else [code for _, code in _strings(into, ())]
    named = [_try(partial(language_table.resolve, code)) for code in codes if code not in WORDS]
    via = _try(partial(language_table.resolve, step["via"])) if isinstance(step.get("via"), str) else None
    start = None if home in WORDS else _try(partial(language_table.resolve, home))
    others = [code for _, code in _strings(_get(step.get("code_switch"), "languages"), ())]
    if start and others and {_try(partial(language_table.resolve, code)) for code in others} == {start}:
        yield Problem((*path, "code_switch", "languages"), f"the data are in {home} already, so nothing is replaced")
    if home == into == WORDS[0] and not via:
        yield Problem((*path, "translate"), "each language has data of its own here, so nothing is translated")
    if not via and start and named and set(named) == {start}:
        how = f'name other languages, or via = "de" to have {home} translated there and back'
        yield Problem((*path, "translate"), f"the data are in {home} already, so nothing is translated: {how}")
    if via and via in (start, *named):
        where = "the language of the data" if via == start else "the language that is translated into"
        yield Problem((*path, "via"), f"{step['via']!r} is {where}: name a third one")


def _untranslatable(name: str, raw: dict[str, Any]) -> str:
    own = _table(raw, "task").get(name)
    if own is None and name not in task_table.names():
        return ""
    form = _get(own, "form") if own else task_table.get(name).form
    return untranslatable(form, _list(_get(own, "labels")) if own else task_table.get(name).labels)


def untranslatable(form: Any, labels: Iterable[Any]) -> str:
    """Why nobody can carry the labels of a task over to a translation; "" if somebody can."""
    if form == "tags":
        kinds = projection.kinds([str(label) for label in labels])
        if not kinds:
            return "every word of a sentence has a tag, and only marked phrases (B-, I-) can be found again"
        if len(kinds) > len(projection.BRACKETS):
            return f"it has {len(kinds)} kinds of phrases, and there are marks for {len(projection.BRACKETS)}"
    return "running text is there in every language" if form == "masked" else ""


def _start(arm: str, body: dict[str, Any], path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    arms = _table(raw, "intermediate")
    tasks = bool(_list(body.get("tasks"))) or bool(_list(body.get("then")))
    said = [key for key in STARTS if body.get(key)]
    if len(said) > 1:
        yield Problem((*path, said[1]), f"and `{said[0]}` exclude each other: give each an arm of its own")
    of = body.get("of")
    if body.get("control"):
        if bool(of) == tasks:
            yield Problem(
                (*path, "control"), 'is a control of what? Name an arm, of = "mnli", or tasks = ["mnli"]; not both'
            )
        if body["control"] == "shuffled-labels" and tasks and _unlabelled(body):
            yield Problem((*path, "tasks"), "is running text, which has no labels to shuffle")
    elif of:
        yield Problem((*path, "of"), 'belongs to a control: add control = "zero-length" or another one')
    places = [((*path, "of"), of)] if isinstance(of, str) and of else []
    places += _strings(body.get("average"), (*path, "average"))
    swap = body.get("swap")
    places += [
        ((*path, "swap", key), name) for key in ("into", "layers_of") if isinstance(name := _get(swap, key), str)
    ]
    for place, name in places:
        if name not in arms:
            yield Problem(place, f"there is no arm [intermediate.{name}]{did_you_mean(str(name), arms)}")
        elif place[-1] == "of" and not _trains(arms[name]):
            yield Problem(place, f"arm {name!r} trains nothing that could be controlled for")
        elif place[-1] == "of" and body.get("control") == "shuffled-labels" and _unlabelled(arms[name]):
            yield Problem(place, f"arm {name!r} reads running text, which has no labels")
        elif place[-1] != "of" and _get(arms[name], "control") == "more-steps":
            why = "is `none` until the target, which it trains for longer: there is no checkpoint of it to take"
            yield Problem(place, f"arm {name!r} {why}. Name another arm")
    merged = [name for place, name in places if place[-1] != "of"]
    if len(set(merged)) > 1 and all(name in arms and _published(arms[name]) for name in merged):
        yield Problem(
            (*path, said[0]), f"{' and '.join(merged)} are both the model as published: name an arm that trains"
        )
    if swap and len(merged) == 2 and merged[0] == merged[1]:
        yield Problem(
            (*path, "swap"), f"puts layers of {merged[0]!r} in place of its own: name another arm in layers_of"
        )
    average = [name for _, name in _strings(body.get("average"), ())]
    if body.get("average") and len(set(average)) < 2:
        yield Problem((*path, "average"), "needs at least two different arms")
    if isinstance(swap, dict) and not swap.get("lower") and not swap.get("upper"):
        yield Problem((*path, "swap"), "swaps no layer: say how many, `lower` or `upper`")
    yield from _checkpoint(body, path, raw)


def _published(body: Any) -> bool:
    return not _trains(body) and not any(_get(body, key) for key in STARTS)


def _trains(body: Any) -> bool:
    return bool(_get(body, "tasks") or _get(body, "then"))


def _unlabelled(body: Any) -> bool:
    named = [name for step in (body, *_list(_get(body, "then"))) for _, name in _strings(_get(step, "tasks"), ())]
    return bool(named) and all(map(running_text, named))


def _checkpoint(body: dict[str, Any], path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    name = body.get("checkpoint")
    if isinstance(name, str) and name:
        if "/" not in name:
            yield Problem((*path, "checkpoint"), f"{name!r}: write a hub name with its organisation, or ./FOLDER")
        if not body.get("provenance"):
            yield Problem((*path, "checkpoint"), "needs `provenance`: what was it trained on, and by whom?")
    for key in ("provenance", "trained_on"):
        if body.get(key) and not name:
            yield Problem((*path, key), "belongs to `checkpoint`, which this arm does not name")
    known = [*task_table.names(), *_table(raw, "task")]
    for place, task in _strings(body.get("trained_on"), (*path, "trained_on")):
        if task not in known:
            yield Problem(place, f"there is no task {task!r}{did_you_mean(task, known)}{HINT}")


def _target(body: dict[str, Any], path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    target = body.get("target")
    if not isinstance(target, dict):
        return
    said = [key for key in ("language", "translate", "shots") if target.get(key) not in (None, (), [], "source")]
    if len(said) > 1:
        yield Problem((*path, "target", said[1]), f"and `{said[0]}` exclude each other: give each an arm of its own")
    if said and body.get("control") == "more-steps":
        yield Problem((*path, "target"), "a control more-steps trains the target as `none` does, only for longer")
    place = (*path, "target")
    yield from _languages({"translate": target.get("translate"), "via": target.get("via")}, place)
    trained = [name for t in _list(raw.get("targets")) for name in task_table.BENCHMARKS.get(str(t), (str(t),))]
    on = [n for name in trained if name in task_table.names() for n in (task_table.get(name).train_on or (name,))]
    sources = [code for _, code in _strings(raw.get("source_languages"), ())] or ["en"]
    named = {"translate": target.get("translate"), "via": target.get("via")}
    named["language"] = sources[0] if len(sources) == 1 else "source"
    able = [name for name in dict.fromkeys(on) if not _untranslatable(name, raw)]
    yield from _translation(named, place, raw, able)


def _circles(raw: dict[str, Any]) -> Iterator[Problem]:
    arms = _table(raw, "intermediate")

    def above(name: str) -> list[str]:
        body = arms.get(name)
        swap = _get(body, "swap")
        names = [_get(body, "of"), *_list(_get(body, "average")), _get(swap, "into"), _get(swap, "layers_of")]
        return [n for n in names if isinstance(n, str) and n in arms]

    for arm in arms:
        seen, todo = set[str](), above(arm)
        while todo:
            name = todo.pop()
            if name == arm:
                yield Problem(("intermediate", arm), "is made of itself, by way of the arms that it names")
                break
            if name not in seen:
                seen.add(name)
                todo += above(name)
