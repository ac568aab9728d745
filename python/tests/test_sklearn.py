"""Scikit-learn's own checks, and its tools around our estimators."""

import joblib
import numpy as np
import pytest

import untrain

pytest.importorskip("sklearn")
from sklearn import model_selection  # noqa: E402
from sklearn import pipeline as pipelines  # noqa: E402
from sklearn.compose import ColumnTransformer  # noqa: E402
from sklearn.linear_model import SGDClassifier  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor  # noqa: E402
from sklearn.utils import estimator_checks  # noqa: E402


@pytest.mark.filterwarnings("ignore:Estimator .* does not inherit")
def all_checks_of_scikit_learn_pass(estimator):
    # The estimators keep to the protocol without the base class, whose import would take most of a second.
    results = estimator_checks.check_estimator(estimator, on_fail=None, on_skip=None)
    failed = {result["check_name"]: str(result["exception"]) for result in results if result["status"] == "failed"}
    assert not failed
    # Arrays of other libraries than NumPy are an experiment of SciPy's, which is off unless the environment says otherwise.
    assert {result["check_name"] for result in results if result["status"] == "skipped"} <= {"check_array_api_input"}
    assert sum(result["status"] == "passed" for result in results) >= (39 if estimator._task is None else 49)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        untrain.TextClassifier(),
        untrain.sisa(DecisionTreeClassifier(), n_shards=2),
        untrain.sisa(DecisionTreeRegressor(), n_shards=2),
    ],
    ids=repr,
)
def all_checks_that_apply_pass(estimator):
    results = estimator_checks.check_estimator(estimator, on_fail=None, on_skip=None)
    assert not {result["check_name"]: str(result["exception"]) for result in results if result["status"] == "failed"}


def a_grid_is_searched_by_either_name(data):
    _, X, y = data
    search = model_selection.GridSearchCV(untrain.ForestClassifier(), {"n_estimators": [1, 20], "max_depth": [1, 8]}, cv=3).fit(X, y)
    assert search.best_params_["n_estimators"] == 20
    assert np.mean(model_selection.cross_val_score(untrain.LogisticClassifier(), X, y, cv=3)) > 0.8


def a_search_and_a_pipeline_forget_by_name(data):
    ids, X, y = data
    search = model_selection.GridSearchCV(untrain.RidgeClassifier(), {"alpha": [1.0, 10.0]}, cv=3).fit(X, y, ids=ids)
    assert search.best_estimator_.forget("r3").kind == "exact"
    pipeline = pipelines.make_pipeline(ColumnTransformer([("all", "passthrough", [0, 1, 2])]), untrain.NaiveBayes())
    pipeline.fit(X, y, naivebayes__ids=ids)
    assert pipeline[-1].forget(["r3"]) and pipeline[-1].verify()
    assert pipeline.score(X, y) > 0.8


def a_scaler_in_front_remembers_what_its_model_forgot(data):
    # The reason to scale inside the recipe, as every estimator does that needs it: the scaler's mean keeps the forgotten.
    ids, X, y = data
    pipeline = pipelines.make_pipeline(StandardScaler(), untrain.RidgeRegressor(standardize=False))
    with pytest.warns(untrain.RemembersForgotten, match="StandardScaler in front of RidgeRegressor"):
        pipeline.fit(X, y, ridgeregressor__ids=ids)
    pipeline[-1].forget("r3")
    without = pipelines.make_pipeline(StandardScaler(), untrain.RidgeRegressor(standardize=False))
    kept = np.arange(120) != 3
    with pytest.warns(untrain.RemembersForgotten):
        without.fit(X[kept], y[kept], ridgeregressor__ids=[name for name in ids if name != "r3"])
    assert pipeline[-1].verify() and pipeline[-1].digest != without[-1].digest


@pytest.mark.filterwarnings("error::untrain.RemembersForgotten")
def what_learns_nothing_may_stand_in_front(data):
    from sklearn.preprocessing import FunctionTransformer, Normalizer

    _, X, y = data
    for step in (FunctionTransformer(np.abs), Normalizer(), "passthrough", None):
        pipelines.Pipeline([("first", step), ("last", untrain.NaiveBayes())]).fit(X, y)
    StandardScaler().fit(X)
    untrain.NaiveBayes().fit(X, y)


def searches_warn_of_what_remembers(data):
    _, X, y = data
    pipeline = pipelines.make_pipeline(StandardScaler(), untrain.sisa(SGDClassifier(), n_shards=2))
    with pytest.warns(untrain.RemembersForgotten):
        model_selection.cross_val_score(pipeline, X, y, cv=2)


def joblib_carries_what_can_forget(tmp_path, data):
    ids, X, y = data
    model = untrain.QuadraticDiscriminantAnalysis().fit(X, y, ids=ids)
    joblib.dump(model, tmp_path / "model")
    again = joblib.load(tmp_path / "model")
    assert again.forget("r3") == model.forget("r3") and again.state_digest == model.state_digest
