"""The shipped tables are what the script makes of the published files."""

import importlib.util
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
RAW = ROOT / os.environ.get("WAYSTAGE_TEST_DATA", "../shared") / "data" / "typology"


def load_script():
    spec = importlib.util.spec_from_file_location("build_languages", ROOT / "tools" / "build_languages.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


@pytest.mark.skipif(not RAW.exists(), reason="the raw typology files are not here")
def test_the_script_makes_the_shipped_files_again(tmp_path, monkeypatch, capsys):
    script = load_script()
    shipped, page = script.DATA, script.PAGE
    copy = tmp_path / "languages.md"
    copy.write_text(page.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(script, "DATA", tmp_path)
    monkeypatch.setattr(script, "PAGE", copy)
    assert script.main([str(RAW)]) == 0
    for made in ("languages.tsv", "typology.tsv"):
        assert (tmp_path / made).read_bytes() == (shipped / made).read_bytes(), made
    assert copy.read_bytes() == page.read_bytes()
    assert "cells without a value: none" in capsys.readouterr().out


def test_the_strongest_option_wins_only_alone():
    script = load_script()

    class Silent(script.Uriel):
        def __init__(self, values):
            self.values = values

        def value(self, code, feature):
            return self.values.get(feature)

    options = {"AN": "before", "NA": "after"}
    for values, expected in [
        ({"before": 1.0, "after": 0.5}, "AN"),
        ({"before": 1.0, "after": 1.0}, ""),
        ({"before": 0.0, "after": 0.0}, "none"),
        ({"before": 0.0}, ""),
        ({"after": 0.25, "before": 0.0}, ""),
        ({}, ""),
    ]:
        assert Silent(values).strongest("xx", options) == expected
