"""Writes the stubs of the estimators, whose hyperparameters the engine says: ``python tests/stubs.py > package/untrain/__init__.pyi``."""

from __future__ import annotations

import sys
from typing import Any

import untrain
from untrain import errors, estimators

_PUBLIC = [name for name in untrain.__all__ if name not in estimators.CLASSES and not hasattr(errors, name)]
_HEAD = """\
# Written by tests/stubs.py; a test says when it is out of date.
from typing import Any

from .base import Classifier, Clusterer, Estimator, Regressor, Transformer
from .errors import (
{errors})
from .foreign import Determinism, ForeignClassifier, ForeignRegressor, sisa
from .images import ImageNetwork, Images, Network
from .records import Recommends, Texts
from .results import Guarantee, Predictions, Verification
from .sharded import Sharded, Stepped
from .store import Store, check, open, restore

__version__: str
__all__ = [
{all}]
"""


def text() -> str:
    """The stubs."""
    imported = "".join(f"    {name},\n" for name in sorted(name for name in untrain.__all__ if hasattr(errors, name)))
    head = _HEAD.format(errors=imported, all="".join(f'    "{name}",\n' for name in untrain.__all__))
    return head + "".join(_class(kind) for kind in estimators.CLASSES.values())


def _class(kind: type[Any]) -> str:
    parameters = kind._signature.parameters.values()
    # What a mixin declares already is not declared anew.
    attributes = "".join(f"    {p.name}: {_type(p.name, p.default)}\n" for p in parameters if p.name != "estimator")
    arguments = "".join(f"        {p.name}: {_type(p.name, p.default)} = {p.default!r},\n" for p in parameters)
    init = f"    def __init__(\n        self,\n        *,\n{arguments}    ) -> None: ...\n"
    return f"\nclass {kind.__name__}({', '.join(base.__name__ for base in kind.__bases__)}):\n{attributes}{init}"


def _type(name: str, default: Any) -> str:
    if name == "estimator":
        return "Estimator | None"
    if name in ("random_state", "n_estimators", "max_iter", "n_neighbors") and default is None:
        return "int | None"
    if name in ("C", "eta0"):
        return "float | None"
    # A hyperparameter of text may take numbers too (max_features), and one without a default anything.
    return {bool: "bool", int: "int", float: "float"}.get(type(default), "Any")


if __name__ == "__main__":
    sys.stdout.write(text())
