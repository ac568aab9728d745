"""The estimator that all others are: hyperparameters, a native model, and scikit-learn's conventions."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from . import _native
from .errors import BadParameter, Malformed, NoIds, SchemaMismatch, UnknownColumn, not_fitted
from .pipelines import warn_of_memory
from .results import Guarantee, Verification
from .tables import Features, Target, features, target, texts

if TYPE_CHECKING:
    from typing_extensions import Self

_FORMAT = 1
"""The format of pickles; it grows when an older version could not read them."""


class Estimator:
    """What all estimators share.

    Parameters are set by `__init__`, `set_params` and as attributes, and are looked at by `fit`. One of them at ``None`` is as the
    engine has it by default. Randomness is keyed by ``random_state``, an integer: ``None`` is 0, and there is no estimator that
    gives another model when it is fitted again.
    """

    _learner: ClassVar[str]
    _task: ClassVar[str | None] = None
    _signature: ClassVar[inspect.Signature]
    _aliases: ClassVar[dict[str, tuple[str, Any]]]
    _fixed: ClassVar[dict[str, Any]] = {}
    _positive: ClassVar[bool] = False
    _subject: str | None = None

    _dtype: Any
    _model: _native.Model | None = None
    _named: bool = False

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The hyperparameters by name; with ``deep``, those of an estimator among them too, as ``estimator__alpha``."""
        params = {name: getattr(self, name) for name in self._signature.parameters}
        if deep:
            for name, value in list(params.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    params |= {f"{name}__{inner}": given for inner, given in value.get_params().items()}
        return params

    def set_params(self, **params: Any) -> Self:
        """Sets hyperparameters; those of the model that is fitted stay what they were."""
        nested = {name: params.pop(name) for name in list(params) if "__" in name}
        for name in params:
            if name not in self._signature.parameters:
                known = ", ".join(self._signature.parameters)
                raise BadParameter(f"Invalid parameter {name!r} for estimator {self}.", f"Valid parameters are: {known}", name=name)
        for name, value in params.items():
            setattr(self, name, value)
        for name, value in nested.items():
            outer, _, inner = name.partition("__")
            if not hasattr(getattr(self, outer, None), "set_params"):
                raise BadParameter(f"Invalid parameter {outer!r} for estimator {self}.", "only estimators have parameters", name=name)
            getattr(self, outer).set_params(**{inner: value})
        return self

    def _settings(self) -> list[tuple[str, str]]:
        """The hyperparameters that are set, by the engine's names, as JSON."""
        params = self.get_params(deep=False)
        for name in ("random_state", "estimator"):
            params.pop(name, None)
        for alias, (name, convert) in self._aliases.items():
            value = params.pop(alias)
            if value is None:
                continue
            if params[name] != self._signature.parameters[name].default:
                raise BadParameter(f"{alias} and {name} are two names for one hyperparameter", "set one of them", name=alias)
            params[name] = value if convert is None else convert(value)
        task = {} if self._task is None else {"task": self._task}
        settings = task | self._fixed | {name: value for name, value in params.items() if value is not None}
        return [(name, _json(name, value)) for name, value in settings.items()]

    def _seed(self) -> int:
        seed = getattr(self, "random_state", None)
        seed = 0 if seed is None else getattr(seed, "item", lambda: seed)()
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            reason = f"random_state cannot be {seed!r}"
            raise BadParameter(reason, "give an integer from 0 on: randomness is keyed by it, not drawn in sequence", name="random_state")
        return seed

    # Training and forgetting

    def fit(self, X: Any, y: Any = None, ids: Any = None) -> Self:
        """Trains on records.

        Parameters
        ----------
        X : array, DataFrame or Arrow table of shape (n, d)
            The features. The types of a table's columns are declarations: text and categories are categories, and stay so.
            NaN and nulls are missing values.
        y : array of shape (n,)
            The targets; passed over by an estimator that has none.
        ids : sequence of n strings or integers, optional
            The names of the records. The index of a pandas DataFrame by default; without either the estimator cannot forget.

        Returns
        -------
        self
        """
        warn_of_memory(self)
        arguments = self._arguments(X, y, ids)
        self._set_model(_native.Model.fit(self._learner, self._settings(), self._seed(), *arguments.native), arguments)
        return self

    def forget(self, ids: Any, ignore_unknown: bool = False) -> Guarantee:
        """Forgets records, by their ids; ``print`` the guarantee to read what is promised.

        Parameters
        ----------
        ids : str, int, or sequence of these
            The records.
        ignore_unknown : bool
            Whether to pass over ids that no record has.

        Returns
        -------
        Guarantee

        Raises
        ------
        UnknownIds, RepeatedIds, NoIds, NotFitted
            Nothing has changed then.
        """
        guarantee = Guarantee._of(self._forgettable().forget(texts(ids), ignore_unknown))
        self._changed()
        return guarantee

    def learn(self, X: Any, y: Any = None, ids: Any = None) -> Guarantee:
        """Learns more records: the model becomes the one that `fit` gives with all of them.

        Parameters
        ----------
        X, y, ids
            As for `fit`; columns may stand in another order.

        Returns
        -------
        Guarantee

        Raises
        ------
        AlreadyPresent, NoIds, NotFitted, SchemaMismatch
            Nothing has changed then.
        """
        model = self._fitted()
        guarantee = Guarantee._of(model.learn(*self._more(X, y, ids)))
        self._changed()
        return guarantee

    def _arguments(self, X: Any, y: Any, ids: Any) -> Arguments:
        """What `fit` is given, as the native module takes it."""
        table = self._features(X)
        labels = None if self._task is None else target(y, self._task == "classification")
        name = _apart("y" if labels is None else labels.name, table.names)
        return Arguments(table, labels, name, self._subject, _names(table, ids))

    def _more(self, X: Any, y: Any, ids: Any) -> tuple[Any, ...]:
        """What `learn` is given, as the native module takes it."""
        table = self._alike(X)
        labels = None if self._task is None else target(y, self._task == "classification")
        if labels is not None and labels.dtype.kind != self._dtype.kind and {labels.dtype.kind, self._dtype.kind} - set("OUT"):
            raise SchemaMismatch(f"the labels are {labels.dtype}, and those that the model knows are {self._dtype}")
        names = _names(table, ids)
        if names is None or not self._named:
            raise NoIds("records can be learnt only by ids, into a model whose records have ids", "give ids=… to fit and to learn")
        return Arguments(table, labels, self._target, self._subject, names).native

    def _set_model(self, model: _native.Model, arguments: Arguments) -> None:
        table, labels = arguments.table, arguments.labels
        self._model, self._named = model, arguments.ids is not None
        self._dtype = None if labels is None else labels.dtype
        self._target, self._columns = arguments.target, table.names
        self.n_features_in_ = len(table.names)
        self.__dict__.pop("feature_names_in_", None)
        if table.named:
            import numpy as np

            self.feature_names_in_ = np.asarray(table.names, dtype=object)

    def _changed(self) -> None:
        """Drops what was derived from the records as they were."""

    def _features(self, X: Any) -> Features:
        return features(X)

    def _forgettable(self) -> _native.Model:
        model = self._fitted()
        if not self._named:
            raise NoIds("the records have no ids that a request could name", "fit(X, y, ids=…), or fit on a DataFrame with an index")
        return model

    def verify(self) -> Verification:
        """Trains anew on the records that are left, and compares the digests."""
        model = self._fitted()
        (digest, state), (retrained, retrained_state) = model.digests(), model.retrained()
        equal = (digest, state) == (retrained, retrained_state)
        return Verification(equal, len(model), digest, state, retrained, retrained_state)

    # What it knows

    @property
    def digest(self) -> str:
        """The SHA-256 of what is served, as the command line and the receipts have it."""
        return self._fitted().digests()[0]

    @property
    def state_digest(self) -> str:
        """The SHA-256 of the training state, which knows the ids of the records."""
        return self._fitted().digests()[1]

    @property
    def artefact(self) -> bytes:
        """The canonical bytes of what is served; no record and no id is in them."""
        return self._fitted().artefact()

    @property
    def records(self) -> _native.Records:
        """The records that the model knows, for anything that reads Arrow: ``polars.DataFrame(model.records)``."""
        return self._fitted().records()

    def _fitted(self) -> _native.Model:
        if self._model is None:
            raise not_fitted(self)
        return self._model

    def _predicted(self, X: Any) -> tuple[Any, ...]:
        """What the native module says of rows, without its kind."""
        model = self._fitted()
        table = self._alike(X)
        said: tuple[Any, ...] = model.predict(table.x, table.columns, self._subject)
        return said[1:]

    def _alike(self, X: Any) -> Features:
        """A table with the columns that the estimator was fitted on, in any order; an array's are taken in order."""
        table = self._features(X)
        if len(table.names) != self.n_features_in_:
            name = type(self).__name__
            raise SchemaMismatch(f"X has {len(table.names)} features, but {name} is expecting {self.n_features_in_} features as input")
        if table.is_array and not (table.named and hasattr(self, "feature_names_in_")):
            return table._replace(names=self._columns)
        for name in self._columns:
            if name not in table.names:
                raise UnknownColumn(f"there is no column {name!r}, which the estimator was fitted on", name=name)
        return table

    # Protocols

    def __sklearn_is_fitted__(self) -> bool:
        return self._model is not None

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags, TransformerTags

        kind = {"classification": "classifier", "regression": "regressor", None: getattr(self, "_estimator_type", None)}[self._task]
        return Tags(
            estimator_type=kind,
            target_tags=TargetTags(required=self._task is not None, positive_only=self._positive),
            classifier_tags=ClassifierTags() if kind == "classifier" else None,
            regressor_tags=RegressorTags() if kind == "regressor" else None,
            transformer_tags=TransformerTags() if hasattr(self, "transform") else None,
            input_tags=InputTags(allow_nan=True),
        )

    def __repr__(self) -> str:
        parameters = self._signature.parameters
        changed = (f"{name}={value!r}" for name, value in self.get_params(deep=False).items() if value is not parameters[name].default)
        return f"{type(self).__name__}({', '.join(changed)})"

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name not in ("_model", "_cluster")}
        saved = None if self._model is None else self._model.saved()
        return {"format": _FORMAT, "attributes": state, "model": saved}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state.get("format") != _FORMAT:
            raise Malformed(f"the pickle is of format {state.get('format')}, and this version reads {_FORMAT}", "upgrade untrain")
        self.__dict__.update(state["attributes"])
        if state["model"] is not None:
            self._model = _native.Model.load(*state["model"])


class Classifier(Estimator):
    """An estimator that predicts labels."""

    _task = "classification"
    _estimator_type = "classifier"

    @property
    def classes_(self) -> Any:
        """The labels among the records that the model knows, sorted; one that left with its last record is gone."""
        import numpy as np

        return np.sort(self._labels(self._fitted().classes()))

    def predict(self, X: Any) -> Any:
        """The most probable label of each row."""
        texts_, probabilities = self._probabilities(X)
        return self._labels(texts_)[probabilities.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        """The probabilities of the labels, shape (n, len(classes_)), in the order of ``classes_``."""
        import numpy as np

        texts_, probabilities = self._probabilities(X)
        return probabilities[:, np.argsort(self._labels(texts_))]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The share of rows whose label is predicted."""
        import numpy as np

        return float(np.average(np.asarray(y).reshape(-1) == self.predict(X), weights=sample_weight))

    def _probabilities(self, X: Any) -> tuple[list[str], Any]:
        texts_, probabilities = self._predicted(X)
        if not texts_:
            raise SchemaMismatch("the model knows no record, and so no label", "learn some, or fit it again")
        return texts_, probabilities

    def _labels(self, texts_: list[str]) -> Any:
        """The engine's texts as the labels that they were."""
        import numpy as np

        readers: dict[str, Callable[[str], Any]] = {"b": "true".__eq__, "i": int, "u": int, "f": float}
        read = readers.get(self._dtype.kind, str)
        return np.array([read(text) for text in texts_], dtype=self._dtype)


class Regressor(Estimator):
    """An estimator that predicts numbers."""

    _task = "regression"
    _estimator_type = "regressor"

    def predict(self, X: Any) -> Any:
        """A number for each row; NaN if the model knows no record."""
        return self._predicted(X)[0]

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination, R²."""
        import numpy as np

        y, predicted = np.asarray(y, dtype=float).reshape(-1), self.predict(X)
        mean = np.average(y, weights=sample_weight)
        residual = np.average((y - predicted) ** 2, weights=sample_weight)
        total = np.average((y - mean) ** 2, weights=sample_weight)
        if total == 0.0:
            return 1.0 if residual == 0.0 else 0.0
        return float(1.0 - residual / total)


class Clusterer(Estimator):
    """An estimator that groups records, and has no targets."""

    _estimator_type = "clusterer"

    def fit(self, X: Any, y: Any = None, ids: Any = None) -> Self:
        """As `Estimator.fit`; ``labels_`` are the clusters of these rows, until something is forgotten or learnt."""
        super().fit(X, y, ids)
        self.labels_ = self.predict(X)
        return self

    def fit_predict(self, X: Any, y: Any = None, ids: Any = None) -> Any:
        """Fits, and gives the clusters of the rows."""
        return self.fit(X, y, ids).labels_

    def predict(self, X: Any) -> Any:
        """The cluster of each row, counted from 0; -1 if the model knows no record."""
        return self._predicted(X)[0]

    def score(self, X: Any, y: Any = None) -> float:
        """Minus the sum of the squared distances of the rows from the centres of their clusters, in units of features."""
        return -float(self._predicted(X)[1].sum())

    def _changed(self) -> None:
        self.__dict__.pop("labels_", None)


class Transformer(Estimator):
    """An estimator that turns records into vectors, and has no targets."""

    def transform(self, X: Any) -> Any:
        """The components of each row, shape (n, n_components)."""
        return self._predicted(X)[1]

    def fit_transform(self, X: Any, y: Any = None, ids: Any = None) -> Any:
        """Fits, and gives the components of the rows."""
        return self.fit(X, y, ids).transform(X)

    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """The names of the components."""
        import numpy as np

        n = len(json.loads(self._fitted().artefact_json())["components"])
        return np.asarray([f"{type(self).__name__.lower()}{i}" for i in range(n)], dtype=object)


class Arguments(NamedTuple):
    """What `fit` was given."""

    table: Features
    labels: Target | None
    target: str
    subject: str | None
    ids: list[str] | None

    @property
    def native(self) -> tuple[Any, ...]:
        """In the order of the native module."""
        y = None if self.labels is None else self.labels.y
        return self.table.x, self.table.columns, y, self.target, self.subject, self.ids


def _names(table: Features, ids: Any) -> list[str] | None:
    """What the records are called, if they have ids."""
    given = ids if ids is not None else table.index
    return None if given is None else texts(given)


def _apart(name: str, columns: list[str]) -> str:
    """A name for the target that no feature has."""
    while name in columns:
        name += "_"
    return name


def _json(name: str, value: Any) -> str:
    def plain(other: Any) -> Any:
        return os.fspath(other) if isinstance(other, os.PathLike) else other.item()

    try:
        return json.dumps(value, default=plain, allow_nan=False)
    except (AttributeError, TypeError, ValueError) as error:
        raise BadParameter(f"{name} cannot be {value!r}", name=name) from error
