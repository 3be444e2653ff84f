"""List and run the benchmarks: `python -m benchmarks [NAME ...] [--full]`. Quick sizes unless `--full` is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HELPERS = {"__init__", "__main__", "engine_data", "engine_peer", "kept"}


def main() -> int:
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("*.py") if path.stem not in HELPERS)
    asked = [word for word in sys.argv[1:] if not word.startswith("-")] or names
    failed = []
    for name in asked:
        if name not in names:
            print(f"no benchmark is called {name!r}; there are {', '.join(names)}")
            return 2
        print(f"\n== {name}", flush=True)
        script = here / f"{name}.py"
        quick = ["--quick"] if "--full" not in sys.argv and "--quick" in script.read_text(encoding="utf-8") else []
        if subprocess.run([sys.executable, str(script), *quick], cwd=here.parent).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
