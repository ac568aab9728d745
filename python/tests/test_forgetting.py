"""Forgetting is training without, and learning is training with."""

import copy
import json
import os
import pickle
import shutil
import subprocess
import threading

import numpy as np
import pytest

import untrain


def _digests(estimator):
    return estimator.digest, estimator.state_digest


def _said(estimator, X):
    return estimator.transform(X) if hasattr(estimator, "transform") else estimator.predict(X)


def _fresh(estimator):
    return type(estimator)(**estimator.get_params(deep=False))


def forgetting_is_fitting_without_the_records(estimator, data):
    ids, X, y = data
    gone = [3, 17, 60, 119]
    kept = np.setdiff1d(np.arange(len(ids)), gone)
    guarantee = estimator.fit(X, y, ids=ids).forget([ids[i] for i in gone])
    assert guarantee == untrain.Guarantee("exact")
    without = _fresh(estimator).fit(X[kept], y[kept], ids=[ids[i] for i in kept])
    assert _digests(estimator) == _digests(without)
    assert np.array_equal(_said(estimator, X), _said(without, X))
    assert estimator.records.ids == without.records.ids == sorted(ids[i] for i in kept)


def learning_is_fitting_with_the_records(estimator, data):
    ids, X, y = data
    estimator.fit(X[:80], y[:80], ids=ids[:80])
    assert estimator.learn(X[80:], y[80:], ids=ids[80:]).kind == "exact"
    assert _digests(estimator) == _digests(_fresh(estimator).fit(X, y, ids=ids))


def the_order_of_rows_is_no_input(estimator, data):
    ids, X, y = data
    turned = _fresh(estimator).fit(X[::-1], y[::-1], ids=ids[::-1])
    assert _digests(estimator.fit(X, y, ids=ids)) == _digests(turned)


def what_forgot_verifies(estimator, data):
    ids, X, y = data
    estimator.fit(X, y, ids=ids)
    estimator.forget("r5")
    verification = estimator.verify()
    assert verification and verification.records == 119 and verification.digest == estimator.digest


def a_model_that_was_tampered_with_does_not_verify(data):
    ids, X, y = data
    estimator = untrain.RidgeRegressor().fit(X, y, ids=ids)
    state = estimator.__getstate__()
    *rest, canonical = state["model"]
    # The last byte but a few is of a sum: a record weighs a little more.
    tampered = canonical[:-2] + bytes([canonical[-2] ^ 1]) + canonical[-1:]
    other = untrain.RidgeRegressor()
    other.__setstate__(state | {"model": (*rest, tampered)})
    assert estimator.verify() and not other.verify()


def a_pickle_forgets_as_the_model_does(estimator, data):
    ids, X, y = data
    estimator.fit(X, y, ids=ids)
    twin, deep = pickle.loads(pickle.dumps(estimator)), copy.deepcopy(estimator)
    for model in (estimator, twin, deep):
        model.forget(["r9", "r11"])
    assert _digests(estimator) == _digests(twin) == _digests(deep)
    assert np.array_equal(_said(estimator, X), _said(twin, X))


class _Careful(pickle.Unpickler):
    """Reads pickles of our estimators and of nothing that could do more than hold values."""

    def find_class(self, module, name):
        if module == "untrain" or (module.partition(".")[0] == "numpy" and name in ("dtype", "_reconstruct", "ndarray")):
            return super().find_class(module, name)
        if (module, name) == ("copyreg", "_reconstructor") or (module, name) == ("builtins", "object"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def a_pickle_holds_nothing_but_values(estimator, data):
    import io

    ids, X, y = data
    dumped = pickle.dumps(estimator.fit(X, y, ids=ids))
    again = _Careful(io.BytesIO(dumped)).load()
    assert _digests(again) == _digests(estimator)


def texts_and_interactions_forget_too():
    import io

    texts = [("good " * (i % 3 + 1) if i % 2 else "bad " * (i % 4 + 1)) + f"word{i % 7}" for i in range(60)]
    labels = ["up" if i % 2 else "down" for i in range(60)]
    had = [(f"user{i % 9}", f"item{i % 5 + i % 2}", 1 + i % 3) for i in range(60)]
    for model, X, y in ((untrain.TextClassifier(), texts, labels), (untrain.Recommender(n_top=2), had, None)):
        model.fit(X, y, ids=range(60))
        assert model.forget([3, 17]).kind == "exact"
        kept = [i for i in range(60) if i not in (3, 17)]
        without = _fresh(model).fit([X[i] for i in kept], None if y is None else [y[i] for i in kept], ids=kept)
        assert _digests(model) == _digests(without) and model.verify()
        again = _Careful(io.BytesIO(pickle.dumps(model))).load()
        assert again.learn([X[i] for i in (3, 17)], None if y is None else [y[3], y[17]], ids=[3, 17]).kind == "exact"
        assert _digests(again) == _digests(_fresh(model).fit(X, y, ids=range(60)))
    assert untrain.TextClassifier().fit(texts, labels).predict(["good good", "bad"]).tolist() == ["up", "down"]


def texts_and_interactions_come_in_any_table():
    pd, pl, pa = pytest.importorskip("pandas"), pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    texts, labels, ids = ["good", "bad"] * 10, ["up", "down"] * 10, list(range(20))
    frame = pd.DataFrame({"note": texts})
    tables = [texts, np.array(texts), pd.Series(texts), frame, pl.Series(texts), pl.from_pandas(frame), pa.table({"note": texts}), frame.to_numpy()]
    assert len({untrain.TextClassifier().fit(X, labels, ids=ids).state_digest for X in tables}) == 1
    had = pd.DataFrame({"who": [i % 4 for i in range(20)], "what": [f"item{i % 3}" for i in range(20)]})
    tables = [had, pl.from_pandas(had), pa.Table.from_pandas(had), had.to_numpy()]
    assert len({untrain.Recommender().fit(X, ids=ids).state_digest for X in tables}) == 1
    with pytest.raises(untrain.SchemaMismatch):
        untrain.Recommender().fit(frame)
    with pytest.raises(untrain.SchemaMismatch):
        untrain.TextClassifier().fit(had, labels)
    with pytest.raises(untrain.SchemaMismatch):
        untrain.TextClassifier().fit("good", ["up"])
    with pytest.raises(untrain.BadValue):
        untrain.TextClassifier().fit(["good", None], ["up", "down"])


def labels_of_clusters_leave_with_a_record(data):
    ids, X, _ = data
    model = untrain.KMeans(n_clusters=2)
    assert np.array_equal(model.fit_predict(X, ids=ids), model.labels_) and set(model.labels_) == {0, 1}
    assert model.score(X) < 0
    model.forget("r3")
    assert not hasattr(model, "labels_")


def shards_take_an_estimator_of_ours(data):
    ids, X, y = data
    model = untrain.SisaClassifier(estimator=untrain.ForestClassifier(n_trees=3), n_shards=4, random_state=1)
    assert model.set_params(estimator__n_trees=5).get_params()["estimator__n_trees"] == 5
    assert model.fit(X, y, ids=ids).score(X, y) > 0.75
    with pytest.raises(untrain.BadParameter, match="random_state"):
        model.set_params(estimator__random_state=3).fit(X, y)
    for wrong in (untrain.RidgeRegressor(), "forest", object()):
        with pytest.raises(untrain.BadParameter) as error:
            untrain.SisaClassifier(estimator=wrong).fit(X, y)
        assert error.value.name == "estimator"


def a_refused_request_changes_nothing(estimator, data):
    ids, X, y = data
    estimator.fit(X, y, ids=ids)
    before = _digests(estimator)
    with pytest.raises(untrain.UnknownIds) as unknown:
        estimator.forget(["r1", "nobody"])
    assert unknown.value.ids == ["nobody"] and "ignore_unknown" in unknown.value.hint
    with pytest.raises(untrain.RepeatedIds):
        estimator.forget(["r1", "r1"])
    with pytest.raises(untrain.AlreadyPresent) as present:
        estimator.learn(X[:1], y[:1], ids=["r0"])
    assert present.value.ids == ["r0"]
    assert _digests(estimator) == before and len(estimator.records) == 120


def unknown_ids_can_be_passed_over(data):
    ids, X, y = data
    model = untrain.RidgeRegressor().fit(X, y, ids=ids)
    model.forget(["r1", "nobody"], ignore_unknown=True)
    assert len(model.records) == 119


def a_label_leaves_with_its_last_record(classifier, data):
    ids, X, y = data
    labels = np.where(np.arange(120) < 4, "rare", np.where(y == 1, "yes", "no"))
    classifier.fit(X, labels, ids=ids)
    assert list(classifier.classes_) == ["no", "rare", "yes"]
    classifier.forget(ids[:4])
    assert list(classifier.classes_) == ["no", "yes"]
    assert classifier.predict_proba(X).shape == (120, 2)


def labels_come_back_as_they_were(classifier, data):
    ids, X, y = data
    for labels in (y, y > 1, y.astype(float), y.astype("int8") * 12 - 3, np.where(y == 1, "b", "a")):
        classifier.fit(X, labels, ids=ids)
        assert classifier.predict(X).dtype == labels.dtype
        assert set(classifier.predict(X)) <= set(labels)
        assert classifier.score(X, labels) > 0.75
        proba = classifier.predict_proba(X)
        assert np.allclose(proba.sum(axis=1), 1.0)
        assert np.mean(classifier.classes_[proba.argmax(axis=1)] == labels) > 0.75


def many_numeric_labels_are_sorted_as_numbers():
    X = np.repeat(np.arange(12.0), 20).reshape(-1, 1)
    model = untrain.KNeighborsClassifier().fit(X, X[:, 0].astype(int))
    assert list(model.classes_) == list(range(12))
    assert np.array_equal(model.classes_[model.predict_proba(X).argmax(axis=1)], model.predict(X))


def threads_may_look_while_one_forgets(data):
    ids, X, y = data
    model = untrain.ForestClassifier(n_trees=10).fit(X, y, ids=ids)
    failures = []

    def look():
        try:
            for _ in range(20):
                model.predict(X)
        except Exception as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(40):
        model.forget(ids[i])
    for thread in threads:
        thread.join()
    assert not failures and model.verify()


PROGRAM = os.environ.get("UNTRAIN") or shutil.which("untrain")


@pytest.mark.skipif(PROGRAM is None, reason="the command line is not there: UNTRAIN names it")
@pytest.mark.parametrize(
    ("learner", "kind"),
    [
        ("forest", "ForestClassifier"),
        ("logistic", "LogisticClassifier"),
        ("qda", "QuadraticDiscriminantAnalysis"),
        ("sisa", "SisaClassifier"),
        ("kmeans", "KMeans"),
        ("pca", "PCA"),
    ],
)
def the_command_line_has_the_same_digests(tmp_path, data, learner, kind):
    pd = pytest.importorskip("pandas")
    ids, X, y = data
    frame = pd.DataFrame(X, columns=["a", "b", "c"], index=pd.Index(ids, name="id"))
    frame["city"] = pd.Categorical(np.where(np.arange(120) % 3 == 0, "Bonn", "Ulm"))
    frame.loc["r7", "b"] = np.nan
    label = pd.Series(np.where(y == 1, "yes", "no"), index=frame.index, name="buys")
    frame.assign(buys=label).to_csv(tmp_path / "people.csv")

    def run(*arguments):
        # The program's own settings come from the environment, and none shall.
        said = subprocess.run([PROGRAM, *arguments, "--store", "store", "--json"], cwd=tmp_path, capture_output=True, text=True, check=True)
        return json.loads(said.stdout)

    run("import", "people.csv", "--as", "people", "--id", "id", "--target", "buys", "--categorical", "city")
    trained = run("train", "people", "--learner", learner, "--seed", "7", "--as", "m")
    seeded = {"random_state": 7} if learner not in ("qda", "pca") else {}
    model = getattr(untrain, kind)(**seeded).fit(frame, label)
    assert (model.digest, model.state_digest) == _reported(trained)
    forgotten = run("forget", "people", "--id", "r3", "--id", "r17")
    model.forget(["r3", "r17"])
    assert (model.digest, model.state_digest) == _reported(forgotten["models"][0])


def _reported(report):
    return report["digest"], report["state_digest"]
