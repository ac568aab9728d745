"""Estimators that forget records exactly: the bytes of a model trained without them.

>>> import numpy as np, untrain
>>> X = np.arange(20.0).reshape(-1, 1)
>>> model = untrain.ForestClassifier(n_trees=10).fit(X, X[:, 0] > 9, ids=range(20))
>>> print(model.forget([3, 17]))
exact: the bytes are those of a model trained without the records
>>> bool(model.verify())
True
"""

from . import errors, estimators
from .base import Classifier, Clusterer, Estimator, Regressor, Transformer
from .errors import *  # noqa: F403
from .errors import RemembersForgotten
from .foreign import Determinism, ForeignClassifier, ForeignRegressor, sisa
from .results import Guarantee, Predictions, Verification
from .store import Store, check, open, restore

globals().update(estimators.CLASSES)

__version__ = "0.1.0"
__all__ = [
    "Classifier",
    "Clusterer",
    "Determinism",
    "Estimator",
    "ForeignClassifier",
    "ForeignRegressor",
    "Guarantee",
    "Predictions",
    "Regressor",
    "RemembersForgotten",
    "Store",
    "Transformer",
    "Verification",
    "check",
    "open",
    "restore",
    "sisa",
    *(name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.UntrainError)),
    *estimators.CLASSES,
]
