"""The stubs say what is there."""

import pathlib
import runpy
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent.parent


def stubs_are_up_to_date():
    text = runpy.run_path(str(HERE / "tests" / "stubs.py"))["text"]()
    assert (HERE / "package" / "untrain" / "__init__.pyi").read_text() == text


def stubs_agree_with_what_runs(tmp_path):
    pytest.importorskip("mypy.stubtest")
    command = [sys.executable, "-m", "mypy.stubtest", "untrain", "--mypy-config-file", str(HERE / "pyproject.toml")]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
