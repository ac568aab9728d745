"""Records that the tests share."""

from __future__ import annotations

import numpy as np
import pytest

import untrain

CLASSIFIERS = [
    untrain.ForestClassifier(n_trees=10, random_state=7),
    untrain.KNeighborsClassifier(random_state=7),
    untrain.LinearDiscriminantAnalysis(),
    untrain.LogisticClassifier(random_state=7),
    untrain.NaiveBayes(),
    untrain.QuadraticDiscriminantAnalysis(),
    untrain.RidgeClassifier(),
]
REGRESSORS = [
    untrain.ForestRegressor(n_trees=10, random_state=7),
    untrain.KNeighborsRegressor(random_state=7),
    untrain.RidgeRegressor(),
]


def _name(estimator):
    return type(estimator).__name__


@pytest.fixture(params=CLASSIFIERS + REGRESSORS, ids=_name)
def estimator(request):
    return type(request.param)(**request.param.get_params())


@pytest.fixture(params=CLASSIFIERS, ids=_name)
def classifier(request):
    return type(request.param)(**request.param.get_params())


@pytest.fixture
def data():
    """Ids, features and labels of 120 records; as numbers, the labels suit a regressor too."""
    random = np.random.default_rng(5)
    X = random.normal(size=(120, 3))
    y = (X[:, 0] + 0.3 * random.normal(size=120) > 0).astype(int)
    return [f"r{i}" for i in range(120)], X, y
