"""What the docs show is so."""

import doctest
import pathlib
import re
import subprocess
import sys

import pytest

import untrain
from untrain import base, errors, estimators, foreign, results, store

HERE = pathlib.Path(__file__).parent.parent


def _examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    for module in (untrain, base, errors, foreign, results, store):
        for test in finder.find(module, module.__name__, module=module):
            if test.examples:
                yield test
    for name, kind in estimators.CLASSES.items():
        yield from (test for test in finder.find(kind, name, module=False, globs={}) if test.examples)


@pytest.mark.parametrize("example", {test.name: test for test in _examples()}.values(), ids=lambda test: test.name)
def examples_run(example):
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    assert runner.run(example).failed == 0


def every_estimator_has_an_example_and_says_what_its_parameters_mean():
    for kind in estimators.CLASSES.values():
        assert ">>>" in kind.__doc__ and "forget" in kind.__doc__
        for name in kind._signature.parameters:
            assert re.search(rf"^    {name} : default .*\n        \S", kind.__doc__, re.M), (kind, name)


def every_public_method_has_a_docstring():
    for kind in (*estimators.CLASSES.values(), untrain.Store, untrain.ForeignClassifier, untrain.ForeignRegressor):
        for name in dir(kind):
            if not name.startswith("_") and callable(getattr(kind, name)):
                assert getattr(kind, name).__doc__, (kind, name)


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def pages_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", (HERE.parent / page).read_text(), re.S)
    assert blocks
    shared = {}
    for block in blocks:
        exec(compile(block, page, "exec"), shared)


def the_tutorial_runs(tmp_path):
    pytest.importorskip("jupytext")
    pytest.importorskip("nbconvert")
    pytest.importorskip("ipykernel")
    out = tmp_path / "tutorial.ipynb"
    command = [sys.executable, "-m", "jupytext", "--to", "notebook", "--execute", "--output", str(out), str(HERE / "tutorial.py")]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    assert '"output_type"' in out.read_text()
