"""Stores from Python are the command line's."""

import json
import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

import untrain
from untrain import reports

PROGRAM = os.environ.get("UNTRAIN") or shutil.which("untrain")
needs_program = pytest.mark.skipif(PROGRAM is None, reason="the command line is not there: UNTRAIN names it")
CSV = "id,age,city,buys\n" + "".join(f"p{i},{20 + i * 7 % 50},{'Ulm' if i % 3 else 'Bonn'},{'yes' if i * 13 % 10 > 4 else 'no'}\n" for i in range(200))


@pytest.fixture
def people(tmp_path):
    (tmp_path / "people.csv").write_text(CSV)
    return tmp_path / "people.csv"


@pytest.fixture
def store(tmp_path, people):
    store = untrain.open(tmp_path / "store")
    store.import_(people, "people", id="id", target="buys", holdout=0.2)
    store.train("people", "trees", untrain.ForestClassifier(n_trees=10, random_state=7))
    return store


def _run(store, *arguments):
    said = subprocess.run([PROGRAM, *arguments, "--store", store, "--json"], capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stderr
    return json.loads(said.stdout)


def a_store_does_what_the_command_line_does(store, tmp_path):
    shown = store.show("trees")
    assert isinstance(shown, reports.ShownModel) and shown.history[0].event == "train" and shown.guarantee == untrain.Guarantee("exact")
    assert store.show("people").held_out + shown.records == 200
    assert [line.dataset for line in store.list().datasets] == ["people"]
    assert store.evaluate("trees").accuracy > 0.5 and store.evaluate("trees", tmp_path / "people.csv").records == 200
    said = store.predict("trees", {"age": [30, 40], "city": ["Ulm", "Bonn"]})
    assert said.ids == ["1", "2"] and said.classes == ["no", "yes"] and said.probabilities.shape == (2, 2)
    assert set(said.prediction) <= {"no", "yes"}
    dry = store.forget("people", "p3", dry_run=True)
    assert dry.dry_run and dry.request is None and store.show("people").records == 200
    request = store.forget("people", ["p3", "p17"], where="age = 20", request="mail-1", receipt=tmp_path / "receipt.zip", verify=True)
    assert request.forgotten == 6 and request.models[0].model == "trees"
    assert store.forget("people", "p3", request="mail-1").repeated
    verified = store.verify("trees")
    assert verified and verified.digest == store.show("trees").digest
    checked = untrain.check(tmp_path / "receipt.zip", store.path / "keys" / "policy.txt", artefact=store.artefact("trees"))
    assert checked and checked.checked["dataset"] == "people" and "Accepted" not in checked.report
    assert not untrain.check(store.receipt(1)[0][:-40])
    more = {"id": ["q1", "q2"], "age": [30, 31], "city": ["Ulm", None], "buys": ["no", "yes"]}
    assert store.learn("people", more).learnt == 2
    assert store.artefact_json("trees")["classes"] == ["no", "yes"]
    store.export("trees", tmp_path / "trees.json")
    assert json.loads((tmp_path / "trees.json").read_text()) == store.artefact_json("trees")
    assert store.plan("people", "sgd", requests=10).entries
    assert len(_ids(store)) == 196
    assert store.log().size >= 4 and store.audit_log().audited


def _ids(store):
    return store.records("people").ids


def requests_wait_are_held_and_end(store):
    first = store.forget("people", "p3", defer=True, regime="gdpr", request="mail")
    assert first.state == "scoped" and first.due_ms is not None
    assert [line.key for line in store.requests(open=True)] == ["mail"] and not store.requests(held=True) + store.requests(late=True)
    assert store.confirm("mail").confirmed_ms and store.extend("mail", "many").reason == "many"
    assert store.hold("mail", "a court").hold == "a court"
    assert store.forget_deferred("people").forgotten == 1
    assert store.release("mail").hold is None
    other = store.forget("people", "p5", defer=True)
    assert store.cancel(other.request).state == "cancelled"
    another = store.forget("people", "p5", defer=True)
    assert store.refuse(another.request, "not hers").reason == "not hers"
    with pytest.raises(untrain.RequestRefused):
        store.refuse(another.request, "again")
    assert store.show(1)["request"] == 1
    assert store.destroy_suppression_list() == 1


def backups_come_back(store, tmp_path):
    backup = store.backup(tmp_path / "backup")
    assert backup.records == 200 and store.backups()[0].epoch == backup.epoch
    store.forget("people", "p3")
    restored = untrain.restore(tmp_path / "backup", tmp_path / "again", keys=store.path / "keys")
    assert restored.forgotten == 1 and restored.from_ == str(tmp_path / "backup") and restored.to_dict()["from"] == restored.from_
    again = untrain.open(tmp_path / "again")
    assert again.show("trees").digest == store.show("trees").digest
    assert store.destroy_backup(backup.epoch)[0].destroyed


def audits_show_how_far_they_are(store, tmp_path, monkeypatch):
    tqdm = pytest.importorskip("tqdm.auto")
    seen = []

    class Bar(tqdm.tqdm):
        def update(self, n=1):
            seen.append(n)
            return super().update(n)

    monkeypatch.setattr(tqdm, "tqdm", Bar)
    store.import_(tmp_path / "people.csv", "all", id="id", target="buys")
    store.train("all", "whole", "forest", {"n_trees": 5}, seed=1)
    report = store.audit("whole", forget=["p3", "p5", "p8"], worlds=12, canaries=5, out=tmp_path / "audit.html")
    assert report.worlds == 12 and report.asked <= 3 and sum(seen) == 12
    assert (tmp_path / "audit.html").read_text().startswith("<!")
    assert report.verdict in ("passes", "undecided") and report.replayed == report.replays
    exposed = store.exposures("trees", points=5, shadows=8)
    assert len(exposed.records) == 5 and exposed.records[0].lira >= exposed.records[-1].lira
    with pytest.raises(untrain.AuditRefused) as error:
        store.audit("trees", worlds=2)
    assert "store.exposures()" in error.value.hint
    mark = store.mark("trees", {"age": [30] * 40, "city": ["Ulm"] * 40}, "yes", 0.95)
    assert mark.queries == 40


def keys_are_shown_and_replaced(store):
    before = store.keys()
    assert {line.role for line in before.keys} == {"log", "issuer"}
    after = store.rotate("issuer")
    assert sum(line.role == "issuer" for line in after.keys) == 2
    with pytest.raises(untrain.UntrainError):
        store.trust("nonsense")
    with pytest.raises(untrain.UntrainError):
        store.require_witnesses(3)


def every_source_of_records_is_read_alike(tmp_path, people):
    pd, pl, pa = pytest.importorskip("pandas"), pytest.importorskip("polars"), pytest.importorskip("pyarrow")
    frame = pd.read_csv(people)
    sources = {
        "file": people,
        "pandas": frame,
        "index": frame.set_index("id"),
        "polars": pl.from_pandas(frame),
        "arrow": pa.Table.from_pandas(frame),
        "dict": frame.to_dict("list"),
        "arrays": {name: frame[name].to_numpy() for name in frame},
    }
    found = set()
    for name, source in sources.items():
        store = untrain.open(tmp_path / name)
        store.import_(source, "people", id=None if name == "index" else "id", target="buys")
        found.add(store.train("people", "m", "forest", {"n_trees": 5}, seed=3).state_digest)
        assert store.evaluate("m", source).accuracy is not None
        assert store.predict("m", source).prediction.shape == (200,)
    assert len(found) == 1


@needs_program
def one_reads_what_the_other_made(store, tmp_path):
    path = str(store.path)
    assert _run(path, "show", "trees") == store.show("trees").to_dict()
    assert _run(path, "show", "people") == store.show("people").to_dict()
    theirs = _run(path, "forget", "people", "--id", "p3")
    assert store.show("trees").digest == theirs["models"][0]["digest"]
    ours = store.forget("people", "p17")
    assert _run(path, "show", "trees")["digest"] == ours.models[0].digest
    assert _run(path, "verify", "trees")["equal"]
    (tmp_path / "other.csv").write_text(CSV)
    other = str(tmp_path / "other")
    _run(other, "import", str(tmp_path / "other.csv"), "--as", "people", "--id", "id", "--target", "buys", "--holdout", "0.2")
    trained = _run(other, "train", "people", "--as", "trees", "--learner", "forest", "--set", "n_trees=10", "--seed", "7")
    twin = untrain.open(other)
    assert twin.show("trees").digest == trained["digest"]
    assert twin.forget("people", ["p3", "p17"]).models[0].state_digest == ours.models[0].state_digest
    for verb in (("list",), ("keys",), ("log",), ("requests",), ("plan", "people", "--learner", "sgd")):
        said = _run(other, *verb)
        ours = {"list": twin.list, "keys": twin.keys, "log": twin.log, "plan": lambda: twin.plan("people", "sgd")}.get(verb[0])
        if ours is not None:
            assert said == ours().to_dict()
        else:
            assert [line["request"] for line in said["requests"]] == [line.request for line in twin.requests()]


HOLD = """
import sys, time
import sqlite3, pathlib
import untrain
store = untrain.Store(sys.argv[1])
def wait(done, planned):
    sys.stdout.write("held\\n")  # in one piece: worlds are made on several threads
    sys.stdout.flush()
    time.sleep(30)
store._native.ask(sys.argv[2], None, wait)
"""


def a_store_that_others_hold_is_told_of(store):
    options = {"forget": None, "attacks": [], "budget": 1.0, "worlds": 12, "points": 10, "canaries": 3, "level": 0.05, "seed": 0}
    ask = json.dumps({"verb": "audit", "model": "trees", "options": options, "out": None})
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(store.path), ask], cwd=store.path.parent, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout.readline() == "held\n"
        began = time.monotonic()
        with pytest.raises(untrain.StoreBusy) as error:
            untrain.open(store.path, wait=0.2).forget("people", "p3")
        assert "wait=" in error.value.hint and error.value.path == store.path and time.monotonic() - began < 5
        # Readers do not stand in each other's way.
        assert untrain.open(store.path, wait=0.2).list().datasets
    finally:
        other.kill()
        other.wait()
    assert store.forget("people", "p3").forgotten == 1


def what_is_not_there_is_told_with_the_nearest(store, tmp_path):
    with pytest.raises(untrain.UnknownDataset) as error:
        store.forget("peeple", "p3")
    assert error.value.name == "peeple" and "people" in error.value.hint
    with pytest.raises(untrain.UnknownModel) as error:
        store.verify("tree")
    assert "trees" in error.value.hint
    with pytest.raises(untrain.UnknownModel, match="did you mean"):
        store.show("treees")
    with pytest.raises(untrain.UnknownRequest):
        store.show(7, kind="request")
    with pytest.raises(untrain.UnknownIds) as unknown:
        store.forget("people", ["p3", "nobody"])
    assert unknown.value.ids == ["nobody"] and "ignore_unknown" in unknown.value.hint
    with pytest.raises(untrain.AlreadyExists) as error:
        store.train("people", "trees", "forest")
    assert "replace=True" in error.value.hint
    with pytest.raises(untrain.BadRecords) as error:
        store.import_(tmp_path / "nowhere.csv", "x", id="id")
    assert "nowhere.csv" in str(error.value)
    with pytest.raises(untrain.BadRecords) as error:
        store.import_({"a": [1, 2]}, "x")
    assert "id=" in error.value.hint
    with pytest.raises(untrain.DuplicateId):
        store.import_({"id": ["a", "a"], "x": [1, 2]}, "x", id="id")
    with pytest.raises(untrain.BadRecords, match="several types"):
        store.import_({"id": ["a", "b"], "x": [1, "y"]}, "x", id="id")
    with pytest.raises(untrain.BadParameter) as error:
        store.train("people", "m", "forrest")
    assert "forest" in error.value.hint
    with pytest.raises(untrain.BadSelection):
        store.forget("people", where="age <")
    with pytest.raises(untrain.BadSelection) as error:
        store.forget("people", subjects=["Ada"])
    assert "subject=" in error.value.hint
    with pytest.raises(untrain.RequestRefused):
        store.forget_deferred("people")
    with pytest.raises(untrain.NoShard):
        store.verify("trees", shard=0)
    store.forget("people", "p3")
    with pytest.raises(untrain.Returning) as error:
        store.learn("people", {"id": ["p3"], "age": [1], "city": ["Ulm"], "buys": ["no"]})
    assert error.value.ids == ["p3"] and "forgotten=" in error.value.hint
    report = store.learn("people", {"id": ["p3"], "age": [1], "city": ["Ulm"], "buys": ["no"]}, forgotten="accept")
    assert report.learnt == 1


def shards_are_verified_one_by_one(store):
    store.train("people", "shards", untrain.SisaClassifier(estimator=untrain.SGDClassifier(), n_shards=3, random_state=1))
    assert store.verify("shards", shard=1).n_shards == 3 and store.verify("shards", shard="random")
    assert store.verify("shards", span=(0, 2))


def reports_are_up_to_date():
    import pathlib
    import runpy

    here = pathlib.Path(__file__).parent
    assert (here.parent / "package" / "untrain" / "reports.py").read_text() == runpy.run_path(str(here / "reports.py"))["text"]()


def numbers_of_numpy_are_hyperparameters(store):
    report = store.train("people", "np", "forest", {"n_trees": np.int64(4), "subsample": np.float64(0.5)}, seed=1)
    assert report.recipe["params"]["n_trees"] == 4
