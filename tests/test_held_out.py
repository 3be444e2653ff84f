"""Studies for which nothing was tuned: other tasks, languages, seeds, sizes, regimes. Each rehearses as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

import waystage
from waystage.engines import inline
from waystage.engines.run import execute
from waystage.graph.plan import Plan
from waystage.reports import asking, write
from waystage.results import REHEARSAL

SHORT = """
[rehearsal]
seeds = [5]
models = [{models}]
test_examples = 16
recipe = {{ batch = 8, max_length = 64, steps = 3, examples = 60 }}
"""

AFRICA = """
title = "African languages, from Swahili and from French"
models = ["xlm-roberta-base"]
targets = ["masakhaner2", "masakhapos", "afriqa_en", "afriqa_fr", "belebele"]
languages = ["yo", "wo", "sw", "en", "fr"]
seeds = [3, 4]

[intermediate.none]

[intermediate.xnli_sw]
tasks = ["xnli"]
language = "sw"

[intermediate.mixed]
tasks = ["xnli", "squad"]
sampling = { by = "weights", weights = { xnli = 2.0, squad = 1.0 } }

[[question]]
ask = "Would a new language gain?"
compare = ["xnli_sw", "none"]
reading = "random"
"""

SEARCHES = """
title = "Searches of every sort"
models = ["xlm-roberta-base"]
targets = ["ntrex", "flores", "bucc", "lareqa", "mewslix", "stsb"]
languages = ["de", "kk", "my", "zh", "ar"]
seeds = [11]
sweep = true

[intermediate.none]

[intermediate.sts_bi]
tasks = ["stsb_bi"]
language = ["de", "es"]

[[question]]
compare = ["sts_bi", "none"]
languages = "script:Latn"
"""

TRANSLATED = """
title = "Translations and two languages at once"
models = ["xlm-roberta-base"]
targets = ["xquad", "panx"]
languages = ["de", "sw", "th"]
seeds = [2]

[intermediate.none]

[intermediate.mt]
tasks = ["squad", "hellaswag"]
translate = ["de", "sw"]

[intermediate.back]
tasks = ["qqp"]
translate = ["en"]
via = "de"

[intermediate.switched]
tasks = ["mnli"]
code_switch = { languages = ["de", "sw"], rate = 0.5 }

[intermediate.there]
target = { translate = "target" }

[translator]
model = "facebook/nllb-200-distilled-600M"
"""

REGIMES = """
title = "Sequences, shots, controls"
models = ["xlm-roberta-base"]
targets = ["tydiqa"]
languages = ["fi", "ru"]
source_languages = ["en"]
seeds = [1, 2]
selections = ["last", "target-dev"]

[intermediate.none]

[intermediate.order]
tasks = ["scitail"]
then = [{ tasks = ["squad2"] }, { tasks = ["ccg"] }]

[intermediate.mlm]
tasks = ["cosmosqa"]
replay = { mlm = 0.33, languages = "xtreme", exponent = 0.3 }

[intermediate.frozen]
tasks = ["commonsenseqa"]
recipe = { freeze = 6 }

[intermediate.few]
tasks = ["anli_r2"]
target = { shots = 10 }

[intermediate.zero]
control = "zero-length"
of = "order"

[intermediate.shuffled]
control = "shuffled-labels"
of = "frozen"

[intermediate.mlm_only]
control = "mlm-only"
of = "mlm"

[intermediate.longer]
control = "more-steps"
of = "order"

[intermediate.mean]
average = ["order", "frozen"]

[intermediate.swapped]
swap = { into = "frozen", layers_of = "order", lower = 4 }

[intermediate.theirs]
checkpoint = "org/somebodys-squad2"
provenance = "SQuAD 2.0, by org"
trained_on = ["squad2"]
"""

SOURCES = """
title = "Sources that are not English"
models = ["xlm-roberta-base"]
targets = ["xnli", "udpos"]
source_languages = ["zh", "ar"]
languages = "family:Uralic + ko + sw"
seeds = [1]

[intermediate.none]

[intermediate.same]
tasks = ["xnli"]
language = "source"

[intermediate.persian]
tasks = ["farstail", "pquad"]
language = "fa"

[[question]]
compare = ["same", "none"]
sources = ["zh", "ar"]
"""

DECODERS = """
title = "Three sizes of a decoder, two domains"
models = ["Qwen/Qwen2.5-7B", "Qwen/Qwen2.5-14B", "Qwen/Qwen2.5-72B"]
targets = ["udpos", "xquad", "xstorycloze", "tatoeba"]
languages = ["hi", "ru"]
seeds = [1]
attention = "bidirectional"

[intermediate.none]

[intermediate.medicine]
tasks = ["mednli"]
recipe = { adapter = { kind = "qlora", rank = 8 } }
target = { recipe = { adapter = { kind = "qlora", rank = 8 } } }

[intermediate.science]
tasks = ["sciq", "pubmedqa"]
recipe = { adapter = { kind = "lora", rank = 4 } }

[[question]]
kind = "trend"
compare = ["medicine", "none"]
against = "size"
"""

OTHERS = """
title = "Benchmarks outside XTREME, the largest stand-in"
models = ["standin-l"]
targets = ["sib200", "indicxnli", "americasnli", "xwinograd", "supertags", "uner_pud", "tydiqa_more", "udpos_more"]
languages = "low-resource + pt + zh"
low_resource = "resource:0-3"
seeds = [123456]
keep = "all"

[intermediate.none]

[intermediate.korean]
tasks = ["kornli", "korquad"]
language = "ko"
"""

STUDIES = {
    "africa": AFRICA, "searches": SEARCHES, "translated": TRANSLATED, "regimes": REGIMES, "sources": SOURCES,
    "decoders": DECODERS, "others": OTHERS,
}  # fmt: skip
MODELS = {"decoders": "", "others": '"standin-l"'}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_it_rehearses_to_the_end(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.toml"
    path.write_text(STUDIES[name] + SHORT.format(models=MODELS.get(name, '"standin-s"')), encoding="utf-8")
    results = waystage.load(path, rehearsal=True, store=tmp_path / "store")
    outcome = execute(Plan(results.plan.wanted), results.store, inline.start())
    assert outcome.ok, outcome.text()
    results = waystage.load(path, rehearsal=True, store=tmp_path / "store")
    done, of = results.done
    assert done == of > 0
    assert set(results.scores["note"]) == {REHEARSAL}
    assert {cell.target for cell in results.plan.cells} == set(results.study.target_tasks())
    for answer in asking.answers(results):
        assert answer["answered"], answer["why"]
    assert REHEARSAL in write(results, tmp_path / "page.html").read_text(encoding="utf-8")
