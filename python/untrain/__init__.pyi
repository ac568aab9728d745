# Written by tests/stubs.py; a test says when it is out of date.
from typing import Any

from .base import Classifier, Estimator, Regressor
from .errors import (
    AlreadyPresent,
    BadParameter,
    BadValue,
    DuplicateId,
    Malformed,
    MissingId,
    NoIds,
    NotFitted,
    RepeatedIds,
    SchemaMismatch,
    TooMany,
    Unfit,
    UnknownColumn,
    UnknownIds,
    UntrainError,
)
from .results import Guarantee, Verification

__version__: str
__all__ = [
    "Classifier",
    "Estimator",
    "Guarantee",
    "Regressor",
    "Verification",
    "UntrainError",
    "DuplicateId",
    "MissingId",
    "NoIds",
    "UnknownIds",
    "RepeatedIds",
    "AlreadyPresent",
    "UnknownColumn",
    "BadValue",
    "SchemaMismatch",
    "BadParameter",
    "Unfit",
    "Malformed",
    "TooMany",
    "NotFitted",
    "ForestClassifier",
    "ForestRegressor",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "LinearDiscriminantAnalysis",
    "LogisticClassifier",
    "NaiveBayes",
    "QuadraticDiscriminantAnalysis",
    "RidgeClassifier",
    "RidgeRegressor",
]

class ForestClassifier(Classifier):
    criterion: Any
    max_depth: int
    max_features: Any
    min_samples_leaf: int
    min_samples_split: int
    n_thresholds: int
    n_trees: int
    subsample: float
    n_estimators: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        criterion: Any = None,
        max_depth: int = 20,
        max_features: Any = 'sqrt',
        min_samples_leaf: int = 1,
        min_samples_split: int = 2,
        n_thresholds: int = 30,
        n_trees: int = 100,
        subsample: float = 0.2,
        n_estimators: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class ForestRegressor(Regressor):
    criterion: Any
    max_depth: int
    max_features: Any
    min_samples_leaf: int
    min_samples_split: int
    n_thresholds: int
    n_trees: int
    subsample: float
    n_estimators: int | None
    random_state: int | None
    def __init__(
        self,
        *,
        criterion: Any = None,
        max_depth: int = 20,
        max_features: Any = 'sqrt',
        min_samples_leaf: int = 1,
        min_samples_split: int = 2,
        n_thresholds: int = 30,
        n_trees: int = 100,
        subsample: float = 0.2,
        n_estimators: int | None = None,
        random_state: int | None = None,
    ) -> None: ...

class KNeighborsClassifier(Classifier):
    clip: Any
    fill: Any
    index: Any
    log: Any
    metric: Any
    n_gram: int
    n_neighbors: int
    standardize: bool
    text: Any
    weights: Any
    random_state: int | None
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        index: Any = 'auto',
        log: Any = None,
        metric: Any = 'euclidean',
        n_gram: int = 1,
        n_neighbors: int = 5,
        standardize: bool = True,
        text: Any = None,
        weights: Any = 'uniform',
        random_state: int | None = None,
    ) -> None: ...

class KNeighborsRegressor(Regressor):
    clip: Any
    fill: Any
    index: Any
    log: Any
    metric: Any
    n_gram: int
    n_neighbors: int
    standardize: bool
    text: Any
    weights: Any
    random_state: int | None
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        index: Any = 'auto',
        log: Any = None,
        metric: Any = 'euclidean',
        n_gram: int = 1,
        n_neighbors: int = 5,
        standardize: bool = True,
        text: Any = None,
        weights: Any = 'uniform',
        random_state: int | None = None,
    ) -> None: ...

class LinearDiscriminantAnalysis(Classifier):
    clip: Any
    fill: Any
    log: Any
    n_gram: int
    shrinkage: float
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        log: Any = None,
        n_gram: int = 1,
        shrinkage: float = 0.001,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class LogisticClassifier(Classifier):
    alpha: float
    clip: Any
    fill: Any
    grid: int
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    C: float | None
    random_state: int | None
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        grid: int = 12,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        C: float | None = None,
        random_state: int | None = None,
    ) -> None: ...

class NaiveBayes(Classifier):
    alpha: float
    clip: Any
    fill: Any
    fit_prior: bool
    kind: Any
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    threshold: float
    var_smoothing: float
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        fit_prior: bool = True,
        kind: Any = 'mixed',
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
        threshold: float = 0.0,
        var_smoothing: float = 1e-09,
    ) -> None: ...

class QuadraticDiscriminantAnalysis(Classifier):
    clip: Any
    fill: Any
    log: Any
    n_gram: int
    reg_param: float
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        clip: Any = None,
        fill: Any = None,
        log: Any = None,
        n_gram: int = 1,
        reg_param: float = 0.1,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class RidgeClassifier(Classifier):
    alpha: float
    clip: Any
    fill: Any
    fit_intercept: bool
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        fit_intercept: bool = True,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...

class RidgeRegressor(Regressor):
    alpha: float
    clip: Any
    fill: Any
    fit_intercept: bool
    log: Any
    n_gram: int
    standardize: bool
    text: Any
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        clip: Any = None,
        fill: Any = None,
        fit_intercept: bool = True,
        log: Any = None,
        n_gram: int = 1,
        standardize: bool = True,
        text: Any = None,
    ) -> None: ...
