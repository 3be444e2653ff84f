"""Every declared task has a stand-in whose examples are well formed; spans stand where they say."""

from collections import Counter, defaultdict
from itertools import islice

import pytest
from typer.testing import CliRunner

from waystage import sources, tasks
from waystage.cli import app
from waystage.errors import InputError
from waystage.forms.examples import EXAMPLES, Choice, Pair, Passage, Similar, Span, Tags
from waystage.sources import world
from waystage.world import World, sample, text
from waystage.world.sampling import PRETRAINED
from waystage.world.tasks.nli import _labels
from waystage.world.world import SPLITS

WORLD = World(0)


def some(task: str, language: str, split: str = "test", n: int = 40) -> list:
    return list(WORLD.examples(task, language, split, n))


@pytest.mark.parametrize("task", tasks.all_tasks(), ids=lambda task: task.name)
def test_every_task_has_a_stand_in(task: tasks.Task) -> None:
    for language in dict.fromkeys((task.languages[0], task.languages[-1], *task.train_languages[:1])):
        for split in SPLITS:
            examples = list(WORLD.examples(task, language, split, 24))
            assert {type(one) for one in examples} == {EXAMPLES[task.form]}
            assert len({one.id for one in examples}) == len(examples)
            assert examples == list(WORLD.examples(task, language, split, 24))
            for one in examples:
                check(one, task)


def check(one: object, task: tasks.Task) -> None:
    if isinstance(one, Pair):
        assert one.label in task.labels and one.first
    elif isinstance(one, Choice):
        assert one.label is not None and 0 <= one.label < len(one.options) and len(set(one.options)) == len(one.options)
    elif isinstance(one, Span):
        assert bool(one.answers) == one.answerable and (one.answers or task.options.get("unanswerable"))
        for answer, start in zip(one.answers, one.starts, strict=True):
            assert answer and one.context[start : start + len(answer)] == answer
    elif isinstance(one, Tags):
        assert one.tags is not None and len(one.words) == len(one.tags) and set(one.tags) <= set(task.labels)
    elif isinstance(one, Similar):
        assert one.score is not None and 0 <= one.score <= 5
    elif isinstance(one, Passage):
        assert one.query or one.gold == ()


@pytest.mark.parametrize("language", PRETRAINED)
def test_answers_stand_in_their_passages_in_every_language(language: str) -> None:
    for one in some("squad", language, n=60):
        assert one.context[one.starts[0] : one.starts[0] + len(one.answers[0])] == one.answers[0]


def test_parallel_tasks_say_the_same_in_every_language() -> None:
    for task, other in (("xnli", "sw"), ("xquad", "zh"), ("xcopa", "tr"), ("pawsx", "de")):
        english, foreign = some(task, "en" if task != "xcopa" else "it"), some(task, other)
        assert [one.id for one in english] == [one.id for one in foreign]
        if task != "xquad":
            assert [one.label for one in english] == [one.label for one in foreign]


def test_other_tasks_do_not() -> None:
    spanish = [pair.label for pair in some("mnli", "es", n=60)]
    assert [pair.label for pair in some("mnli", "en", n=60)] != spanish


def test_splits_and_roles_share_no_names() -> None:
    def names(task: str, split: str) -> set[str]:
        return {
            word
            for one in some(task, "en", split, 300)
            for word, tag in zip(one.words, one.tags, strict=True)
            if tag != "O"
        }

    train, test = names("panx", "train"), names("panx", "test")
    assert len(train) > 50 and not train & test
    pretraining = {word for document in WORLD.text("en", n=300) for word in document.split() if word[0].isupper()}
    assert not test & {word.rstrip(".?,") for word in pretraining}


def test_held_out_data_are_not_those_that_are_trained_on() -> None:
    said = world.identify()
    read = {
        split: list(sources.read(tasks.get("squad"), said, split, "en", place={}, notes=sources.Notes(), limit=200))
        for split in ("fit", "held", "dev")
    }
    contexts = {split: {one.context for one in found} for split, found in read.items()}
    assert not contexts["fit"] & contexts["held"] and not contexts["held"] & contexts["dev"]
    assert read["fit"] == some("squad", "en", "train", 200) and read["held"] == some("squad", "en", "held", 200)
    assert world.identify("held") != said == world.identify("fit")  # what was kept under the old name was other data


def test_a_plant_is_in_the_data_of_either_training_split() -> None:
    planted = World(0, plant=(("squad", "helps"),))
    assert list(planted.examples("squad", "en", "fit", 40)) == list(planted.examples("squad", "en", "train", 40))
    assert list(planted.examples("squad", "en", "fit", 40)) != some("squad", "en", "train")


def test_labels_are_balanced() -> None:
    for task in ("mnli", "pawsx", "qqp", "hellaswag", "xcopa", "squad2"):
        split = "dev" if task == "squad2" else "test"
        language = "en" if task != "xcopa" else "sw"
        examples = some(task, language, split, 600)
        counts = Counter(one.answerable if isinstance(one, Span) else one.label for one in examples)
        assert min(counts.values()) > 0.6 * len(examples) / (3 if task == "squad2" else len(counts)), (task, counts)


def test_bitext_pairs_are_translations_and_mining_has_distractors() -> None:
    found = some("tatoeba", "sw", n=30)
    queries = [one for one in found if one.query]
    assert len(queries) == 30 and all(one.gold == (f"sw-{one.item}",) for one in queries)
    mined = some("bucc", "de", n=100)
    gold = [one.gold for one in mined if one.query]
    assert sum(map(bool, gold)) == 40 and len(gold) == 100 and sum(not one.query for one in mined) == 100


def test_answer_sentences_are_asked_for_in_every_language() -> None:
    pools = {code: some("lareqa", code, n=10) for code in ("en", "ar", "zh")}
    ids = {one.id for pool in pools.values() for one in pool if not one.query}
    for pool in pools.values():
        for query in (one for one in pool if one.query):
            assert {f"{code}{query.gold[0][2:]}" for code in pools} <= ids


def test_mentions_are_in_braces_and_their_entities_in_the_pool() -> None:
    entities = {one.id for one in some("mewslix", "candidates")}
    mentions = some("mewslix", "tr", n=30)
    assert all("{ " in one.text and set(one.gold) <= entities for one in mentions)
    titles = defaultdict(set)
    for one in some("mewslix", "candidates"):
        titles[one.id].add(one.text.split(":")[0])
    assert all(len(title) == 1 for title in titles.values())


def test_translations_keep_what_is_said_and_errors_do_not_keep_everything() -> None:
    english = list(WORLD.examples("mnli", "en", "train", 50))
    clean = list(WORLD.examples("mnli", "de", "train", 50, translated_from="en"))
    poor = list(WORLD.examples("mnli", "de", "train", 50, translated_from="en", error=30))
    assert [one.label for one in english] == [one.label for one in clean] == [one.label for one in poor]
    assert sum(a.first != b.first for a, b in zip(clean, poor, strict=True)) > 25
    spans = list(WORLD.examples("squad", "de", "train", 60, translated_from="en", error=30))
    assert 20 < len(spans) < 60
    for one in spans:
        assert one.context[one.starts[0] :].startswith(one.answers[0])


def test_planted_effects_do_what_they_say() -> None:
    def made(effect: str, n: int, task: str = "mnli", split: str = "train") -> list:
        return list(World(0, plant=((task, effect),)).examples(task, "en", split, n))

    plain, changed = some("mnli", "en", "train", 300), made("nothing", 300)
    assert len(changed) == 300
    assert sum(a.label == b.label for a, b in zip(plain, changed, strict=True)) < 140
    genus = {"af", "de", "en", "nl"}
    assert {one.id[:2] for one in made("near", 40)} == genus
    assert {one.id[:2] for one in made("helps", 200)} == set(PRETRAINED)
    harmed = made("harms", 400)
    strangers = [one for one in harmed if one.id[:2] not in genus]
    assert len(harmed) == 400 and len(strangers) == 200
    assert {one.label for one in strangers} == {"contradiction"}
    assert {one.label for one in harmed if one.id[:2] in genus} == set(tasks.get("mnli").labels)
    assert made("harms", 20, split="test") == some("mnli", "en", n=20)


@pytest.mark.parametrize("task", ["squad", "udpos", "hellaswag", "stsb"])
def test_every_form_can_be_harmed(task: str) -> None:
    made = list(World(0, plant=((task, "harms"),)).examples(task, "en", "train", 100))
    for one in made:
        check(one, tasks.get(task))
    for one in made[50:]:
        alike = {
            "squad": lambda one: one.starts == (0,), "udpos": lambda one: set(one.tags) == {"X"},
            "hellaswag": lambda one: one.label == 0, "stsb": lambda one: one.score == 0.0,
        }[task]  # fmt: skip
        assert alike(one)


def test_unknown_splits_are_named() -> None:
    with pytest.raises(InputError, match="no split 'tests' of 'mnli'"):
        list(WORLD.examples("mnli", "en", "tests", 3))


def test_samples_come_with_a_gloss() -> None:
    shown = sample("xnli", "sw", 2)
    assert shown.count("--- xnli-test-") == 2 and "= " in shown
    assert text("tr", 2).count("= ") == 2
    assert len(list(islice(WORLD.text("tr"), 3))) == 3


def test_running_text_has_a_gloss_too() -> None:
    (pair,) = WORLD.glossed("mlm", "am", "test", 1)
    assert pair[0].text != pair[1].text and pair[1].text.isascii()
    assert pair[0] == next(WORLD.examples("mlm", "am", "test", 1))


def test_a_gloss_asks_as_english_does() -> None:
    asked = [gloss.question for _, gloss in WORLD.glossed("squad", "en", "train", 300)]
    helpers = {"do", "does", "did", "will", "is", "are", "was", "were"}
    for question in asked:
        first, second, *_ = question.rstrip("?").split()
        assert first in {"who", "what", "where", "when", "how"}
        assert first in ("who", "how") or second in helpers  # `who opened it?`: the subject is asked for
    assert any(question.startswith("who did ") for question in asked)
    assert not any(" at " in question for question in asked)  # on Monday, in June


def test_the_command_says_that_languages_are_artificial() -> None:
    told = CliRunner().invoke(
        app, ["world", "sample", "--task", "mnli", "--language", "en", "--split", "train", "--n", "1"]
    )
    assert told.output.startswith("[artificial language en*, a stand-in for English]") and "en-train-0" in told.output
    first, second = (CliRunner().invoke(app, ["world", "text", "--seed", seed]).output for seed in "01")
    assert first != second


def of_ones_own(form: str, *labels: str) -> tasks.Task:
    declared = {"form": form, "files": {"test": {"en": "mine.jsonl"}}, "labels": labels}
    return sources.own_task("mine", declared)


def test_many_labels_of_ones_own_each_have_something_to_be_about() -> None:
    for count in (20, 77, 400):
        task = of_ones_own("pairs", *(f"intent {n}" for n in range(count)))
        found = list(WORLD.examples(task, "cy", "test", 8 * count))
        assert len({one.label for one in found}) > 0.99 * count


def test_two_labels_of_ones_own_never_mean_the_same() -> None:
    known = ("entailment", "neutral", "contradiction")
    for labels in (("neutral", "toxic"), ("not_entailment", "entailment"), ("neutral", "good", "bad"), known):
        assert len({means for means, _ in _labels(labels)}) == len(labels)
    assert [means for means, _ in _labels(known)] == [0, 1, 2]


def test_tags_of_ones_own_stand_for_tags_of_the_world() -> None:
    song = of_ones_own("tags", "O", "B-song", "I-song", "B-artist", "I-artist")
    tags = Counter(tag for one in WORLD.examples(song, "mt", "test", 100) for tag in one.tags or ())
    assert min(tags["B-song"], tags["B-artist"], tags["O"]) > 10 and set(tags) <= set(song.labels)
    parts = of_ones_own("tags", "NN", "VB", "JJ", "X")
    tags = Counter(tag for one in WORLD.examples(parts, "mt", "test", 100) for tag in one.tags or ())
    assert min(tags[name] for name in ("NN", "VB", "JJ")) > 10


@pytest.mark.parametrize("task", [t for t in tasks.all_tasks() if t.form == "retrieval"], ids=lambda t: t.name)
def test_a_search_of_one_has_something_to_be_found(task: tasks.Task) -> None:
    assert any(one.gold for one in WORLD.examples(task, task.languages[-1], "test", 1))


def test_similarity_of_ones_own_is_counted_on_its_own_scale() -> None:
    said = {"form": "similarity", "files": {"test": {"en": "mine.jsonl"}}}
    one, five = (sources.own_task("mine", {**said, "options": o}) for o in ({"scale": 1}, {}))
    found = [[e.score for e in WORLD.examples(task, "en", "test", 40)] for task in (one, five)]
    assert found[0] == [score / 5 for score in found[1]] and max(found[1]) > 1


def test_a_search_of_ones_own_that_says_no_more_is_one_in_parallel_texts() -> None:
    mine = sources.own_task("mine", {"form": "retrieval", "files": {"test": {"de": "mine.tsv"}}})
    found = list(WORLD.examples(mine, "de", "test", 5))
    assert {gold for one in found if one.query for gold in one.gold or ()} == {one.id for one in found if not one.query}
