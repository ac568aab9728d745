"""Shards and slices of any estimator that has ``fit`` and ``predict``: scikit-learn's, XGBoost's, LightGBM's."""

from __future__ import annotations

import hashlib
import inspect
import pickle
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from . import _native
from .errors import (
    AlreadyPresent,
    BadParameter,
    DuplicateId,
    Malformed,
    NoIds,
    RepeatedIds,
    SchemaMismatch,
    UnknownIds,
    not_fitted,
)
from .pipelines import warn_of_memory
from .results import Guarantee, Verification
from .tables import check_shape, is_pandas, target, texts

if TYPE_CHECKING:
    from typing_extensions import Self

_FORMAT = 1
"""The format of pickles; it grows when an older version could not read them."""
_PROTOCOL = 4
"""Models are pickled by one protocol, so that Pythons agree about the bytes."""


@dataclass(frozen=True)
class Determinism:
    """What two trainings on the same records with the same seed had in common.

    Attributes
    ----------
    estimator : str
        The class of the estimator.
    bytes : bool
        Whether both gave the same bytes.
    predictions : bool
        Whether both say the same of the records that they were trained on.
    records : int
        How many records these are: those of the largest shard.
    """

    estimator: str
    bytes: bool
    predictions: bool
    records: int

    def __str__(self) -> str:
        found = "the same bytes" if self.bytes else "the same predictions, in other bytes" if self.predictions else "two different models"
        return f"two trainings of {self.estimator} on {self.records} records gave {found}"


class Part(NamedTuple):
    """A shard to be trained: all that its training depends on."""

    template: bytes
    """The estimator, not fitted, as a pickle."""
    seed: int
    shard: int
    task: str
    keeps: tuple[int, ...]
    """The slices after which a checkpoint is kept; the last is the model."""
    n_epochs: int
    rows: bytes
    """The records as a pickle: features, targets and slices, in the order of slices and ids."""


class Trained(NamedTuple):
    """A trained shard."""

    classes: tuple[Any, ...]
    """The labels of its records, sorted; none for numbers."""
    models: dict[int, bytes]
    """The model after each slice that is kept, as a pickle; the last is the shard's."""


def sisa(
    estimator: Any,
    *,
    n_shards: int = 8,
    n_slices: int = 4,
    aggregation: str = "mean",
    max_checkpoints: int | None = None,
    n_epochs: int = 1,
    random_state: int | None = None,
) -> ForeignClassifier | ForeignRegressor:
    """Shards an estimator of another library, so that it can forget: only the shards retrain that knew a record.

    Parameters
    ----------
    estimator : classifier or regressor
        Anything with scikit-learn's protocol. Every parameter called ``random_state`` is set from ours, a shard each.
    n_shards : int
        How many shards. A record's shard and slice follow from its id alone, as with the learner "sisa".
    n_slices : int
        How many slices a shard is trained in, where the estimator has ``partial_fit``: forgetting starts at the slice of the record.
    aggregation : {"mean", "vote"}
        How what shards say becomes one: by the mean of probabilities or numbers, or by the label that most of them say.
    max_checkpoints : int, optional
        How many models a shard keeps at most.
    n_epochs : int
        How often ``partial_fit`` sees the records so far after each slice has joined.
    random_state : int, optional
        The key of all randomness; None is 0.

    Returns
    -------
    ForeignClassifier or ForeignRegressor

    Notes
    -----
    The guarantee is exact as far as the estimator is deterministic. The first `fit` trains the largest shard twice and compares;
    ``determinism_`` says what was found, and so does every guarantee. A model that gave two answers promises nothing.

    Examples
    --------
    >>> import numpy as np, untrain
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> X = np.arange(400.0).reshape(200, 2) % 23
    >>> model = untrain.sisa(DecisionTreeClassifier(), n_shards=4).fit(X, X[:, 0] > 11, ids=range(200))
    >>> model.forget([3, 17]).kind
    'exact'
    >>> len(model.ids), bool(model.verify())
    (198, True)
    """
    from sklearn.base import is_classifier, is_regressor

    if not (is_classifier(estimator) or is_regressor(estimator)):
        raise BadParameter(f"{type(estimator).__name__} is neither a classifier nor a regressor", None, name="estimator")
    kind = ForeignClassifier if is_classifier(estimator) else ForeignRegressor
    return kind(
        estimator,
        n_shards=n_shards,
        n_slices=n_slices,
        aggregation=aggregation,
        max_checkpoints=max_checkpoints,
        n_epochs=n_epochs,
        random_state=random_state,
    )


Train = Callable[[Sequence[Part], Sequence[Trained | None]], list[Trained]]
"""Trains shards, each from the last of its checkpoints on."""


class Foreign:
    """What `ForeignClassifier` and `ForeignRegressor` share; `sisa` makes them."""

    _task: str
    _estimator_type: str
    _AGGREGATIONS: tuple[str, ...] = ("mean",)

    determinism_: Determinism
    """What the trial of `fit` found."""

    _rows: _Rows
    _shards: dict[int, Trained]
    _settings: dict[str, Any]
    _named: bool

    def __init__(
        self,
        estimator: Any = None,
        *,
        n_shards: int = 8,
        n_slices: int = 4,
        aggregation: str = "mean",
        max_checkpoints: int | None = None,
        n_epochs: int = 1,
        random_state: int | None = None,
    ) -> None:
        self.estimator = estimator
        self.n_shards = n_shards
        self.n_slices = n_slices
        self.aggregation = aggregation
        self.max_checkpoints = max_checkpoints
        self.n_epochs = n_epochs
        self.random_state = random_state

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The hyperparameters by name; with ``deep``, those of the estimator too."""
        params = {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}
        if deep and self.estimator is not None:
            params |= {f"estimator__{name}": value for name, value in self.estimator.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Sets hyperparameters; the model that is fitted stays what it was."""
        own = inspect.signature(type(self)).parameters
        inner = {name.removeprefix("estimator__"): value for name, value in params.items() if name.startswith("estimator__")}
        for name, value in params.items():
            if name in own:
                setattr(self, name, value)
            elif not name.startswith("estimator__"):
                raise BadParameter(f"Invalid parameter {name!r} for estimator {self}.", f"Valid parameters are: {', '.join(own)}", name=name)
        if inner:
            self.estimator.set_params(**inner)
        return self

    # Training and forgetting

    def fit(self, X: Any, y: Any, ids: Any = None) -> Self:
        """Trains all shards.

        Parameters
        ----------
        X : array or DataFrame of shape (n, d)
            The features, as the estimator takes them.
        y : array of shape (n,)
            The targets.
        ids : sequence of n strings or integers, optional
            The names of the records; the index of a pandas DataFrame by default.

        Returns
        -------
        self
        """
        warn_of_memory(self)
        return self._fit(X, y, ids, _locally)

    def _fit(self, X: Any, y: Any, ids: Any, train: Train) -> Self:
        self._check()
        X = _table(X)
        names, named = _named(X, ids)
        rows = _Rows.of(self, X, y, names)
        fresh = type(self)(**self.get_params(deep=False))
        fresh._rows, fresh._settings = rows, self._made_of()
        shards = sorted({seat[0] for seat in rows.seats})
        fresh._shards = dict(zip(shards, train([fresh._part(shard) for shard in shards], [None] * len(shards)), strict=True))
        fresh.determinism_ = fresh._tried()
        self._rows, self._shards, self._settings, self._named = fresh._rows, fresh._shards, fresh._settings, named
        self.determinism_, self.n_features_in_ = fresh.determinism_, rows.width
        if not self.determinism_.predictions:
            warnings.warn(f"{self.determinism_}: what it forgets may be no model without the records", stacklevel=3)
        return self

    def forget(self, ids: Any, ignore_unknown: bool = False) -> Guarantee:
        """Forgets records: their shards go back to the checkpoint before the first of them, and train on."""
        return self._forget(ids, ignore_unknown, _locally)

    def _forget(self, ids: Any, ignore_unknown: bool, train: Train) -> Guarantee:
        rows = self._forgettable()
        gone = rows.places(texts(ids), ignore_unknown)
        return self._revised(rows.without(gone), [rows.seats[place] for place in gone], train)

    def learn(self, X: Any, y: Any, ids: Any = None) -> Guarantee:
        """Learns more records: the model becomes the one that `fit` gives with all of them."""
        return self._learn(X, y, ids, _locally)

    def _learn(self, X: Any, y: Any, ids: Any, train: Train) -> Guarantee:
        rows, X = self._forgettable(), _table(X)
        names, named = _named(X, ids)
        if not named:
            raise NoIds("records can be learnt only by ids", "give ids=… to learn")
        more = _Rows.of(self, X, y, names, rows)
        return self._revised(rows.union(more), more.seats, train)

    def _revised(self, rows: _Rows, seats: Sequence[tuple[int, int]], train: Train) -> Guarantee:
        """Lets the shards of these seats change, all of them or, if one fails, none."""
        first: dict[int, int] = {}
        for shard, slice_ in seats:
            first[shard] = min(slice_, first.get(shard, slice_))
        old, self._rows = self._rows, rows
        try:
            left = {seat[0] for seat in rows.seats}
            again = [shard for shard in sorted(first) if shard in left]
            parts = [self._part(shard) for shard in again]
            begun = [self._kept(shard, part, first[shard]) for shard, part in zip(again, parts, strict=True)]
            trained = train(parts, begun)
        except BaseException:
            self._rows = old
            raise
        shards = {shard: known for shard, known in self._shards.items() if shard not in first}
        self._shards = dict(sorted((shards | dict(zip(again, trained, strict=True))).items()))
        return self.guarantee

    @property
    def guarantee(self) -> Guarantee:
        """What `forget` promises: exact, as far as the estimator is deterministic."""
        self._forgettable_or_not()
        kind = "exact" if self.determinism_.predictions else "empirical"
        return Guarantee(kind, condition=f"as far as it is deterministic: {self.determinism_}")

    def verify(self) -> Verification:
        """Trains all shards anew on the records that are left, and compares the digests."""
        rows = self._forgettable_or_not()
        shards = sorted({seat[0] for seat in rows.seats})
        again = _digest(dict(zip(shards, _locally([self._part(shard) for shard in shards], [None] * len(shards)), strict=True)))
        return Verification(self.digest == again, len(rows.ids), self.digest, self.digest, again, again)

    # What it knows

    @property
    def digest(self) -> str:
        """The SHA-256 over the pickles of the shards' models and checkpoints."""
        self._forgettable_or_not()
        return _digest(self._shards)

    @property
    def ids(self) -> list[str]:
        """The ids of the records that the model knows, sorted."""
        return sorted(self._forgettable_or_not().ids)

    def seats(self) -> dict[str, tuple[int, int]]:
        """The shard and the slice of every record."""
        rows = self._forgettable_or_not()
        return dict(zip(rows.ids, rows.seats, strict=True))

    # What training needs

    def _check(self) -> None:
        if not hasattr(self.estimator, "fit"):
            raise BadParameter(f"estimator cannot be {self.estimator!r}", "give one that has fit and predict", name="estimator")
        for name, least, most in (("n_shards", 1, 4096), ("n_slices", 1, 1024), ("n_epochs", 1, 1000), ("random_state", 0, 2**64 - 1)):
            value = getattr(self, name)
            value = 0 if value is None and name == "random_state" else value
            if isinstance(value, bool) or not hasattr(value, "__index__") or not least <= value <= most:
                raise BadParameter(f"{name} cannot be {value!r}", f"it is an integer from {least} to {most}", name=name)
        if self.aggregation not in self._AGGREGATIONS:
            raise BadParameter(f"aggregation cannot be {self.aggregation!r}", f"it is one of {self._AGGREGATIONS}", name="aggregation")
        if self.max_checkpoints is not None and not self.max_checkpoints >= 1:
            raise BadParameter("max_checkpoints is at least 1", None, name="max_checkpoints")

    def _made_of(self) -> dict[str, Any]:
        """What models are trained by, as it is at `fit`: parameters that are set later do not count until then."""
        from sklearn.base import clone

        template = clone(self.estimator)
        n_slices = int(self.n_slices) if hasattr(template, "partial_fit") else 1
        kept = min(self.max_checkpoints or n_slices, n_slices)
        keeps = tuple(slice_ for slice_ in range(n_slices) if (slice_ + 1) * kept // n_slices > slice_ * kept // n_slices)
        return {
            "template": _dumped(template),
            "keeps": keeps,
            "n_shards": int(self.n_shards),
            "n_slices": n_slices,
            "n_epochs": int(self.n_epochs),
            "seed": 0 if self.random_state is None else int(self.random_state),
        }

    def _part(self, shard: int) -> Part:
        made = self._settings
        return Part(made["template"], made["seed"], shard, self._task, made["keeps"], made["n_epochs"], self._rows.of_shard(shard))

    def _kept(self, shard: int, part: Part, slice_: int) -> Trained | None:
        """The checkpoints of a shard that know nothing of its slices from this one on."""
        known = self._shards.get(shard)
        if known is None or known.classes != _classes(part):
            return None
        kept = {after: model for after, model in known.models.items() if after < slice_}
        return Trained(known.classes, kept) if kept else None

    def _tried(self) -> Determinism:
        """Trains the largest shard once more, and compares."""
        shard = max(self._shards, key=lambda shard: (sum(seat[0] == shard for seat in self._rows.seats), -shard))
        part, first = self._part(shard), self._shards[shard]
        (second,) = _locally([part], [None])
        X, _, _ = pickle.loads(part.rows)
        said = [_said(trained, X) for trained in (first, second)]
        import numpy as np

        same = first == second
        return Determinism(type(self.estimator).__name__, same, same or bool(np.array_equal(*said)), _n_rows(X))

    def _forgettable(self) -> _Rows:
        rows = self._forgettable_or_not()
        if not self._named:
            raise NoIds("the records have no ids that a request could name", "fit(X, y, ids=…), or fit on a DataFrame with an index")
        return rows

    def _forgettable_or_not(self) -> _Rows:
        if not self.__sklearn_is_fitted__():
            raise not_fitted(self)
        return self._rows

    def _outputs(self, X: Any) -> list[tuple[Trained, Any]]:
        """What each shard says of rows."""
        self._forgettable_or_not()
        X = _table(X)
        return [(trained, _said(trained, X)) for trained in self._shards.values()]

    # Protocols

    def __sklearn_is_fitted__(self) -> bool:
        return "_rows" in self.__dict__

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags = get_tags(self.estimator)
        tags.input_tags.sparse = tags.target_tags.multi_output = False
        if tags.classifier_tags is not None:
            tags.classifier_tags.multi_label = False
        return tags

    def __repr__(self) -> str:
        return f"untrain.sisa({self.estimator!r}, n_shards={self.n_shards}, n_slices={self.n_slices})"

    def __getstate__(self) -> dict[str, Any]:
        return {"format": _FORMAT, "attributes": {name: value for name, value in self.__dict__.items() if name != "_cluster"}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("format") != _FORMAT:
            raise Malformed(f"the pickle is of format {state.get('format')}, and this version reads {_FORMAT}", "upgrade untrain")
        self.__dict__.update(state["attributes"])


class ForeignClassifier(Foreign):
    """Shards of a classifier of another library.

    The classifier sees labels as their places among those of its shard, 0, 1 and so on.
    """

    _task = "classification"
    _estimator_type = "classifier"
    _AGGREGATIONS = ("mean", "vote")

    @property
    def classes_(self) -> Any:
        """The labels among the records that the model knows, sorted."""
        import numpy as np

        self._forgettable_or_not()
        return np.asarray(sorted({label for trained in self._shards.values() for label in trained.classes}))

    def predict(self, X: Any) -> Any:
        """The label of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        """The mean of the shards' probabilities, or the share of shards that say each label, shape (n, len(classes_))."""
        import numpy as np

        classes = self.classes_.tolist()
        outputs = self._outputs(X)
        mean = np.zeros((len(outputs[0][1]), len(classes)))
        for trained, said in outputs:
            if said.ndim == 1 or self.aggregation == "vote":
                places = said.astype(int) if said.ndim == 1 else said.argmax(axis=1)
                said = np.eye(len(trained.classes))[places]
            mean[:, [classes.index(label) for label in trained.classes]] += said
        return mean / len(outputs)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose label is predicted."""
        import numpy as np

        return float(np.average(np.asarray(y).reshape(-1) == self.predict(X), weights=sample_weight))


class ForeignRegressor(Foreign):
    """Shards of a regressor of another library."""

    _task = "regression"
    _estimator_type = "regressor"

    def predict(self, X: Any) -> Any:
        """The mean of the shards' numbers."""
        outputs = self._outputs(X)
        return sum(said for _, said in outputs) / len(outputs)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination, R²."""
        from sklearn.metrics import r2_score

        return float(r2_score(y, self.predict(X), sample_weight=sample_weight))


class _Rows(NamedTuple):
    """Records and their seats, in no order that matters."""

    ids: list[str]
    seats: list[tuple[int, int]]
    X: Any
    y: Any
    width: int
    columns: tuple[str, ...] | None

    @classmethod
    def of(cls, model: Foreign, X: Any, y: Any, ids: list[str], known: _Rows | None = None) -> _Rows:
        import numpy as np

        # What our own estimators refuse as targets is refused here too; the estimator gets them in their own type.
        target(y, model._task == "classification")
        y = np.asarray(y).reshape(-1)
        if not len(y) == _n_rows(X) == len(ids):
            raise SchemaMismatch(f"there are {_n_rows(X)} rows, {len(y)} targets and {len(ids)} ids")
        columns = tuple(map(str, X.columns)) if hasattr(X, "columns") else None
        if known is not None:
            if (X.shape[1], columns) != (known.width, known.columns):
                raise SchemaMismatch(f"the columns are {columns or X.shape[1]}, and the model knows {known.columns or known.width}")
            present = [name for name in ids if name in set(known.ids)]
            if present:
                raise AlreadyPresent(f"records already have the ids {', '.join(present[:5])}", "to replace a record, forget it", ids=present)
        if len(set(ids)) < len(ids):
            twice = next(name for name in ids if ids.count(name) > 1)
            raise DuplicateId(f'the id "{twice}" occurs more than once', "make the ids distinct before you fit", id=twice)
        made = model._made_of() if known is None else model._settings
        seats = _native.seats(ids, made["n_shards"], made["n_slices"], made["seed"])
        return cls(ids, seats, X, y, X.shape[1], columns)

    def places(self, ids: list[str], ignore_unknown: bool) -> list[int]:
        where = {name: place for place, name in enumerate(self.ids)}
        unknown = [name for name in ids if name not in where]
        if unknown and not ignore_unknown:
            hint = "ignore_unknown=True passes over such ids"
            raise UnknownIds(f"no records have the ids {', '.join(unknown[:5])}", hint, ids=unknown)
        if len(set(ids)) < len(ids):
            raise RepeatedIds("the request repeats ids", "name each id once", ids=sorted({name for name in ids if ids.count(name) > 1}))
        return [where[name] for name in ids if name in where]

    def without(self, gone: list[int]) -> _Rows:
        left = set(gone)
        return self._at([place for place in range(len(self.ids)) if place not in left])

    def union(self, more: _Rows) -> _Rows:
        import numpy as np

        if hasattr(self.X, "iloc"):
            import pandas as pd

            X = pd.concat([self.X, more.X])
        else:
            X = np.concatenate([self.X, more.X])
        y = np.concatenate([self.y, more.y])
        return _Rows(self.ids + more.ids, self.seats + more.seats, X, y, self.width, self.columns)

    def of_shard(self, shard: int) -> bytes:
        """The records of a shard in the order of slices and ids, as a pickle."""
        places = [place for place, seat in enumerate(self.seats) if seat[0] == shard]
        places.sort(key=lambda place: (self.seats[place][1], self.ids[place].encode()))
        rows = self._at(places)
        # Neither names nor the index of a frame reach a model.
        X = rows.X.reset_index(drop=True) if hasattr(rows.X, "reset_index") else rows.X
        return _dumped((X, rows.y, tuple(seat[1] for seat in rows.seats)))

    def _at(self, places: list[int]) -> _Rows:
        X = self.X.iloc[places] if hasattr(self.X, "iloc") else self.X[places]
        return _Rows(
            ids=[self.ids[place] for place in places], seats=[self.seats[place] for place in places], X=X, y=self.y[places], width=self.width, columns=self.columns
        )


class _Constant:
    """The model of a shard whose records all have one label, which many classifiers refuse."""

    def predict_proba(self, X: Any) -> Any:
        """The label is certain."""
        import numpy as np

        return np.ones((_n_rows(X), 1))


def train(part: Part, begun: Trained | None = None) -> Trained:
    """Trains a shard, from the last of the checkpoints in ``begun`` on; a pure function, on whatever machine."""
    import numpy as np

    X, y, slices = pickle.loads(part.rows)
    classes = _classes(part)
    if part.task == "classification":
        y = np.searchsorted(np.asarray(classes, dtype=y.dtype), y)
    if len(classes) == 1:
        return Trained(classes, {part.keeps[-1]: _dumped(_Constant())})
    models = {} if begun is None else dict(begun.models)
    # Each step starts from bytes, so that going on from a checkpoint and training through are one thing.
    model = models[max(models)] if models else part.template
    last = max(models, default=-1)
    ends = np.searchsorted(np.asarray(slices), np.arange(part.keeps[-1] + 1), side="right")
    incremental = hasattr(pickle.loads(part.template), "partial_fit") and part.keeps[-1] > 0
    if not incremental:
        fitted = _seeded(pickle.loads(model), part)
        fitted.fit(X, y)
        return Trained(classes, {part.keeps[-1]: _dumped(fitted)})
    known = {} if part.task == "regression" else {"classes": np.arange(len(classes))}
    for slice_ in range(last + 1, part.keeps[-1] + 1):
        begin, end = (int(ends[slice_ - 1]) if slice_ else 0), int(ends[slice_])
        if end > begin:
            step = pickle.loads(model)
            step = _seeded(step, part) if begin == 0 else step
            for _ in range(part.n_epochs):
                step.partial_fit(_rows(X, end), y[:end], **known)
            model = _dumped(step)
        if slice_ in part.keeps and end > 0:
            models[slice_] = model
    return Trained(classes, models)


def _locally(parts: Sequence[Part], begun: Sequence[Trained | None]) -> list[Trained]:
    return [train(part, kept) for part, kept in zip(parts, begun, strict=True)]


def _classes(part: Part) -> tuple[Any, ...]:
    """The labels of a shard, sorted."""
    if part.task == "regression":
        return ()
    import numpy as np

    _, y, _ = pickle.loads(part.rows)
    return tuple(np.unique(y).tolist())


def _seeded(estimator: Any, part: Part) -> Any:
    """Sets every parameter for randomness from the seed and the shard."""
    keyed = {}
    for name in sorted(estimator.get_params()):
        if name == "random_state" or name.endswith("__random_state"):
            digest = hashlib.sha256(f"{part.seed}/{part.shard}/{name}".encode()).digest()
            keyed[name] = int.from_bytes(digest[:4], "big") >> 1
    return estimator.set_params(**keyed) if keyed else estimator


def _said(trained: Trained, X: Any) -> Any:
    """The probabilities, the places of labels, or the numbers that a shard's model gives."""
    import numpy as np

    model = pickle.loads(trained.models[max(trained.models)])
    X = X.reset_index(drop=True) if hasattr(X, "reset_index") else X
    if trained.classes and hasattr(model, "predict_proba"):
        return np.asarray(model.predict_proba(X), dtype=float)
    return np.asarray(model.predict(X), dtype=float).reshape(-1)


def _digest(shards: dict[int, Trained]) -> str:
    whole = hashlib.sha256()
    for shard, trained in sorted(shards.items()):
        for slice_, model in sorted(trained.models.items()):
            whole.update(f"{shard}/{slice_}/{trained.classes!r}/".encode() + hashlib.sha256(model).digest())
    return whole.hexdigest()


def _dumped(value: Any) -> bytes:
    return pickle.dumps(value, protocol=_PROTOCOL)


def _named(X: Any, ids: Any) -> tuple[list[str], bool]:
    """What the records are called, and whether somebody said so."""
    if ids is None and is_pandas(X, "DataFrame"):
        ids = X.index
    if ids is None:
        return [str(row) for row in range(_n_rows(X))], False
    return texts(ids), True


def _table(X: Any) -> Any:
    """A frame as it is, and anything else as an array."""
    if hasattr(X, "tocsr"):
        raise TypeError("Sparse data was passed, but dense data is required. Use X.toarray() to convert it.")
    if not hasattr(X, "iloc"):
        import numpy as np

        X = np.asarray(X)
    if X.ndim != 2:
        raise SchemaMismatch(f"Expected 2D array, got {X.ndim}D array instead", "Reshape your data: X.reshape(-1, 1)")
    check_shape(X.shape)
    return X


def _n_rows(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _rows(X: Any, n: int) -> Any:
    return X.iloc[:n] if hasattr(X, "iloc") else X[:n]


__all__ = ["Determinism", "ForeignClassifier", "ForeignRegressor", "sisa"]
