"""Records that the tests share."""

from __future__ import annotations

import numpy as np
import pytest

import untrain

CLASSIFIERS = [
    untrain.ForestClassifier(n_trees=10, random_state=7),
    untrain.KNeighborsClassifier(random_state=7),
    untrain.LinearDiscriminantAnalysis(),
    untrain.LinearSVC(random_state=7),
    untrain.LogisticClassifier(random_state=7),
    untrain.MLPClassifier(hidden=(16,), learning_rate=0.01, random_state=7),
    untrain.NaiveBayes(),
    untrain.QuadraticDiscriminantAnalysis(),
    untrain.RidgeClassifier(),
    untrain.SGDClassifier(random_state=7),
    untrain.SisaClassifier(estimator=untrain.ForestClassifier(n_trees=5), n_shards=3, random_state=7),
]
REGRESSORS = [
    untrain.ForestRegressor(n_trees=10, random_state=7),
    untrain.GammaRegressor(random_state=7),
    untrain.HuberRegressor(random_state=7),
    untrain.KNeighborsRegressor(random_state=7),
    untrain.PoissonRegressor(random_state=7),
    untrain.RidgeRegressor(),
    untrain.SGDRegressor(random_state=7),
    untrain.SisaRegressor(estimator=untrain.SGDRegressor(), n_shards=3, random_state=7),
]
OTHERS = [untrain.KMeans(n_clusters=3, n_leaves=4, random_state=7), untrain.PCA(n_components=2)]


def _fresh(estimator):
    params = estimator.get_params(deep=False)
    return type(estimator)(**{name: _fresh(value) if isinstance(value, untrain.Estimator) else value for name, value in params.items()})


def _name(estimator):
    return type(estimator).__name__


@pytest.fixture(params=CLASSIFIERS + REGRESSORS + OTHERS, ids=_name)
def estimator(request):
    return _fresh(request.param)


@pytest.fixture(params=CLASSIFIERS, ids=_name)
def classifier(request):
    return _fresh(request.param)


@pytest.fixture
def data():
    """Ids, features and labels of 120 records; as numbers above 0, the labels suit any regressor too."""
    random = np.random.default_rng(5)
    X = random.normal(size=(120, 3))
    y = (X[:, 0] + 0.3 * random.normal(size=120) > 0).astype(int) + 1
    return [f"r{i}" for i in range(120)], X, y
