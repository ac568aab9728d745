"""What estimators answer."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from typing_extensions import Self

_WORDS = {
    "exact": "exact: the bytes are those of a model trained without the records",
    "empirical": "empirical: no promise beyond what an audit measures",
}


@dataclass(frozen=True)
class Guarantee:
    """What a request promises about the model that it leaves.

    Attributes
    ----------
    kind : {"exact", "certified", "empirical"}
        How strong the promise is.
    epsilon, delta : float or None
        The budget of a certified one.
    condition : str or None
        What has to hold besides, where an estimator is not ours.
    """

    kind: str
    epsilon: float | None = None
    delta: float | None = None
    condition: str | None = None

    @classmethod
    @lru_cache(maxsize=64)
    def _of(cls, text: str) -> Guarantee:
        return cls(**json.loads(text))

    def __str__(self) -> str:
        if self.kind == "certified":
            return f"certified: ({self.epsilon}, {self.delta})-indistinguishable from a model trained without the records"
        return _WORDS[self.kind] if self.condition is None else f"{_WORDS[self.kind]}, {self.condition}"


@dataclass(frozen=True)
class Verification:
    """Whether a model is what training anew on its records gives. It is true if it is.

    Attributes
    ----------
    equal : bool
        Whether both digests agree.
    records : int
        How many records were trained on.
    digest, state_digest : str
        Of the model.
    retrained_digest, retrained_state_digest : str
        Of the model that was trained anew.
    """

    equal: bool
    records: int
    digest: str
    state_digest: str
    retrained_digest: str
    retrained_state_digest: str

    def __bool__(self) -> bool:
        return self.equal


class Report:
    """What a verb reports; ``to_dict`` gives the command line's JSON again."""

    @classmethod
    def _of(cls, data: dict[str, Any]) -> Self:
        kinds = _kinds(cls)
        named = {f"{name}_" if f"{name}_" in kinds else name: value for name, value in data.items()}
        # What a newer engine says besides is passed over.
        return cls(**{name: _read(kinds[name], value) for name, value in named.items() if name in kinds})

    def to_dict(self) -> dict[str, Any]:
        """The report as dictionaries and lists."""
        return _written(self)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Predictions:
    """What a model of a store says of records.

    Attributes
    ----------
    ids : list of str
        What the rows are called: by their ids, or by their numbers from 1.
    prediction : array of shape (n,) or None
        The label, the number or the cluster of each; None for a model that transforms or recommends.
    classes : list of str or None
        The labels, sorted.
    probabilities : array of shape (n, len(classes)) or None
        Their probabilities.
    components : array of shape (n, n_components) or None
        What the rows are transformed into.
    names : list of str or None
        What the components are called.
    squared_distances : array of shape (n,) or None
        How far the rows are from the centres of their clusters.
    items : dict or None
        For each user the items, the best first, with their scores.
    """

    ids: list[str]
    prediction: Any = None
    classes: list[str] | None = None
    probabilities: Any = None
    components: Any = None
    names: list[str] | None = None
    squared_distances: Any = None
    items: dict[str, list[tuple[str, float]]] | None = None

    @classmethod
    def _of(cls, ids: list[str], said: tuple[Any, ...]) -> Predictions:
        kind, *what = said
        if kind == "classes":
            import numpy as np

            classes, probabilities = what
            labels = np.asarray(classes, dtype=object)
            known = labels[probabilities.argmax(axis=1)] if classes else np.full(len(ids), None)
            return cls(ids, known, classes, probabilities)
        if kind == "numbers":
            return cls(ids, what[0])
        if kind == "vectors":
            return cls(ids, names=what[0], components=what[1])
        if kind == "clusters":
            return cls(ids, what[0], squared_distances=what[1])
        return cls(ids, items=dict(zip(what[0], what[1], strict=True)))


def _written(value: Any) -> Any:
    """A value of a report as it stands in JSON, where what may be absent is."""
    if isinstance(value, list):
        return [_written(each) for each in value]
    if not isinstance(value, (Report, Guarantee)):
        return value
    present = ((field, getattr(value, field.name)) for field in fields(value))  # type: ignore[arg-type]
    return {field.name.rstrip("_"): _written(held) for field, held in present if field.default is MISSING or held != field.default}


_KINDS: dict[type[Any], dict[str, Any]] = {}


def _kinds(report: type[Any]) -> dict[str, Any]:
    """The types of a report's attributes, which take a while to find out."""
    if report not in _KINDS:
        _KINDS[report] = get_type_hints(report)
    return _KINDS[report]


def _read(kind: Any, value: Any) -> Any:
    """A value of a report as its type says."""
    if value is None:
        return None
    inner = [part for part in get_args(kind) if part is not type(None)]
    if isinstance(value, list) and len(inner) == 1:
        item = inner[0] if get_origin(kind) is list else get_args(inner[0])[0]
        return [_read(item, each) for each in value]
    kind = inner[0] if inner and get_origin(kind) is not dict else kind
    if isinstance(kind, type) and issubclass(kind, Report):
        return kind._of(value)
    return kind(**value) if kind is Guarantee else value
