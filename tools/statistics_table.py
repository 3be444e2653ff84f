"""Write the table of simulations into docs/statistics.md: `python tools/statistics_table.py [GROUP ...] [--draws N]`.

Takes about a quarter of an hour on one core; `--draws` is the work spent on each row, cheap rows get more draws for it.
With groups (such as "gaps" "best-of") only their rows are made anew, and the others stay.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from waystage.stats.simulated_answers import ANSWERS
from waystage.stats.simulation import BROKEN, CHECKS, Check

PAGE = Path(__file__).parent.parent / "docs" / "statistics.md"
START, END = "<!-- table: tools/statistics_table.py -->", "<!-- end of table -->"


def row(check: Check, work: int) -> str:
    draws = check.draws(work)
    rate = check.rate(draws)
    error = (rate * (1 - rate) / draws) ** 0.5
    print(f"{check.group}: {check.name}: {100 * rate:.1f}", flush=True)
    enough, wide = rate >= (0.94 if check.is_test else 0.93), rate > 0.97 and not check.is_test
    mark = " (too few)" if not enough and check.group != BROKEN else " (wide)" if wide else ""
    return f"| {check.group} | {check.name} | {100 * rate:.1f}{mark} | ± {100 * error:.1f} | {draws:,} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help="default: all")
    parser.add_argument("--draws", type=int, default=60_000, help="work per row (default: %(default)s)")
    said = parser.parse_args()
    every = [*CHECKS, *ANSWERS]
    unknown = sorted(set(said.groups) - {check.group for check in every})
    if unknown:
        parser.error(
            f"no group is called {', '.join(unknown)}; there are {', '.join(dict.fromkeys(c.group for c in every))}"
        )
    table = ["| what | case | covered or silent, % | standard error | studies drawn |", "|---|---|---|---|---|"]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(START)
    old, _, after = rest.partition(END)
    kept = {tuple(line.split(" | ")[:2]): line for line in old.splitlines()}
    for check in every:
        there = kept.get((f"| {check.group}", check.name))
        made = not said.groups or check.group in said.groups or there is None
        table.append(row(check, said.draws) if made or there is None else there)
    PAGE.write_text(f"{before}{START}\n\n" + "\n".join(table) + f"\n\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
