"""Every problem of a study at once: where it stands, which value, what is allowed, what was probably meant.

The checks look at the raw values and skip what has the wrong type, since pydantic reports that.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, get_origin

from pydantic import BaseModel, ValidationError

from waystage import languages as language_table
from waystage import tasks as task_table
from waystage.errors import InputError, did_you_mean

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
Path = tuple[str | int, ...]
FORMS = ("pairs", "choice", "spans", "tags", "similarity", "retrieval")


@dataclass(frozen=True)
class Problem:
    path: Path
    message: str

    def __str__(self) -> str:
        where = dotted(self.path)
        return f"{where}: {self.message}" if where else self.message


def dotted(path: Path) -> str:
    """('question', 0, 'compare') -> 'question[1].compare': people count from one."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def distinct(problems: Iterable[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))


# -- types and ranges: pydantic's findings in our words ---------------------------------------------------------------

NEEDED = {
    "title": ': add title = "..." as the first line',
    "models": ': add models = ["xlm-roberta-base"]',
    "targets": ': add targets = ["xtreme"], or task names',
    "intermediate": ": add at least one arm, such as [intermediate.none]",
}
PLAIN = {
    "string_type": "must be a string",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "bool_type": "must be true or false",
}


def from_pydantic(error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    problems: dict[Path, Problem] = {}
    for item in error.errors(include_url=False):
        path = _without_union_arms(item["loc"])
        if path in problems:
            continue  # the other arm of a union says the same again
        problems[path] = Problem(path, _message(item, path, model))
    return list(problems.values())


def _without_union_arms(loc: tuple[str | int, ...]) -> Path:
    arms = ("str", "constrained-str", "tuple[str, ...]", "dict[str,str]", "int", "float")
    return tuple(part for part in loc if part not in arms and not str(part).startswith(("tuple[", "function-")))


def _message(item: Any, path: Path, model: type[BaseModel]) -> str:
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_beside(path, model)
        listed = f"; known here: {', '.join(known)}" if known else ""
        return f"is not a key of a study{did_you_mean(str(path[-1]), known)}{listed}"
    if kind == "missing":
        return "is missing" + NEEDED.get(dotted(path), "")
    if kind == "string_too_short":
        return "is empty"
    if kind == "string_too_long":
        return f"has {len(value)} characters; at most {context['max_length']} fit"
    if kind in PLAIN:
        return f"{PLAIN[kind]}, not {_short(value)}"
    if kind == "literal_error":
        allowed = str(context["expected"])
        close = did_you_mean(str(value), re.findall(r"[\w-]+", allowed))
        return f"must be {allowed}, not {_short(value)}{close}"
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        sign = {"greater_than": ">", "greater_than_equal": ">=", "less_than": "<", "less_than_equal": "<="}[kind]
        limit = next(iter(context.values()))
        return f"must be {sign} {limit}, not {_short(value)}"
    if kind in ("too_short", "too_long"):
        return f"must have {context.get('min_length', context.get('max_length'))} entries, not {len(value)}"
    return f"{item['msg']}, not {_short(value)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _keys_beside(path: Path, model: type[BaseModel]) -> list[str]:
    """The keys that the table of a misspelled key may have."""
    here: type[BaseModel] | None = model
    parts = iter(path[:-1])
    for part in parts:
        field = here.model_fields.get(str(part)) if here else None
        here = _inner_model(field.annotation) if field else None
        if field and get_origin(field.annotation) in (dict, tuple):
            next(parts, None)  # the name of an entry, or its place
    return list(here.model_fields) if here else []


def _inner_model(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _inner_model(inner)
        if found is not None:
            return found
    return None


# -- names and sense ---------------------------------------------------------------------------------------------------


def names_and_sense(values: dict[str, Any]) -> list[Problem]:
    raw = _plain(values)
    return [problem for check in _CHECKS for problem in check(raw)]


def _plain(value: Any) -> Any:
    """Parts given as objects (from Python) look like parts given as tables (from a file)."""
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (list, tuple)) else value


def _unwritable(value: Any, path: Path = ()) -> Iterator[Problem]:
    """No name and no path can hold the null character, and what opens files stumbles over it."""
    if isinstance(value, str) and "\0" in value:
        yield Problem(path, "holds the null character (\\u0000): remove it")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _unwritable(inner, (*path, key))


def _axes(raw: dict[str, Any]) -> Iterator[Problem]:
    for key in ("models", "targets", "seeds", "source_languages"):
        value = raw.get(key)
        if not isinstance(value, (list, tuple)):
            continue
        if not value:
            yield Problem((key,), "is empty: name at least one")
        doubles = sorted({str(v) for v in value if list(value).count(v) > 1})
        if doubles:
            yield Problem((key,), f"names {', '.join(doubles)} more than once")
    arms = raw.get("intermediate")
    if isinstance(arms, dict) and not arms:
        yield Problem(("intermediate",), "is empty: name at least one arm, such as [intermediate.none]")
    for table in ("intermediate", "task"):
        for name in _table(raw, table):
            if not NAME.fullmatch(name):
                yield Problem((table,), f"{name!r} cannot be a name: use letters, digits and _ . + - (at most 64)")


def _tasks(raw: dict[str, Any]) -> Iterator[Problem]:
    own = set(_table(raw, "task"))
    known = [*task_table.names(), *own]
    for name in own & set(task_table.names()):
        yield Problem(("task", name), "is the name of a built-in task: choose another")
    for name in sorted(own):
        for other in known:
            one = name.replace(".", "-") == other.replace(".", "-")  # the name of its head among weights
            if one and name != other and (other not in own or other < name):
                yield Problem(
                    ("task", name), f"differs from the task {other!r} only in '.' and '-': choose another name"
                )
    hint = "; `waystage list tasks` shows all"
    for path, name in _strings(raw.get("targets"), ("targets",)):
        if name not in known and name not in task_table.BENCHMARKS:
            options = [*known, *task_table.BENCHMARKS]
            yield Problem(path, f"there is no task or benchmark {name!r}{did_you_mean(name, options)}{hint}")
        if name not in own and running_text(name):
            yield Problem(
                path, f"{name!r} is running text, which has no test: name it in an arm, as a task or in `replay`"
            )
        body = _table(raw, "task").get(name)
        bare = _get(body, "form") != "retrieval" and not has_train(_table(body, "files"))
        if name in own and bare and not _get(body, "train_on"):
            how = 'add files.train to it, or train_on = ["mnli"], the task whose head it takes'
            yield Problem(path, f"{name!r} has no training data, so nothing trains its head: {how}")
    for place in ("recipe", "rehearsal"):
        recipe = raw.get(place) if place == "recipe" else _get(raw.get(place), "recipe")
        for name in _table(recipe, "task"):
            if name not in known:
                path = ("recipe", "task", name) if place == "recipe" else ("rehearsal", "recipe", "task", name)
                yield Problem(path, f"there is no task {name!r}{did_you_mean(name, known)}{hint}")
    for name in _table(raw, "sources"):
        if name not in known:
            yield Problem(("sources", name), f"there is no task {name!r}{did_you_mean(name, known)}{hint}")
    for name, body in _table(raw, "task").items():
        form = _get(body, "form")
        if isinstance(form, str) and form not in FORMS:
            yield Problem(("task", name, "form"), f"must be one of {', '.join(FORMS)}, not {form!r}")
        for path, origin in _strings(_get(body, "derived_from"), ("task", name, "derived_from")):
            yield from _origin(path, origin, own)
        yield from _head(name, body, _table(raw, "task"))


def _head(name: str, body: Any, own: dict[str, Any]) -> Iterator[Problem]:
    """Whether a task of the user's own can be trained on the data of others, and answer with the head of the last."""
    path: Path = ("task", name, "train_on")
    form, said = _get(body, "form"), _strings(_get(body, "train_on"), path)
    if not said:
        return
    if form == "retrieval":
        yield Problem(path, "a search in parallel texts is not trained: leave it out")
        return
    if has_train(_table(body, "files")):
        yield Problem(
            path, "and training data of its own exclude each other: make a second task of files.train, name it"
        )
        return
    spoken: list[set[str]] = []
    for place, other in said:
        theirs = own.get(other)
        if theirs is None and other not in task_table.names():
            known = [*task_table.names(), *own]
            yield Problem(
                place, f"there is no task {other!r}{did_you_mean(other, known)}; `waystage list tasks` shows all"
            )
            return
        task = task_table.get(other) if theirs is None else None
        trains = "train" in task.splits if task else other != name and has_train(_table(theirs, "files"))
        if not trains or (task and not task.train_languages):
            yield Problem(place, f"{other!r} has no training data of its own")
            return
        if (task.form if task else _get(theirs, "form")) != form:
            yield Problem(
                place, f"{other!r} is of the form {task.form if task else _get(theirs, 'form')!r}, not {form!r}"
            )
            return
        spoken.append(set(task.train_languages) if task else spoken_by(theirs))
        labels = list(task.labels) if task else _list(_get(theirs, "labels"))
        if place == said[-1][0] and labels != _list(_get(body, "labels")):
            yield Problem(("task", name, "labels"), f"must be those of {other!r}, whose head it takes: {labels}")
        bi = [
            bool(_get(_get(body, "options"), "bi")),
            bool((task.options if task else _table(theirs, "options")).get("bi")),
        ]
        if place == said[-1][0] and bi[0] != bi[1]:
            how = "compares two vectors (bi = true)" if bi[1] else "reads both texts at once (bi = false)"
            yield Problem(("task", name, "options"), f"must be those of {other!r}, whose head it takes: that {how}")
    if not set.intersection(*spoken):
        yield Problem(path, f"{', '.join(other for _, other in said)} have no language in common to be trained in")


def spoken_by(body: Any) -> set[str]:
    files = _table(body, "files")
    return set(_table(files, "train")) or {code for code, file in files.items() if isinstance(file, str)}


def has_train(files: dict[str, Any]) -> bool:
    """Files of a user's own task: with `train` among the splits, or one for all splits."""
    return not files or "train" in files or any(isinstance(file, str) for file in files.values())


def _origin(path: Path, origin: str, own: set[str]) -> Iterator[Problem]:
    """A misspelt origin would hide a leak."""
    name, _, split = origin.partition(":")
    splits = ("train", "dev", "test") if name in own or name not in task_table.names() else task_table.get(name).splits
    if name not in own and name not in task_table.names():
        known = [*task_table.names(), *own]
        yield Problem(path, f"there is no task {name!r}{did_you_mean(name, known)}; `waystage list tasks` shows all")
    elif split not in splits:
        which = " or ".join(repr(f"{name}:{one}") for one in splits)
        yield Problem(path, f"{origin!r} does not say of which split of {name}: write {which}")


def _models(raw: dict[str, Any]) -> Iterator[Problem]:
    from waystage.models.shapes import known

    for key, values in (("models", raw.get("models")), ("rehearsal", _get(raw.get("rehearsal"), "models"))):
        for path, name in _strings(values, (key,) if key == "models" else (key, "models")):
            if name not in known() and "/" not in name:
                yield Problem(
                    path,
                    f"there is no model {name!r}{did_you_mean(name, known())}; write a hub name with its organisation, "
                    "or a folder as ./FOLDER; `waystage list models` shows those known",
                )


def _languages(raw: dict[str, Any]) -> Iterator[Problem]:
    places: list[tuple[Path, Any]] = [(("languages",), raw.get("languages"))]
    places += [(("rehearsal", "languages"), _get(raw.get("rehearsal"), "languages"))]
    places += [(("low_resource",), raw.get("low_resource"))]
    for i, question in enumerate(_list(raw.get("question"))):
        places.append((("question", i, "languages"), _get(question, "languages")))
        sides = [(side, _get(question, side)) for side in ("high", "low")]
        places += [(("question", i, side), value) for side, value in sides if (side, value) != ("high", "source")]
    for path, value in places:
        if isinstance(value, str) or (isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)):
            yield from _meaning(path, partial(language_table.select, _expression(value)))
    said = _table(raw.get("translator"), "codes")
    codes: list[tuple[Path, str]] = [(("translator", "codes", code), code) for code in said]
    for path, code in [*_strings(raw.get("source_languages"), ("source_languages",)), *codes]:
        yield from _meaning(path, partial(language_table.resolve, code))
        if (own := _try(partial(language_table.resolve, code))) not in (None, code):
            yield Problem(path, f"write {own!r} for {code!r}: that is its code here")


def _arms(raw: dict[str, Any]) -> Iterator[Problem]:
    arms = _table(raw, "intermediate")
    own = set(_table(raw, "task"))
    targets = {name for _, name in _strings(raw.get("targets"), ())}
    targets |= set(spelled_out(targets))
    for i, question in enumerate(_list(raw.get("question"))):
        for path, name in _strings(_get(question, "compare"), ("question", i, "compare")):
            if path[-1] == 0 and _get(question, "kind") == "best-of":
                continue  # "best" stands for whichever arm is chosen
            if arms and name not in arms:
                yield Problem(path, f"there is no arm [intermediate.{name}]{did_you_mean(name, arms)}")
        pair = _get(question, "compare")
        sources = _list(_get(question, "sources"))
        if isinstance(pair, (list, tuple)) and len(pair) == 2 and pair[0] == pair[1] and len(set(sources)) < 2:
            yield Problem(("question", i, "compare"), f"compares {pair[0]!r} with itself")
        for path, name in _strings(_get(question, "targets"), ("question", i, "targets")):
            if name not in targets and name not in own:
                yield Problem(path, f"{name!r} is not among the study's targets{did_you_mean(name, targets)}")
    for arm, body in arms.items():
        for path, name in _strings(_get(body, "on"), ("intermediate", arm, "on")):
            if name not in targets:
                yield Problem(path, f"{name!r} is not among the study's targets{did_you_mean(name, targets)}")
    yield from _asked_of_few(raw, arms)


def _asked_of_few(raw: dict[str, Any], arms: dict[str, Any]) -> Iterator[Problem]:
    """Questions about an arm on targets that it is not for."""
    for i, question in enumerate(_list(raw.get("question"))):
        for _, arm in _strings(_get(question, "compare"), ()):
            few = spelled_out(name for _, name in _strings(_get(arms.get(arm), "on"), ()))
            for path, name in _strings(_get(question, "targets"), ("question", i, "targets")) if few else ():
                if name not in few:
                    yield Problem(
                        path, f"[intermediate.{arm}] is only for {', '.join(few)} (its `on`), not for {name!r}"
                    )


# Which keys of a question only one kind of question reads, and what the others would silently ignore.
_OF_KIND = {
    "difference": ("goal", "margin", "reading", "sources"),
    "gap": ("high", "low"),
    "trend": ("against", "beside", "reference"),
    "best-of": ("among", "choose"),
}


def _questions(raw: dict[str, Any]) -> Iterator[Problem]:
    arms = _table(raw, "intermediate")
    for i, question in enumerate(_list(raw.get("question"))):
        path: Path = ("question", i)
        kind = _get(question, "kind") or "difference"
        for other, keys in _OF_KIND.items():
            for key in keys:
                if kind in tuple(_OF_KIND) and kind != other and _get(question, key) is not None:
                    yield Problem((*path, key), f'belongs to kind = "{other}"; this question is of kind "{kind}"')
        goal = _get(question, "goal")
        if kind == "difference" and goal in ("equivalent", "not worse") and _get(question, "margin") is None:
            yield Problem(
                (*path, "goal"),
                f'"{goal}" needs `margin`, the smallest difference that would matter, such as margin = 1.0',
            )
        known = _list(raw.get("source_languages")) or ["en"]
        for place, code in _strings(_get(question, "sources"), (*path, "sources")):
            if code not in known:
                yield Problem(
                    place, f"{code!r} is not among the study's source_languages ({', '.join(map(str, known))})"
                )
        if kind == "gap":
            yield from _gap(question, path, raw)
        if kind == "trend":
            yield from _trend(question, path, raw)
        if kind == "best-of":
            yield from _best_of(question, path, arms, raw)


def _gap(question: Any, path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    """A language has one side. The source, as the high side, is never on the low one: `low = "all"` is the others."""
    said = [_get(question, side) or f"{side}-resource" for side in ("high", "low")]
    if said[0] == "source":
        return
    low_resource = raw.get("low_resource")
    try:
        high, low = (language_table.select(_expression(one), low_resource=low_resource) for one in said)
    except (InputError, TypeError):
        return  # named elsewhere
    both = [code for code in high if code in low]
    if both:
        some = ", ".join(both[:6]) + (", ..." if both[6:] else "")
        yield Problem(path, f'{some} stand on both sides of the gap: write `high = "..."` without what is low')


def _trend(question: Any, path: Path, raw: dict[str, Any]) -> Iterator[Problem]:
    against, beside = _get(question, "against"), _list(_get(question, "beside"))
    if against is None:
        yield Problem(path, 'kind = "trend" needs `against`: "distance", "text", "resource" or "size"')
    if against in beside:
        yield Problem((*path, "beside"), f"names {against!r}, which the trend itself is against")
    if against == "size" and beside:
        yield Problem((*path, "beside"), "a trend against size has one point per model: nothing can stand beside it")
    models = _list(raw.get("models"))
    if against == "size" and len(models) == 1 and raw.get("source") != "world":  # a rehearsal may have one stand-in
        yield Problem((*path, "against"), f"a trend over sizes needs two models or more; the study has {models[0]!r}")
    reference = _get(question, "reference")
    if isinstance(reference, str) and reference not in ("source", "intermediate"):
        yield from _meaning((*path, "reference"), partial(language_table.resolve, reference))


def _best_of(question: Any, path: Path, arms: dict[str, Any], raw: dict[str, Any]) -> Iterator[Problem]:
    pair = _list(_get(question, "compare"))
    if len(pair) == 2 and pair[0] != "best":
        yield Problem((*path, "compare", 0), f'kind = "best-of" compares ["best", BASELINE], not {pair!r}')
    baseline = {name for _, name in _strings(pair[1:], ())}
    among = [name for _, name in _strings(_get(question, "among"), ())]
    for place, name in _strings(_get(question, "among"), (*path, "among")):
        if arms and name not in arms:
            yield Problem(place, f"there is no arm [intermediate.{name}]{did_you_mean(name, arms)}")
        if name in baseline:
            yield Problem(place, f"{name!r} is the baseline: it cannot be chosen")
    if len(set(among or arms) - baseline) < 2:
        yield Problem((*path, "among"), "a best one needs two arms or more to choose from")
    if _get(question, "choose") == "dev" and raw.get("evaluate_on") == "dev":
        why = 'would be chosen on the very dev data that is reported (`evaluate_on = "dev"`)'
        yield Problem((*path, "choose"), f'{why}: write choose = "other-seeds"')
    if _get(question, "choose") == "other-seeds-and-items" and _list(raw.get("intermediate_seeds")):
        why = "items are not halved where intermediate seeds are crossed with target seeds"
        yield Problem((*path, "choose"), f'{why}: write choose = "other-seeds"')


def recipes(raw: dict[str, Any]) -> Iterator[tuple[Path, Any]]:
    """Every table of a study that is a recipe, and where it stands."""
    yield from recipe_tables(raw.get("recipe"), ("recipe",))
    for arm, body in _table(raw, "intermediate").items():
        path: Path = ("intermediate", arm)
        yield (*path, "recipe"), _get(body, "recipe")
        yield (*path, "target", "recipe"), _get(_get(body, "target"), "recipe")
        steps = enumerate(_list(_get(body, "then")))
        yield from (((*path, "then", i, "recipe"), _get(step, "recipe")) for i, step in steps)


def recipe_tables(recipe: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    """Of all stages, by phase, by task."""
    yield path, recipe
    yield from (((*path, phase), _get(recipe, phase)) for phase in ("intermediate", "target"))
    yield from (((*path, "task", task), said) for task, said in _table(recipe, "task").items())


def _recipes(raw: dict[str, Any]) -> Iterator[Problem]:
    rehearsed = recipe_tables(_get(raw.get("rehearsal"), "recipe"), ("rehearsal", "recipe"))
    for path, body in (*recipes(raw), *rehearsed):
        if _get(body, "epochs") is not None and _get(body, "steps") is not None:
            yield Problem(path, "says both `epochs` and `steps`: keep one")


def _coverage(raw: dict[str, Any]) -> Iterator[Problem]:
    """A language that no target has, or a source in which nothing can be trained, is a mistake, not an axis."""
    targets = [name for _, name in _strings(raw.get("targets"), ())]
    names = [n for n in spelled_out(targets) if n in task_table.names()]
    if not names or _table(raw, "task"):
        return
    said = raw.get("languages")
    codes = [c for _, c in _strings(said, ())] if isinstance(said, (list, tuple)) else []
    had = {code for name in names for code in task_table.get(name).languages}
    sources = set(_list(raw.get("source_languages"))) or {"en"}
    for i, code in enumerate(codes):
        resolved = _try(partial(language_table.resolve, code))
        if resolved and resolved not in had | sources:
            yield Problem(("languages", i), f"no target of this study has {code!r}; they have {', '.join(sorted(had))}")
    for path, code in _strings(raw.get("source_languages"), ("source_languages",)):
        resolved = _try(partial(language_table.resolve, code))
        own = [task_table.get(n) for n in names]
        trained = {c for t in own for n in (t.train_on or (t.name,)) for c in task_table.get(n).train_languages}
        if resolved and trained and resolved not in trained:
            yield Problem(path, f"no target has training data in {code!r}; they have {', '.join(sorted(trained))}")


_CHECKS: tuple[Callable[[dict[str, Any]], Iterator[Problem]], ...] = (
    _unwritable, _axes, _tasks, _models, _languages, _arms, _questions, _recipes, _coverage,
)  # fmt: skip


def _meaning(path: Path, resolve: Callable[[], Any]) -> Iterator[Problem]:
    try:
        resolve()
    except InputError as error:
        yield Problem(path, str(error))


def _try(resolve: Callable[[], str]) -> str | None:
    try:
        return resolve()
    except InputError:
        return None


def spelled_out(targets: Iterable[str]) -> list[str]:
    """Benchmarks as their tasks."""
    return [name for t in targets for name in task_table.BENCHMARKS.get(t, (t,))]


def running_text(name: str) -> bool:
    return name in task_table.names() and task_table.get(name).form == "masked"


def _expression(value: Any) -> Any:
    return value if isinstance(value, str) else list(value)


def _table(body: Any, key: str) -> dict[str, Any]:
    value = _get(body, key)
    return {k: v for k, v in value.items() if isinstance(k, str)} if isinstance(value, dict) else {}


def _get(body: Any, key: str) -> Any:
    return body.get(key) if isinstance(body, dict) else None


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _strings(value: Any, path: Path) -> list[tuple[Path, str]]:
    return [((*path, i), v) for i, v in enumerate(_list(value)) if isinstance(v, str)]
