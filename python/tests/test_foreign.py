"""Shards of estimators that are not ours."""

import pickle

import numpy as np
import pytest

import untrain

pytest.importorskip("sklearn")
from sklearn import base, ensemble, linear_model, model_selection, naive_bayes, pipeline, preprocessing, svm, tree  # noqa: E402

CLASSIFIERS = [
    tree.DecisionTreeClassifier(max_depth=4),
    ensemble.RandomForestClassifier(n_estimators=5),
    linear_model.SGDClassifier(loss="log_loss"),
    naive_bayes.GaussianNB(),
    svm.LinearSVC(),
    pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.LogisticRegression()),
]
REGRESSORS = [tree.DecisionTreeRegressor(max_depth=4), linear_model.SGDRegressor(), linear_model.Ridge()]


def _others():
    try:
        import xgboost

        yield xgboost.XGBClassifier(n_estimators=5, max_depth=3, n_jobs=1)
        yield xgboost.XGBRegressor(n_estimators=5, max_depth=3, n_jobs=1)
    except ImportError:
        pass
    try:
        import lightgbm

        yield lightgbm.LGBMClassifier(n_estimators=5, min_child_samples=2, n_jobs=1, verbose=-1)
    except ImportError:
        pass


ALL = CLASSIFIERS + REGRESSORS + list(_others())


@pytest.fixture(params=ALL, ids=lambda estimator: type(estimator).__name__)
def sharded(request):
    return untrain.sisa(base.clone(request.param), n_shards=3, n_slices=4, random_state=5)


def forgetting_is_fitting_without_the_records(sharded, data):
    ids, X, y = data
    gone = [3, 17, 60, 119]
    kept = np.setdiff1d(np.arange(len(ids)), gone)
    sharded.fit(X, y, ids=ids)
    before = sharded.digest
    guarantee = sharded.forget([ids[i] for i in gone])
    assert guarantee.kind == "exact" and type(sharded.estimator).__name__ in str(guarantee)
    without = base.clone(sharded).fit(X[kept], y[kept], ids=[ids[i] for i in kept])
    assert np.array_equal(sharded.predict(X), without.predict(X))
    assert sharded.ids == without.ids
    if sharded.determinism_.bytes:
        assert sharded.digest == without.digest and sharded.verify()
    assert sharded.learn(X[gone], y[gone], ids=[ids[i] for i in gone]).kind == "exact"
    if sharded.determinism_.bytes:
        assert sharded.digest == before
    # So few steps as a shard of forty records gives are nothing to a regressor.
    assert isinstance(sharded.estimator, linear_model.SGDRegressor) or sharded.score(X, y) > 0.3


def neither_the_order_of_rows_nor_the_history_is_an_input(data):
    ids, X, y = data
    model = untrain.sisa(linear_model.SGDClassifier(loss="log_loss"), n_shards=3, n_slices=5).fit(X, y, ids=ids)
    turned = base.clone(model).fit(X[::-1], y[::-1], ids=ids[::-1])
    assert turned.digest == model.digest
    for name in ids[:40]:
        turned.forget(name)
    turned.learn(X[:40], y[:40], ids=ids[:40])
    assert turned.digest == model.digest and turned.verify()


def only_shards_that_knew_a_record_train_again(data):
    ids, X, y = data
    model = untrain.sisa(tree.DecisionTreeClassifier(), n_shards=4).fit(X, y, ids=ids)
    before = dict(model._shards)
    shard = model.seats()["r3"][0]
    model.forget("r3")
    assert [place for place in before if before[place] is not model._shards[place]] == [shard]


def slices_go_on_from_checkpoints(data, monkeypatch):
    ids, X, y = data
    seen = []
    step = linear_model.SGDClassifier.partial_fit
    monkeypatch.setattr(linear_model.SGDClassifier, "partial_fit", lambda self, X, *a, **k: (seen.append(len(X)), step(self, X, *a, **k))[1])
    model = untrain.sisa(linear_model.SGDClassifier(loss="log_loss"), n_shards=2, n_slices=4).fit(X, y, ids=ids)
    last = next(name for name, seat in model.seats().items() if seat[1] == 3)
    seen.clear()
    model.forget(last)
    assert len(seen) == 1
    few = untrain.sisa(linear_model.SGDClassifier(loss="log_loss"), n_shards=2, n_slices=4, max_checkpoints=1).fit(X, y, ids=ids)
    assert [len(trained.models) for trained in few._shards.values()] == [1, 1]
    few.forget(last)
    assert few.verify()


def seats_are_those_of_the_learner_sisa(data):
    ids, X, y = data
    foreign = untrain.sisa(linear_model.SGDClassifier(), n_shards=4, n_slices=3, random_state=9).fit(X, y, ids=ids)
    sizes = np.zeros((4, 3), dtype=int)
    for shard, slice_ in foreign.seats().values():
        sizes[shard, slice_] += 1
    ours = untrain.SisaClassifier(estimator=untrain.SGDClassifier(), n_shards=4, n_slices=3, random_state=9).fit(X, y, ids=ids)
    # Of the other learner the seats show where a record's leaving changes the state: in its own shard's bytes and in no others'.
    shards = _shards(ours, X, y, ids)
    name = ids[3]
    ours.forget(name)
    left = [i for i in ids if i != name]
    after = _shards(ours, X[[ids.index(i) for i in left]], y[[ids.index(i) for i in left]], left)
    changed = [shard for shard in range(4) if shards[shard] != after[shard]]
    assert changed == [foreign.seats()[name][0]] and sizes.sum() == 120


def _shards(model, X, y, ids):
    """The bytes of each shard's training."""
    from untrain import _native

    training = _native.Model.training("sisa", model._settings(), model._seed(), *model._arguments(X, y, ids).native)
    return [_native.fit_units(training.recipe, *training.input(shard), shard, shard + 1) for shard in range(training.n_units)]


def labels_of_any_type_and_frames_are_taken(data):
    pd = pytest.importorskip("pandas")
    ids, X, y = data
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=ids)
    labels = np.where(np.arange(120) < 4, "rare", np.where(y == 1, "no", "yes"))
    model = untrain.sisa(tree.DecisionTreeClassifier(), n_shards=3).fit(frame, labels)
    assert model.classes_.tolist() == ["no", "rare", "yes"] and set(model.predict(frame)) <= {"no", "rare", "yes"}
    model.forget(ids[:4])
    assert model.classes_.tolist() == ["no", "yes"] and model.predict_proba(frame).shape == (120, 2) and model.verify()
    with pytest.raises(untrain.SchemaMismatch):
        model.learn(frame.iloc[:1].rename(columns={"a": "z"}), labels[:1])
    only = untrain.sisa(linear_model.LogisticRegression(), n_shards=2).fit(X, np.full(120, "a"), ids=ids)
    assert set(only.predict(X)) == {"a"}
    assert untrain.sisa(tree.DecisionTreeClassifier(), n_shards=3, aggregation="vote").fit(X, y).score(X, y) > 0.8


class Moody(base.ClassifierMixin, base.BaseEstimator):
    """Gives another model every time."""

    def fit(self, X, y):
        self.said_ = np.random.default_rng().normal(size=64)
        return self

    def predict(self, X):
        return (np.resize(self.said_, len(X)) > 0).astype(int)


def what_is_not_deterministic_promises_nothing(data):
    ids, X, y = data
    with pytest.warns(UserWarning, match="two different models"):
        model = untrain.sisa(Moody(), n_shards=2).fit(X, y, ids=ids)
    assert not model.determinism_.predictions
    guarantee = model.forget("r3")
    assert guarantee.kind == "empirical" and "no promise" in str(guarantee)


def bad_requests_change_nothing(data):
    ids, X, y = data
    model = untrain.sisa(tree.DecisionTreeClassifier(), n_shards=3).fit(X, y, ids=ids)
    before = model.digest
    for ask, kind in (
        (lambda: model.forget(["r1", "nobody"]), untrain.UnknownIds),
        (lambda: model.forget(["r1", "r1"]), untrain.RepeatedIds),
        (lambda: model.learn(X[:1], y[:1], ids=["r0"]), untrain.AlreadyPresent),
        (lambda: model.learn(X[:2], y[:2], ids=["z", "z"]), untrain.DuplicateId),
        (lambda: model.learn(X[:1], y[:1]), untrain.NoIds),
        (lambda: model.learn(X[:1, :2], y[:1], ids=["z"]), untrain.SchemaMismatch),
        (lambda: model.set_params(nothing=1), untrain.BadParameter),
        (lambda: untrain.sisa(tree.DecisionTreeClassifier(), n_shards=0).fit(X, y), untrain.BadParameter),
        (lambda: untrain.sisa(tree.DecisionTreeClassifier(), aggregation="sum").fit(X, y), untrain.BadParameter),
        (lambda: untrain.sisa(preprocessing.StandardScaler()), untrain.BadParameter),
        (lambda: untrain.sisa(tree.DecisionTreeClassifier()).forget("r1"), untrain.NotFitted),
        (lambda: untrain.sisa(tree.DecisionTreeClassifier()).fit(X, y).forget("r1"), untrain.NoIds),
        (lambda: model.__setstate__({"format": 2}), untrain.Malformed),
    ):
        with pytest.raises(kind):
            ask()
    assert model.digest == before and len(model.ids) == 120
    model.forget(["r1", "nobody"], ignore_unknown=True)
    assert len(model.ids) == 119


def a_pickle_forgets_as_the_model_does(data):
    ids, X, y = data
    model = untrain.sisa(linear_model.SGDClassifier(), n_shards=3).fit(X, y, ids=ids)
    twin = pickle.loads(pickle.dumps(model))
    assert twin.forget("r9") == model.forget("r9") and twin.digest == model.digest


def it_works_in_searches(data):
    _, X, y = data
    model = untrain.sisa(tree.DecisionTreeClassifier(), n_shards=3)
    search = model_selection.GridSearchCV(model, {"estimator__max_depth": [1, 6], "n_shards": [2]}, cv=2).fit(X, y)
    assert search.best_params_["n_shards"] == 2 and search.score(X, y) > 0.7
