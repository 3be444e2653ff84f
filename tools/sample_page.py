"""The sample page of the docs and the picture of the README: the rehearsal of the quickstart.

    make sample        (python tools/sample_page.py [STUDY] [--out FOLDER] [--store FOLDER])

What of the rehearsal is there is reused. The picture needs a Chromium; WAYSTAGE_CHROMIUM may name it.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import waystage
from waystage import reports

ROOT = Path(__file__).parents[1]
WIDE, HIGH = 1180, 1320  # what a reader of the README sees of it: the head, the answers


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("study", nargs="?", default="studies/quickstart.toml")
    options.add_argument("--out", type=Path, default=ROOT / "docs")
    options.add_argument("--store", type=Path)
    said = options.parse_args()
    os.chdir(ROOT)
    command = ["waystage", "rehearse", said.study]
    where = ["--store", str(said.store)] if said.store else []
    subprocess.run([sys.executable, "-m", *command, *where], check=True)
    results = waystage.load(said.study, rehearsal=True, store=said.store)
    done, wanted = results.done
    if done < wanted:
        sys.exit(f"the rehearsal is not whole: {done} of {wanted} evaluations are in. Did its code change meanwhile?")
    name = Path(said.study).stem
    said.out.mkdir(parents=True, exist_ok=True)
    page = reports.write(results, said.out / f"{name}.html", command=" ".join(command))
    picture(page, said.out / f"{name}.png")
    print(page)
    return 0


def picture(page: Path, to: Path) -> None:
    names = ("chromium", "chromium-browser", "google-chrome")
    program = os.environ.get("WAYSTAGE_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if not program:
        print("no Chromium here: the picture is not made anew (apt-get install chromium)")
        return
    with tempfile.TemporaryDirectory() as profile:
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--user-data-dir={profile}",
                   f"--window-size={WIDE},{HIGH}", f"--screenshot={to.absolute()}"]  # fmt: skip
        subprocess.run([program, *options, page.absolute().as_uri()], check=True, capture_output=True)
    print(to)


if __name__ == "__main__":
    sys.exit(main())
