"""The estimator that all others are: hyperparameters, a native model, and scikit-learn's conventions."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Any, ClassVar

from . import _native
from .errors import BadParameter, Malformed, NoIds, SchemaMismatch, UnknownColumn, not_fitted
from .results import Guarantee, Verification
from .tables import Features, features, target, texts

_FORMAT = 1
"""The format of pickles; it grows when an older version could not read them."""


class Estimator:
    """What all estimators share.

    Parameters are set by `__init__`, `set_params` and as attributes, and are looked at by `fit`. One of them at ``None`` is as the
    engine has it by default. Randomness is keyed by ``random_state``, an integer: ``None`` is 0, and there is no estimator that
    gives another model when it is fitted again.
    """

    _learner: ClassVar[str]
    _task: ClassVar[str]
    _signature: ClassVar[inspect.Signature]
    _aliases: ClassVar[dict[str, tuple[str, Any]]]

    _model: _native.Model | None = None
    _named: bool = False

    # Parameters

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The hyperparameters by name."""
        return {name: getattr(self, name) for name in self._signature.parameters}

    def set_params(self, **params: Any) -> Estimator:
        """Sets hyperparameters; those of the model that is fitted stay what they were."""
        for name in params:
            if name not in self._signature.parameters:
                known = ", ".join(self._signature.parameters)
                raise BadParameter(f"Invalid parameter {name!r} for estimator {self}.", f"Valid parameters are: {known}", name=name)
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def _settings(self) -> list[tuple[str, str]]:
        """The hyperparameters that are set, by the engine's names, as JSON."""
        params = self.get_params()
        params.pop("random_state", None)
        for alias, (name, convert) in self._aliases.items():
            value = params.pop(alias)
            if value is None:
                continue
            if params[name] != self._signature.parameters[name].default:
                raise BadParameter(f"{alias} and {name} are two names for one hyperparameter", "set one of them", name=alias)
            params[name] = value if convert is None else convert(value)
        settings = {"task": self._task} | {name: value for name, value in params.items() if value is not None}
        return [(name, _json(name, value)) for name, value in settings.items()]

    def _seed(self) -> int:
        seed = getattr(self, "random_state", None)
        seed = 0 if seed is None else getattr(seed, "item", lambda: seed)()
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**64:
            reason = f"random_state cannot be {seed!r}"
            raise BadParameter(reason, "give an integer from 0 on: randomness is keyed by it, not drawn in sequence", name="random_state")
        return seed

    # Training and forgetting

    def fit(self, X: Any, y: Any, ids: Any = None) -> Estimator:
        """Trains on records.

        Parameters
        ----------
        X : array, DataFrame or Arrow table of shape (n, d)
            The features. The types of a table's columns are declarations: text and categories are categories, and stay so.
            NaN and nulls are missing values.
        y : array of shape (n,)
            The targets.
        ids : sequence of n strings or integers, optional
            The names of the records. The index of a pandas DataFrame by default; without either the estimator cannot forget.

        Returns
        -------
        self
        """
        table = features(X)
        labels = target(y, self._task == "classification")
        named, names = _names(table, ids)
        columns = table.names if table.is_array else None
        model = _native.Model.fit(
            self._learner, self._settings(), self._seed(), table.x, columns, labels.y, _apart(labels.name, table.names), names
        )
        self._model, self._named, self._dtype = model, named, labels.dtype
        self._target, self._columns = _apart(labels.name, table.names), table.names
        self.n_features_in_ = len(table.names)
        self.__dict__.pop("feature_names_in_", None)
        if table.named:
            import numpy as np

            self.feature_names_in_ = np.asarray(table.names, dtype=object)
        return self

    def forget(self, ids: Any, ignore_unknown: bool = False) -> Guarantee:
        """Forgets records, by their ids; ``print`` the guarantee to read what is promised.

        An exception means that nothing changed: `UnknownIds`, `RepeatedIds`, `NoIds`, `NotFitted`.
        """
        model = self._fitted()
        if not self._named:
            raise NoIds("the records have no ids that a request could name", "fit(X, y, ids=…), or fit on a DataFrame with an index")
        return Guarantee._of(model.forget(texts(ids), ignore_unknown))

    def learn(self, X: Any, y: Any, ids: Any = None) -> Guarantee:
        """Learns more records: the model becomes the one that `fit` gives with all of them."""
        model = self._fitted()
        table = self._alike(X)
        labels = target(y, self._task == "classification")
        if labels.dtype.kind != self._dtype.kind and {labels.dtype.kind, self._dtype.kind} - set("OUT"):
            raise SchemaMismatch(f"the labels are {labels.dtype}, and those that the model knows are {self._dtype}")
        named, names = _names(table, ids)
        if not (named and self._named):
            raise NoIds("records can be learnt only by ids, into a model whose records have ids", "give ids=… to fit and to learn")
        columns = table.names if table.is_array else None
        return Guarantee._of(model.learn(table.x, columns, labels.y, self._target, names))

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

    def _predicted(self, X: Any) -> Any:
        model = self._fitted()
        table = self._alike(X)
        return model.predict(table.x, table.names if table.is_array else None)

    def _alike(self, X: Any) -> Features:
        """A table with the columns that the estimator was fitted on, in any order; an array's are taken in order."""
        table = features(X)
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
        from sklearn.utils import ClassifierTags, InputTags, RegressorTags, Tags, TargetTags

        is_classifier = self._task == "classification"
        return Tags(
            estimator_type="classifier" if is_classifier else "regressor",
            target_tags=TargetTags(required=True),
            classifier_tags=ClassifierTags() if is_classifier else None,
            regressor_tags=None if is_classifier else RegressorTags(),
            input_tags=InputTags(allow_nan=True),
        )

    def __repr__(self) -> str:
        parameters = self._signature.parameters
        changed = (f"{name}={value!r}" for name, value in self.get_params().items() if value is not parameters[name].default)
        return f"{type(self).__name__}({', '.join(changed)})"

    def __getstate__(self) -> dict[str, Any]:
        state = {name: value for name, value in self.__dict__.items() if name != "_model"}
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
        return self._predicted(X)

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


def _names(table: Features, ids: Any) -> tuple[bool, list[str]]:
    """Whether the records have ids, and what they are called: by their place if they have none."""
    given = ids if ids is not None else table.index
    if given is None:
        return False, [str(row) for row in range(table.n_rows)]
    return True, texts(given)


def _apart(name: str, columns: list[str]) -> str:
    """A name for the target that no feature has."""
    while name in columns:
        name += "_"
    return name


def _json(name: str, value: Any) -> str:
    try:
        return json.dumps(value, default=lambda other: other.item(), allow_nan=False)
    except (AttributeError, TypeError, ValueError) as error:
        raise BadParameter(f"{name} cannot be {value!r}", name=name) from error
