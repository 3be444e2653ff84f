"""Which tasks and languages make a benchmark. Languages differ between the two, although the tasks share names.

How the scores are averaged is known to `waystage.metrics.benchmarks`, in the official order of sums.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Iterates over the names of its tasks, in the official order."""

    name: str
    title: str
    languages: Mapping[str, tuple[str, ...]]  # task -> scored languages

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.languages)

    def __iter__(self) -> Iterator[str]:
        return iter(self.languages)

    def __len__(self) -> int:
        return len(self.languages)

    def __contains__(self, task: object) -> bool:
        return task in self.languages


def words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


XNLI = words("ar bg de el en es fr hi ru sw th tr ur vi zh")
PAWSX = words("de en es fr ja ko zh")
UDPOS = words("af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh")
PANX = words(
    "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk tr "
    "et fi hu"
)
XQUAD = words("en es de el ru tr ar vi th zh hi")
MLQA = words("en es de ar hi vi zh")
TYDIQA = words("en ar bn fi id ko ru sw te")
BUCC = words("de fr ru zh")
TATOEBA = words(
    "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi hu"
)
XCOPA = words("et ht id it qu sw ta th tr vi zh")
LAREQA = words("ar de el en es hi ru th tr vi zh")
MEWSLIX = words("ar de en es fa ja pl ro ta tr uk")

XTREME = Benchmark(
    name="xtreme",
    title="XTREME (9 tasks, 40 languages)",
    languages={
        "pawsx": PAWSX,
        "xnli": XNLI,
        "udpos": UDPOS,
        "panx": PANX,
        "xquad": XQUAD,
        "mlqa": MLQA,
        "tydiqa": TYDIQA,
        "bucc": BUCC,
        "tatoeba": TATOEBA,
    },
)

XTREME_R = Benchmark(
    name="xtreme-r",
    title="XTREME-R (10 tasks, 50 languages)",
    languages={
        "xnli": XNLI,
        "xcopa": XCOPA,
        "udpos": (*UDPOS, *words("lt pl uk wo ro")),
        "panx": (*PANX, *words("qu pl uk az lt pa gu ro")),
        "xquad": (*XQUAD, "ro"),
        "mlqa": MLQA,
        "tydiqa": TYDIQA,
        "tatoeba": (*TATOEBA, *words("az lt pl uk ro")),
        "lareqa": LAREQA,
        "mewslix": MEWSLIX,
    },
)

BENCHMARKS: Mapping[str, Benchmark] = {b.name: b for b in (XTREME, XTREME_R)}
