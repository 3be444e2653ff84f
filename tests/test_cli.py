"""The command line: exit codes, no traceback for people's mistakes, and no torch where nothing is computed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QUICKSTART = str(ROOT / "studies" / "quickstart.toml")


def waystage(*words: str, store: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a shell would; the last line of stdout names heavy modules that came along."""
    code = (
        "import sys\n"
        f"sys.argv = ['waystage', *{list(words)!r}]\n"
        "from waystage.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = {'torch', 'transformers', 'datasets', 'scipy'} & set(sys.modules)\n"
        "    print('HEAVY', *sorted(heavy), file=sys.stderr)\n"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(store), "WAYSTAGE_STORE": str(store), "COLUMNS": "200"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT)


@pytest.mark.parametrize(
    "words",
    [
        ("--help",),
        ("list", "tasks"),
        ("list", "models", "--json"),
        ("list", "studies"),
        ("show", "xnli"),
        ("show", "sw"),
        ("show", QUICKSTART),
        ("plan", QUICKSTART),
        ("plan", QUICKSTART, "--rehearsal", "--json"),
        ("status",),
        ("schema",),
        ("store", "ls"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_quick_commands_import_no_torch(words: tuple[str, ...], tmp_path: Path) -> None:
    done = waystage(*words, store=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[-1] == "HEAVY"
    assert done.stdout.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "no-such.toml"), "there is no such file"),
        (("plan", QUICKSTART, "--set", "seeds=[-1]"), "must be >= 0, not -1"),
        (("plan", QUICKSTART, "--set", "nonsense"), "write key=value"),
        (("show", "xqaud"), "did you mean 'xquad'"),
        (("list", "taks"), "did you mean 'tasks'"),
        (("plan",), "Missing argument"),
        (("score", "--task", "xnli"), "--gold FILE --predictions FILE"),
        (("validate", "/no/such/folder"), "/no/such/folder"),
        (("rehearse", QUICKSTART, "--engine", "slrum"), "slrum"),
        (("frobnicate",), "frobnicate"),
        (("store", "ls", "--store", "/no/such/store"), "there is no store at /no/such/store"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_bad_input_is_exit_code_two_without_traceback(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = waystage(*words, store=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_public_names_exist() -> None:
    import waystage

    for name in waystage.__all__:
        assert getattr(waystage, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        waystage.nonsense


@pytest.mark.parametrize("words", [("plan", QUICKSTART, "--rehearsal"), ("rehearse", QUICKSTART, "-q")])
def test_a_store_that_is_a_file_is_no_traceback(tmp_path: Path, words: tuple[str, ...]) -> None:
    file = tmp_path / "file"
    file.touch()
    done = waystage(*words, "--store", str(file), store=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {file}")
    assert "Traceback" not in done.stderr
