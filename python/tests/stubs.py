"""Writes the stubs of the estimators, whose hyperparameters the engine says: ``python tests/stubs.py > untrain/__init__.pyi``."""

from __future__ import annotations

import sys
from typing import Any

from untrain import errors, estimators

_HEAD = """\
# Written by tests/stubs.py; a test says when it is out of date.
from typing import Any

from .base import Classifier, Estimator, Regressor
from .errors import (
{errors})
from .results import Guarantee, Verification

__version__: str
__all__ = [
{all}]
"""


def text() -> str:
    """The stubs."""
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.UntrainError)]
    public = ["Classifier", "Estimator", "Guarantee", "Regressor", "Verification", *kinds, *estimators.CLASSES]
    imported = "".join(f"    {name},\n" for name in sorted(kinds))
    head = _HEAD.format(errors=imported, all="".join(f'    "{name}",\n' for name in public))
    return head + "".join(_class(kind) for kind in estimators.CLASSES.values())


def _class(kind: type[Any]) -> str:
    parameters = kind._signature.parameters.values()
    attributes = "".join(f"    {p.name}: {_type(p.name, p.default)}\n" for p in parameters)
    arguments = "".join(f"        {p.name}: {_type(p.name, p.default)} = {p.default!r},\n" for p in parameters)
    init = f"    def __init__(\n        self,\n        *,\n{arguments}    ) -> None: ...\n"
    return f"\nclass {kind.__name__}({kind.__mro__[1].__name__}):\n{attributes}{init}"


def _type(name: str, default: Any) -> str:
    if name in ("random_state", "n_estimators"):
        return "int | None"
    if name == "C":
        return "float | None"
    # A hyperparameter of text may take numbers too (max_features), and one without a default anything.
    return {bool: "bool", int: "int", float: "float"}.get(type(default), "Any")


if __name__ == "__main__":
    sys.stdout.write(text())
