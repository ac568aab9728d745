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


def _fresh(estimator):
    return type(estimator)(**estimator.get_params())


def forgetting_is_fitting_without_the_records(estimator, data):
    ids, X, y = data
    gone = [3, 17, 60, 119]
    kept = np.setdiff1d(np.arange(len(ids)), gone)
    guarantee = estimator.fit(X, y, ids=ids).forget([ids[i] for i in gone])
    assert guarantee == untrain.Guarantee("exact")
    without = _fresh(estimator).fit(X[kept], y[kept], ids=[ids[i] for i in kept])
    assert _digests(estimator) == _digests(without)
    assert np.array_equal(estimator.predict(X), without.predict(X))
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
    assert np.array_equal(estimator.predict(X), twin.predict(X))


def a_pickle_carries_no_engine_code(data):
    import pickletools

    ids, X, y = data
    dumped = pickle.dumps(untrain.RidgeClassifier().fit(X, y, ids=ids))
    named = {arg for opcode, arg, _ in pickletools.genops(dumped) if opcode.name in ("GLOBAL", "SHORT_BINUNICODE") and arg}
    assert "_native" not in " ".join(map(str, named))


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
    for labels in (y, y.astype(bool), y.astype(float), y.astype("int8") * 12 - 3, np.where(y == 1, "b", "a")):
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
@pytest.mark.parametrize(("learner", "kind"), [("forest", "ForestClassifier"), ("logistic", "LogisticClassifier"), ("qda", "QuadraticDiscriminantAnalysis")])
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
    seeded = {"random_state": 7} if learner != "qda" else {}
    model = getattr(untrain, kind)(**seeded).fit(frame, label)
    assert (model.digest, model.state_digest) == _reported(trained)
    forgotten = run("forget", "people", "--id", "r3", "--id", "r17")
    model.forget(["r3", "r17"])
    assert (model.digest, model.state_digest) == _reported(forgotten["models"][0])


def _reported(report):
    return report["digest"], report["state_digest"]
