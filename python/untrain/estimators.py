"""The estimators: a table with a line for each, and the classes that it makes.

The engine says which hyperparameters a learner has and what they are by default; here stand the names.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, NamedTuple

from . import _native
from .base import Classifier, Estimator, Regressor
from .errors import BadParameter


class Entry(NamedTuple):
    """An estimator."""

    name: str
    base: type[Estimator]
    learner: str
    about: str
    seeded: bool = False
    """Whether there is randomness to key."""
    aliases: dict[str, tuple[str, Any]] = {}
    """Scikit-learn's names for hyperparameters: the engine's name, and how the value is converted."""


def _inverse(C: float) -> float:
    if isinstance(C, bool) or not isinstance(C, (int, float)) or not C > 0:
        raise BadParameter(f"C cannot be {C!r}", "C is a number above 0, and alpha is 1/C", name="C")
    return 1.0 / C


_TREES = {"n_estimators": ("n_trees", None)}

ENTRIES = (
    Entry("ForestClassifier", Classifier, "forest", "Randomised trees that predict labels.", True, _TREES),
    Entry("ForestRegressor", Regressor, "forest", "Randomised trees that predict numbers.", True, _TREES),
    Entry("KNeighborsClassifier", Classifier, "knn", "The labels of the nearest records.", True),
    Entry("KNeighborsRegressor", Regressor, "knn", "The targets of the nearest records, averaged.", True),
    Entry("LinearDiscriminantAnalysis", Classifier, "lda", "Linear discriminant analysis."),
    Entry("LogisticClassifier", Classifier, "logistic", "Logistic regression of two labels or more.", True, {"C": ("alpha", _inverse)}),
    Entry("NaiveBayes", Classifier, "naive_bayes", "A distribution for each column and label."),
    Entry("QuadraticDiscriminantAnalysis", Classifier, "qda", "Quadratic discriminant analysis."),
    Entry("RidgeClassifier", Classifier, "ridge", "Least squares with a penalty, on labels."),
    Entry("RidgeRegressor", Regressor, "ridge", "Least squares with a penalty."),
)


def _signature(entry: Entry, defaults: dict[str, Any]) -> inspect.Signature:
    # None stands for an empty table or list: what is shared by all instances must not be one that can change.
    names = {name: None if value in ({}, []) else value for name, value in defaults.items()}
    names |= dict.fromkeys(entry.aliases) | (dict.fromkeys(["random_state"]) if entry.seeded else {})
    keyword = inspect.Parameter.KEYWORD_ONLY
    return inspect.Signature([inspect.Parameter(name, keyword, default=value) for name, value in names.items()])


def _made(entry: Entry, defaults: dict[str, Any]) -> type[Estimator]:
    signature = _signature(entry, defaults)

    def __init__(self: Estimator, **params: Any) -> None:
        for name, parameter in signature.parameters.items():
            setattr(self, name, params.pop(name, parameter.default))
        for name in params:
            raise TypeError(f"{entry.name} has no parameter {name!r}; it has {', '.join(signature.parameters)}")

    __init__.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD), *signature.parameters.values()]
    )
    listed = "\n".join(f"    {name} : default {p.default!r}" for name, p in signature.parameters.items())
    body = {
        "__doc__": f"{entry.about}\n\n    Parameters\n    ----------\n{listed}\n",
        "__init__": __init__,
        "__module__": "untrain",
        "__qualname__": entry.name,
        "_learner": entry.learner,
        "_signature": signature,
        "_aliases": entry.aliases,
    }
    return type(entry.name, (entry.base,), body)


_DEFAULTS = {name: json.loads(defaults) for name, _tasks, defaults in _native.learners()}
CLASSES = {entry.name: _made(entry, _DEFAULTS[entry.learner]) for entry in ENTRIES}
