"""Networks: images in, the bytes of the command line out."""

import os
import pickle
import subprocess

import numpy as np
import pytest

import untrain


@pytest.fixture
def images():
    """Ids, images of 8 × 8, and labels that a corner decides."""
    X = np.random.default_rng(3).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    return [f"r{i:02}" for i in range(60)], X, np.where(X[:, 0, 0] > 127, "light", "dark")


def _kinds():
    cnn = {"channels": (4,), "hidden": 8, "n_epochs": 2, "random_state": 5}
    return [
        untrain.MLPClassifier(hidden=(8,), n_epochs=2, random_state=5),
        untrain.CNNClassifier(**cnn),
        untrain.ResNetClassifier(depth=20, width=4, n_epochs=1, random_state=5),
        untrain.SisaClassifier(estimator=untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=1), n_shards=3, n_slices=2, random_state=5),
    ]


@pytest.mark.parametrize("model", _kinds(), ids=lambda model: type(model).__name__)
def images_are_forgotten(images, model):
    ids, X, y = images
    kept = np.arange(60) >= 2
    guarantee = model.fit(X, y, ids=ids).forget(ids[:2])
    assert guarantee.kind == "exact" and model.verify() and len(model.records) == 58
    digest = model.digest
    assert model.learn(X[:2], y[:2], ids=ids[:2]).kind == "exact" and model.digest != digest
    assert model.predict_proba(X).shape == (60, 2)
    without = type(model)(**model.get_params(deep=False)).fit(X[kept], y[kept], ids=ids[2:])
    assert without.digest == digest
    back = pickle.loads(pickle.dumps(model))
    assert back.digest == model.digest and back.forget(ids[:2]).kind == "exact" and back.digest == digest


def colours_are_channels(images):
    ids, X, y = images
    colours = np.stack([X, X // 2, 255 - X], axis=-1)
    model = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=1).fit(colours, y, ids=ids)
    assert model.predict(colours).shape == (60,)
    with pytest.raises(untrain.SchemaMismatch, match="channels first") as error:
        model.fit(colours.transpose(0, 3, 1, 2), y)
    assert "transpose(0, 2, 3, 1)" in error.value.hint
    with pytest.raises(untrain.UntrainError):
        model.predict(X)


def what_is_no_image_is_refused(images):
    _, X, y = images
    model = untrain.CNNClassifier()
    for wrong, kind in (
        (X / 255, untrain.BadValue),
        (X.astype(int) + 1000, untrain.BadValue),
        (X[:, 0], untrain.SchemaMismatch),
        (X[:0], untrain.SchemaMismatch),
        ([X[0], X[1, :4]], untrain.SchemaMismatch),
    ):
        with pytest.raises(kind):
            model.fit(wrong, y[: len(wrong)])
    with pytest.raises(untrain.UntrainError):
        untrain.ResNetClassifier(depth=21).fit(X, y)


def a_head_learns_on_a_frozen_network(images, tmp_path):
    ids, X, y = images
    others = np.random.default_rng(4).integers(0, 256, (60, 8, 8), dtype=np.uint8)
    frozen = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=2).fit(others, others[:, 0, 0] > 127)
    path = tmp_path / "frozen.safetensors"
    path.write_bytes(frozen.safetensors())
    looks = {"kind": "cnn", "channels": [4], "hidden": 8}
    model = untrain.HeadClassifier(network=looks, weights=path, mean=(0.5,), deviation=(0.25,)).fit(X, y, ids=ids)
    assert model.forget("r07").kind == "exact" and model.verify()
    assert pickle.loads(pickle.dumps(model)).digest == model.digest
    path.write_bytes(path.read_bytes()[:-4] + bytes(4))
    with pytest.raises(untrain.UntrainError, match="frozen.safetensors"):
        model.verify()
    with pytest.raises(untrain.BadParameter):
        untrain.HeadClassifier().fit(X, y)


def a_file_has_the_names_of_pytorch(images):
    safetensors = pytest.importorskip("safetensors.numpy")
    ids, X, y = images
    model = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=1).fit(X, y, ids=ids)
    tensors = safetensors.load(model.safetensors())
    assert {name: values.shape for name, values in tensors.items()} == {
        "conv1.weight": (4, 1, 3, 3), "conv1.bias": (4,), "fc1.weight": (8, 64), "fc1.bias": (8,), "fc2.weight": (2, 8), "fc2.bias": (2,),
    }


@pytest.mark.skipif("UNTRAIN" not in os.environ, reason="UNTRAIN names no command line")
def the_digest_is_that_of_the_command_line(images, tmp_path):
    Image = pytest.importorskip("PIL.Image")
    ids, X, y = images
    for name, pixels, label in zip(ids, X, y, strict=True):
        place = tmp_path / "images" / label
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{name}.png")

    def run(*arguments):
        command = [os.environ["UNTRAIN"], "--store", str(tmp_path / "store"), "--quiet", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    run("import", str(tmp_path / "images"), "--as", "images")
    sets = ["--set", "n_epochs=2", "--set", "channels=[4]", "--set", "hidden=8"]
    run("train", "images", "--as", "cnn", "--learner", "cnn", "--seed", "5", *sets)
    names = [f"{label}/{name}.png" for name, label in zip(ids, y, strict=True)]
    model = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=2, random_state=5).fit(X, y, ids=names)
    assert model.digest in run("show", "cnn", "--json")
    store = untrain.open(tmp_path / "store")
    assert store.predict("cnn", str(tmp_path / "images")) is not None


def the_names_of_scikit_learn_are_known(data):
    ids, X, y = data
    one = untrain.MLPClassifier(hidden=(8,), n_epochs=3, learning_rate=0.01).fit(X, y, ids=ids)
    other = untrain.MLPClassifier(hidden_layer_sizes=(8,), max_iter=3, learning_rate_init=0.01).fit(X, y, ids=ids)
    assert one.digest == other.digest and one.n_iter_ == 3


@pytest.fixture
def store(tmp_path):
    random = np.random.default_rng(5)
    a, b = random.normal(size=200), random.normal(size=200)
    store = untrain.open(tmp_path / "store")
    store.import_({"id": [f"p{i}" for i in range(200)], "a": a, "b": b, "y": ["up" if v > 0 else "down" for v in a]}, "points", id="id", target="y")
    store.train("points", "net", untrain.MLPClassifier(hidden=(8,), n_epochs=3, random_state=5))
    return store


def a_store_compares_methods(store, tmp_path):
    found = store.compare("net", {"fine_tune": {"n_epochs": 1}, "reset_layers": {}}, worlds=10, points=30, seed=1, out=tmp_path / "page.html")
    rows = {row.name: row for row in found.rows}
    assert {"original", "retrain", "second retrain", "fine_tune", "reset_layers"} <= set(rows)
    assert rows["fine_tune"].settings["n_epochs"] == 1 and 0 <= rows["fine_tune"].privacy["value"] <= 1
    assert found.worlds == 10 and found.goal == "random" and "<svg" in (tmp_path / "page.html").read_text()
    with pytest.raises(untrain.BadParameter, match="fine_tun"):
        store.compare("net", "fine_tun", worlds=10)
    store.train("points", "trees", "forest", {"n_trees": 3}, seed=1)
    with pytest.raises(untrain.UntrainError, match="network"):
        store.compare("trees")


def a_method_promises_less_and_exact_forgetting_mends_it(store, tmp_path):
    digest = store.show("net").digest
    request = store.forget("points", ["p3", "p4"], method="fine_tune", params={"n_epochs": 1})
    assert request.models[0].guarantee.kind == "empirical" and store.show("net").digest != digest
    assert not store.verify("net")
    assert store.forget("points", "p5").models[0].guarantee.kind == "exact" and store.verify("net")
    store.export("net", tmp_path / "net.safetensors", "safetensors")
    assert (tmp_path / "net.safetensors").stat().st_size > 8 * 4 * 4
    with pytest.raises(untrain.BadParameter):
        store.export("net", tmp_path / "net", "onnx")


def training_begins_with_a_network_of_a_file(images, tmp_path):
    ids, X, y = images
    path = tmp_path / "before.safetensors"
    before = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=2).fit(X, y, ids=ids)
    path.write_bytes(before.safetensors())
    same = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=0, initial=path).fit(X, y, ids=ids)
    assert np.array_equal(same.predict_proba(X), before.predict_proba(X))
    tuned = untrain.CNNClassifier(channels=(4,), hidden=8, n_epochs=1, initial=path).fit(X, y, ids=ids)
    assert tuned.digest != before.digest and tuned.forget("r03").kind == "exact" and tuned.verify()
