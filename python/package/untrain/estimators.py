"""The estimators: a table with a line for each, and the classes that it makes.

The engine says which hyperparameters a learner has and what they are by default; here stand the names and what they mean.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, NamedTuple

from . import _native, parameters
from .base import Classifier, Clusterer, Estimator, Regressor, Transformer
from .errors import BadParameter
from .images import ImageNetwork, Images, Network
from .records import Recommends, Texts
from .sharded import Sharded, Stepped


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
    fixed: dict[str, Any] = {}
    """Hyperparameters that the name of the estimator says."""
    hidden: tuple[str, ...] = ()
    """Hyperparameters that have no effect here, or come by another name."""
    mixin: type[Any] | None = None
    """What goes before the base."""
    positive: bool = False
    """Whether targets are above 0."""


def _inverse(C: float) -> float:
    if isinstance(C, bool) or not isinstance(C, (int, float)) or not C > 0:
        raise BadParameter(f"C cannot be {C!r}", "C is a number above 0, and alpha is 1/C", name="C")
    return 1.0 / C


_TREES = {"n_estimators": ("n_trees", None)}
_STEPS = {"max_iter": ("n_epochs", None), "eta0": ("learning_rate", None)}
_NETWORK = {"max_iter": ("n_epochs", None)}
_FILE = ("initial_sha256",)
_TABLE = ("n_buckets", "initial_sha256")
_C = {"C": ("alpha", _inverse)}
_BASE = ("base", "base_params")

ENTRIES = (
    Entry(
        "CNNClassifier", Classifier, "cnn", "A convolutional network for images; it forgets by retraining.", True,
        _NETWORK, hidden=_TABLE, mixin=ImageNetwork,
    ),
    Entry("ForestClassifier", Classifier, "forest", "Randomised trees that predict labels.", True, _TREES),
    Entry("ForestRegressor", Regressor, "forest", "Randomised trees that predict numbers.", True, _TREES),
    Entry(
        "GammaRegressor", Regressor, "glm", "A linear model of the logarithm of positive numbers.", True,
        fixed={"loss": "gamma"}, hidden=("epsilon",), positive=True,
    ),
    Entry(
        "HeadClassifier", Classifier, "head", "Logistic regression on what a frozen network makes of images.", True,
        _C, hidden=("weights_sha256",), mixin=Images,
    ),
    Entry("HuberRegressor", Regressor, "glm", "A linear model that outliers draw less.", True, fixed={"loss": "huber"}),
    Entry("KMeans", Clusterer, "kmeans", "Clusters around means.", True),
    Entry("KNeighborsClassifier", Classifier, "knn", "The labels of the nearest records.", True),
    Entry("KNeighborsRegressor", Regressor, "knn", "The targets of the nearest records, averaged.", True),
    Entry("LinearDiscriminantAnalysis", Classifier, "lda", "Linear discriminant analysis."),
    Entry(
        "LinearSVC", Classifier, "glm", "A linear support vector machine, with the squared hinge loss.", True,
        _C, {"loss": "squared_hinge"}, ("epsilon",),
    ),
    Entry("LogisticClassifier", Classifier, "logistic", "Logistic regression of two labels or more.", True, _C),
    Entry(
        "MLPClassifier", Classifier, "mlp", "A network of linear layers, for tables and images; it forgets by retraining.", True,
        _NETWORK | {"hidden_layer_sizes": ("hidden", None), "learning_rate_init": ("learning_rate", None)}, hidden=_FILE,
        mixin=Network,
    ),
    Entry("NaiveBayes", Classifier, "naive_bayes", "A distribution for each column and label."),
    Entry("PCA", Transformer, "pca", "Principal components."),
    Entry(
        "PoissonRegressor", Regressor, "glm", "A linear model of the logarithm of counts.", True,
        fixed={"loss": "poisson"}, hidden=("epsilon",), positive=True,
    ),
    Entry("QuadraticDiscriminantAnalysis", Classifier, "qda", "Quadratic discriminant analysis."),
    Entry(
        "Recommender", Estimator, "recommend", "Items for users, by EASE or by neighbours.", True,
        {"n_neighbors": ("n_neighbours", None)}, hidden=("item", "n_neighbours"), mixin=Recommends,
    ),
    Entry(
        "ResNetClassifier", Classifier, "resnet", "A residual network for small images; it forgets by retraining.", True,
        _NETWORK, hidden=_TABLE, mixin=ImageNetwork,
    ),
    Entry("RidgeClassifier", Classifier, "ridge", "Least squares with a penalty, on labels."),
    Entry("RidgeRegressor", Regressor, "ridge", "Least squares with a penalty."),
    Entry(
        "SGDClassifier", Classifier, "sgd", "A linear model of labels by gradient descent; it forgets by retraining.", True,
        _STEPS, hidden=("target_scale",), mixin=Stepped,
    ),
    Entry(
        "SGDRegressor", Regressor, "sgd", "A linear model of numbers by gradient descent; it forgets by retraining.", True,
        _STEPS, mixin=Stepped,
    ),
    Entry(
        "SisaClassifier", Classifier, "sisa", "Shards of a classifier, of which only those retrain that knew a record.", True,
        hidden=_BASE, mixin=Sharded,
    ),
    Entry(
        "SisaRegressor", Regressor, "sisa", "Shards of a regressor, of which only those retrain that knew a record.", True,
        hidden=_BASE, mixin=Sharded,
    ),
    Entry(
        "TextClassifier", Classifier, "text", "Labels of texts, by the counts of their words.", True,
        hidden=("column",), mixin=Texts,
    ),
)


def _default(value: Any) -> Any:
    # What is shared by all instances must not be one that can change: None stands for a table, and for what is empty.
    if isinstance(value, dict) or value in ([], ""):
        return None
    return tuple(value) if isinstance(value, list) else value


def _signature(entry: Entry, defaults: dict[str, Any]) -> inspect.Signature:
    shown = {name: value for name, value in defaults.items() if name not in entry.fixed and name not in entry.hidden}
    names = {name: _default(value) for name, value in shown.items()}
    first = {} if entry.mixin is not Sharded else {"estimator": None}
    names = first | names | dict.fromkeys(entry.aliases) | (dict.fromkeys(["random_state"]) if entry.seeded else {})
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
    body = {
        "__doc__": parameters.docstring(entry.name, entry.learner, entry.about, signature),
        "__init__": __init__,
        "__module__": "untrain",
        "__qualname__": entry.name,
        "_learner": entry.learner,
        "_signature": signature,
        "_aliases": entry.aliases,
        "_fixed": entry.fixed,
        "_positive": entry.positive,
    }
    return type(entry.name, (entry.base,) if entry.mixin is None else (entry.mixin, entry.base), body)


_DEFAULTS = {name: json.loads(defaults) for name, _tasks, defaults in _native.learners()}
CLASSES = {entry.name: _made(entry, _DEFAULTS[entry.learner]) for entry in ENTRIES}
