"""Bad input: which exception, what it carries, and what it suggests."""

import pickle

import numpy as np
import pytest

import untrain

X = np.arange(40.0).reshape(20, 2)
Y = np.arange(20) % 2


def duplicate_ids_are_refused():
    with pytest.raises(untrain.DuplicateId) as error:
        untrain.RidgeClassifier().fit(X, Y, ids=[0] * 20)
    assert error.value.id == "0" and error.value.hint


@pytest.mark.parametrize("missing", [None, float("nan"), "", 1.5, True, (1, 2)])
def an_id_is_text_or_an_integer(missing):
    with pytest.raises(untrain.MissingId):
        untrain.RidgeClassifier().fit(X, Y, ids=[missing, *range(19)])


def an_array_without_ids_cannot_forget():
    model = untrain.RidgeClassifier().fit(X, Y)
    assert model.verify()
    with pytest.raises(untrain.NoIds) as error:
        model.forget([3])
    assert "ids=" in error.value.hint
    with pytest.raises(untrain.NoIds):
        model.learn(X[:1], Y[:1])


def an_unfitted_estimator_says_so():
    for ask in (lambda m: m.forget([1]), lambda m: m.predict(X), lambda m: m.digest, lambda m: m.verify(), lambda m: m.records):
        with pytest.raises(untrain.NotFitted):
            ask(untrain.RidgeClassifier())


def a_clone_knows_nothing_to_forget():
    sklearn = pytest.importorskip("sklearn.base")
    from sklearn.exceptions import NotFittedError

    model = untrain.ForestClassifier(n_trees=3).fit(X, Y, ids=range(20))
    with pytest.raises(NotFittedError):
        sklearn.clone(model).forget([3])
    assert len(model.records) == 20


def parameters_are_checked_with_the_nearest_name():
    with pytest.raises(TypeError, match="n_trees"):
        untrain.ForestClassifier(n_tree=3)
    for params in ({"n_trees": 0}, {"n_trees": "many"}, {"random_state": -1}, {"random_state": "x"}, {"n_trees": 5, "n_estimators": 6}):
        with pytest.raises(untrain.BadParameter) as error:
            untrain.ForestClassifier(**params).fit(X, Y)
        assert error.value.name in params
    with pytest.raises(untrain.BadParameter):
        untrain.LogisticClassifier(C=0).fit(X, Y)


def aliases_are_the_same_hyperparameter():
    ids = range(20)
    fitted = [m.fit(X, Y, ids=ids).state_digest for m in (untrain.ForestClassifier(n_trees=5), untrain.ForestClassifier(n_estimators=5))]
    assert fitted[0] == fitted[1]
    fitted = [m.fit(X, Y, ids=ids).state_digest for m in (untrain.LogisticClassifier(alpha=4.0), untrain.LogisticClassifier(C=0.25))]
    assert fitted[0] == fitted[1]


def other_columns_than_at_fit_are_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = untrain.RidgeClassifier().fit(frame, Y)
    with pytest.raises(untrain.UnknownColumn) as error:
        model.predict(frame.rename(columns={"b": "c"}))
    assert error.value.name == "b"
    with pytest.raises(untrain.SchemaMismatch, match="expecting 2"):
        model.predict(frame[["a"]])
    assert np.array_equal(model.predict(frame[["b", "a"]]), model.predict(frame))
    assert np.array_equal(model.predict(X), model.predict(frame))


def a_column_of_mixed_types_is_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1, "x"] * 10})
    with pytest.raises(untrain.SchemaMismatch, match="several types"):
        untrain.RidgeClassifier().fit(frame, Y)


@pytest.mark.parametrize(
    "y", [None, Y[:5], np.full(20, np.nan), np.linspace(0, 1, 20), [1, "a"] * 10, np.array([2**60, 1] * 10), np.ones((20, 2))]
)
def targets_that_are_no_labels_are_refused(y):
    with pytest.raises(untrain.SchemaMismatch):
        untrain.RidgeClassifier().fit(X, y)


def numbers_that_are_not_finite_are_refused_by_name():
    infinite = X.copy()
    infinite[3, 1] = np.inf
    with pytest.raises(untrain.BadValue) as error:
        untrain.RidgeClassifier().fit(infinite, Y, ids=[f"r{i}" for i in range(20)])
    assert (error.value.column, error.value.id) == ("x1", "r3")


def a_pickle_that_is_not_ours_is_refused():
    model = untrain.RidgeClassifier().fit(X, Y, ids=range(20))
    state = model.__getstate__()
    with pytest.raises(untrain.Malformed, match="format 2"):
        untrain.RidgeClassifier().__setstate__(state | {"format": 2})
    recipe, schema, records, bytes_ = state["model"]
    damaged = [(recipe, schema, records, bytes_[:-1]), (recipe, schema, records[:50], bytes_), ("{}", schema, records, bytes_)]
    for saved in [*damaged, (recipe, "[]", records, bytes_)]:
        with pytest.raises(untrain.Malformed):
            untrain.RidgeClassifier().__setstate__(state | {"model": saved})


def errors_survive_a_pickle():
    with pytest.raises(untrain.UnknownIds) as raised:
        untrain.RidgeClassifier().fit(X, Y, ids=range(20)).forget("z")
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again), again.ids) == (untrain.UnknownIds, str(raised.value), ["z"])


def an_index_that_is_not_unique_is_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, index=["a", "a", *map(str, range(18))])
    with pytest.raises(untrain.DuplicateId) as error:
        untrain.RidgeClassifier().fit(frame, Y)
    assert error.value.id == "a"
    model = untrain.RidgeClassifier().fit(frame.set_axis(map(str, range(20))), Y)
    with pytest.raises(untrain.DuplicateId):
        model.learn(frame.set_axis(["z", "z", *map(str, range(30, 48))]), Y)
    assert len(model.records) == 20


def a_command_lines_hints_are_told_in_the_words_of_python():
    from untrain.errors import _translated

    for hint, expected in {
        "import the file again with --target COLUMN": "import the file again with target=COLUMN",
        "`untrain keys trust KEY` has the policy trust it": "store.trust() has the policy trust it",
        "name a file to evaluate on, or import with --holdout 0.2": "name a file to evaluate on, or import with holdout=0.2",
        "--ignore-unknown passes over such ids": "ignore_unknown=True passes over such ids",
    }.items():
        assert _translated(hint) == expected
