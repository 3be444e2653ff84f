"""XQuAD and LAReQA: the same 240 passages of SQuAD dev, translated, as reading and as retrieval."""

from waystage.tasks.benchmarks import LAREQA, XTREME_R
from waystage.tasks.squad import FLAT, NESTED
from waystage.tasks.task import Files, Hub, Task

TEST = {"test": "test"}

TASKS = (
    Task(
        name="xquad",
        title="XQuAD",
        form="spans",
        metric="f1",
        languages=XTREME_R.languages["xquad"],
        train_on=("squad",),
        splits=("test",),
        train_split="fit",
        select_on="held",
        parallel=True,
        licence="CC BY-SA 4.0",
        derived_from=("squad:dev",),
        hub=(
            Hub(
                repo="google/xquad",
                config="xquad.{lg}",
                columns=FLAT,
                splits={"test": "validation"},
                rows={"test": 1_190},
                reader="squad_rows",
            ),
        ),
        files=(
            Files(
                path="xquad/xquad.{lg}.json", format="squad", columns=NESTED, splits=TEST, rows={"test": 1_190},
                reader="squad_rows",
            ),
        ),
        max_length=384,
        batch=16,
    ),
    Task(
        name="lareqa",
        title="LAReQA (XQuAD-R)",
        form="retrieval",
        metric="map@20",
        languages=LAREQA,
        train_on=("squad",),
        splits=("test",),
        train_split="fit",
        select_on="held",
        parallel=True,
        licence="CC BY-SA 4.0",
        derived_from=("squad:dev", "xquad:test"),
        options={"mode": "pool", "k": 20},
        files=(Files(path="lareqa/xquad-r/{lg}.json", format="squad_articles", splits=TEST, reader="lareqa",
                rows={"test": 1_190}),),
        max_length=384,
        batch=16,
        note="the hub copy has no sentence breaks, so these files must come from the LAReQA repository",
    ),
)  # fmt: skip
