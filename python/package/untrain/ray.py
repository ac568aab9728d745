"""Trainings that many machines share, as tasks of Ray: ``pip install untrain[ray]``.

What is to be done is a description: the recipe, the seed, which units, and the records by URI and SHA-256. What comes out is an object
whose name is its SHA-256, and a row that says so. Objects and rows are created, and never written over: a task may run twice, and what
it gives is there once. Records and models move through the storage, never through Ray's own object store, from which nobody could
erase them.
"""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import urllib.parse
import urllib.request
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import _native
from .base import Estimator
from .errors import BadParameter, Malformed, NotDeterministic
from .foreign import Foreign, Part, Train, Trained
from .foreign import train as train_part
from .results import Guarantee
from .tables import texts

_FORMAT = 1


class Storage:
    """Objects by content and rows by task, in a directory that every machine sees.

    Parameters
    ----------
    uri : str
        As ``file:///shared/untrain``; a path does too.
    """

    def __init__(self, uri: str | os.PathLike[str]) -> None:
        text = os.fspath(uri)
        parts = urllib.parse.urlsplit(text)
        if parts.scheme not in ("", "file"):
            hint = "mount it as a directory on every machine, and give file:///…"
            raise BadParameter(f"there is no storage for {parts.scheme}://", hint, name="storage")
        path = Path(urllib.request.url2pathname(parts.path) if parts.scheme else text)
        self.root = path.resolve()
        self.uri = self.root.as_uri()

    def put(self, content: bytes) -> str:
        """Keeps an object; returns its SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        self._create(self.root / "objects" / digest, content)
        return digest

    def get(self, digest: str) -> bytes:
        """An object, checked."""
        content = (self.root / "objects" / digest).read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise Malformed(f"the object {digest} of {self.uri} was changed", "remove it, and do the training again")
        return content

    def publish(self, key: str, output: str) -> str:
        """Notes what a task gave, once; returns what the row says.

        Raises
        ------
        NotDeterministic
            If the task gave something else before.
        """
        path = self.root / "rows" / key
        self._create(path, output.encode())
        found = path.read_text()
        if found != output:
            raise NotDeterministic(f"the task {key} gave {output}, and {found} before", "its estimator is not deterministic")
        return found

    def published(self, key: str) -> str | None:
        """What a task gave, if it was done and what it gave is still there."""
        try:
            output = (self.root / "rows" / key).read_text()
        except FileNotFoundError:
            return None
        return output if (self.root / "objects" / output).exists() else None

    def erase(self, objects: set[str], rows: set[str]) -> None:
        """Removes what nobody needs any more."""
        for folder, names in (("rows", rows), ("objects", objects)):
            for name in names:
                (self.root / folder / name).unlink(missing_ok=True)

    def _create(self, path: Path, content: bytes) -> None:
        """Makes a file whole, or leaves the one that is there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        unfinished.write_bytes(content)
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass
        finally:
            unfinished.unlink()


class Task(NamedTuple):
    """What is to be done, whoever does it."""

    kind: str
    """"units" of a recipe of ours, or a "part" of a foreign estimator's shards."""
    storage: str
    """The URI of the storage."""
    input: str
    """The SHA-256 of the input among its objects."""
    units: tuple[int, int] = (0, 0)
    """The first unit, and the one after the last."""

    @property
    def key(self) -> str:
        """What the row of the task is called: the SHA-256 of all that the output depends on."""
        described = {"format": _FORMAT, "program": _version(), "kind": self.kind, "input": self.input, "units": self.units}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


def run(task: Task) -> str:
    """Does a task, unless it was done; returns the SHA-256 of the output. It may be run anywhere, and any number of times."""
    storage = Storage(task.storage)
    done = storage.published(task.key)
    if done is not None:
        return done
    given = storage.get(task.input)
    if task.kind == "units":
        recipe, schema, records = pickle.loads(given)
        output = _native.fit_units(recipe, schema, records, *task.units)
    else:
        part, begun = pickle.loads(given)
        output = pickle.dumps(tuple(train_part(Part(*part), None if begun is None else Trained(*begun))), protocol=4)
    return storage.publish(task.key, storage.put(output))


class Cluster:
    """Machines that share a training.

    Parameters
    ----------
    storage : str or path
        A directory that every machine sees, as ``file:///shared/untrain``.
    n_tasks : int
        Into how many tasks the trees of a forest are divided at most; shards are a task each.
    options : dict, optional
        Options of every Ray task, as ``{"num_cpus": 2}``.
    insecure : bool
        Whether to work on a cluster that runs the code of everybody who reaches its ports.

    Notes
    -----
    What comes out has the bytes of a training on one machine. Tasks are done at least once: when a machine is lost, Ray has others do
    its tasks. The results are published once, and a task that gives two answers is an error.

    A forgotten record leaves the storage: `forget` writes the inputs of the shards that knew it anew, and erases the old ones and all
    that was made of them.

    Examples
    --------
    >>> import ray, untrain
    >>> from untrain.ray import Cluster
    >>> cluster = Cluster("file:///shared/untrain")  # doctest: +SKIP
    >>> model = cluster.fit(untrain.SisaClassifier(n_shards=64), X, y, ids=ids)  # doctest: +SKIP
    >>> cluster.forget(model, ["p17"]).kind  # doctest: +SKIP
    'exact'
    """

    def __init__(
        self,
        storage: str | os.PathLike[str],
        *,
        n_tasks: int = 16,
        options: dict[str, Any] | None = None,
        insecure: bool = False,
    ) -> None:
        self.storage = Storage(storage)
        self.n_tasks = n_tasks
        self.options = options or {}
        if os.environ.get("RAY_AUTH_MODE") != "token" and not insecure:
            hint = "start it with RAY_AUTH_MODE=token, or say insecure=True in a network where nobody else is"
            raise BadParameter("this Ray cluster runs the code of everybody who reaches it", hint, name="insecure")

    def fit(self, estimator: Any, X: Any, y: Any = None, ids: Any = None) -> Any:
        """Trains an estimator that is made of shards or trees: as its ``fit``, on the cluster.

        Parameters
        ----------
        estimator : ForestClassifier, ForestRegressor, SisaClassifier, SisaRegressor, or what ``untrain.sisa`` makes
            What is to be trained.
        X, y, ids
            As for its ``fit``.

        Returns
        -------
        estimator
        """
        held = _Held()
        if isinstance(estimator, Foreign):
            estimator._fit(X, y, ids, self._parts(held))
        else:
            arguments = _ours(estimator)._arguments(X, y, ids)
            training = _native.Model.training(estimator._learner, estimator._settings(), estimator._seed(), *arguments.native)
            estimator._set_model(self._units(training, estimator, held), arguments)
            estimator._changed()
        self._settle(estimator, held)
        return estimator

    def forget(self, estimator: Any, ids: Any, ignore_unknown: bool = False) -> Guarantee:
        """Has an estimator forget records: the shards that knew them train anew on the cluster.

        A forest forgets by itself, which takes less than a task does.
        """
        held = _Held()
        if isinstance(estimator, Foreign):
            guarantee = estimator._forget(ids, ignore_unknown, self._parts(held))
        elif _ours(estimator)._learner == "forest":
            guarantee = estimator.forget(ids, ignore_unknown)
        else:
            training = estimator._forgettable().training_without(texts(ids), ignore_unknown)
            estimator._model = self._units(training, estimator, held)
            guarantee = Guarantee("exact")
        self._settle(estimator, held)
        return guarantee

    def learn(self, estimator: Any, X: Any, y: Any = None, ids: Any = None) -> Guarantee:
        """Has an estimator learn more records: the shards that they join train anew on the cluster."""
        held = _Held()
        if isinstance(estimator, Foreign):
            guarantee = estimator._learn(X, y, ids, self._parts(held))
        elif _ours(estimator)._learner == "forest":
            guarantee = estimator.learn(X, y, ids)
        else:
            training = estimator._fitted().training_with(*estimator._more(X, y, ids))
            estimator._model = self._units(training, estimator, held)
            guarantee = Guarantee("exact")
        self._settle(estimator, held)
        return guarantee

    def _units(self, training: _native.Training, estimator: Estimator, held: _Held) -> _native.Model:
        n, sharded = training.n_units, estimator._learner == "sisa"
        step = 1 if sharded else -(-n // max(1, min(self.n_tasks, n)))
        tasks, whole = [], None
        for first in range(0, n, step):
            if whole is None or sharded:
                whole = self.storage.put(pickle.dumps((training.recipe, *training.input(first)), protocol=4))
            tasks.append(Task("units", self.storage.uri, whole, (first, min(n, first + step))))
        return training.assemble(self._done(tasks, held))

    def _parts(self, held: _Held) -> Train:
        def train(parts: Sequence[Part], begun: Sequence[Trained | None]) -> list[Trained]:
            inputs = [
                pickle.dumps((tuple(part), None if kept is None else tuple(kept)), protocol=4)
                for part, kept in zip(parts, begun, strict=True)
            ]
            tasks = [Task("part", self.storage.uri, self.storage.put(given)) for given in inputs]
            return [Trained(*pickle.loads(output)) for output in self._done(tasks, held)]

        return train

    def _done(self, tasks: list[Task], held: _Held) -> list[bytes]:
        """Has the tasks done, those that were not; returns what they gave."""
        import ray

        found = [self.storage.published(task.key) for task in tasks]
        remote = ray.remote(run).options(max_retries=-1, scheduling_strategy="SPREAD", **self.options)
        begun = {place: remote.remote(task) for place, (task, output) in enumerate(zip(tasks, found, strict=True)) if output is None}
        given = dict(zip(begun, ray.get(list(begun.values())), strict=True))
        outputs = [given.get(place) or found[place] for place in range(len(tasks))]
        held.objects |= {task.input for task in tasks} | {output for output in outputs if output}
        held.rows |= {task.key for task in tasks}
        return [self.storage.get(output) for output in outputs if output]

    def _settle(self, estimator: Any, held: _Held) -> None:
        """Erases what the estimator had in the storage before, and needs no more."""
        before = getattr(estimator, "_cluster", None)
        if before is not None:
            self.storage.erase(before.objects - held.objects, before.rows - held.rows)
        estimator._cluster = held


class _Held:
    """What an estimator has in the storage."""

    def __init__(self) -> None:
        self.objects: set[str] = set()
        self.rows: set[str] = set()


def _ours(estimator: Any) -> Estimator:
    if not isinstance(estimator, Estimator) or estimator._learner not in ("forest", "sisa"):
        hint = "forests, Sisa* and untrain.sisa(…) are made of parts; other estimators train on one machine"
        raise BadParameter(f"{type(estimator).__name__} is not made of parts that machines could share", hint, name="estimator")
    return estimator


def _version() -> str:
    from . import __version__

    return __version__
