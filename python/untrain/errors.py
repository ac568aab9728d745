"""What can go wrong: one exception class a kind of error, each with a hint where one is known.

An exception means that nothing changed.
"""

from __future__ import annotations

import sys
from typing import Any


class UntrainError(ValueError):
    """An error of untrain; all others derive from it.

    Attributes
    ----------
    hint : str or None
        What could be done about it, if that is known.
    """

    hint: str | None

    def __init__(self, message: str, hint: str | None = None, **data: Any) -> None:
        super().__init__(message)
        self.hint = hint
        for name, value in data.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        message = super().__str__()
        return message if self.hint is None else f"{message}\nhint: {self.hint}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), self.args[0], dict(self.__dict__))


class DuplicateId(UntrainError):
    """Two records carry the same id, which is in ``id``."""

    id: str


class MissingId(UntrainError):
    """A record has no id, or one that is neither text nor an integer."""


class NoIds(UntrainError):
    """The estimator was fitted without ids, so that nobody can say which record a request means."""


class UnknownIds(UntrainError):
    """No record has the ids in ``ids``."""

    ids: list[str]


class RepeatedIds(UntrainError):
    """A request names the ids in ``ids`` more than once."""

    ids: list[str]


class AlreadyPresent(UntrainError):
    """A request to learn names ids that the model knows already; they are in ``ids``."""

    ids: list[str]


class UnknownColumn(UntrainError):
    """The data has no column ``name``."""

    name: str


class BadValue(UntrainError):
    """A column cannot hold a value: that of ``column`` in the record ``id``."""

    column: str
    id: str


class SchemaMismatch(UntrainError):
    """Columns, targets and ids do not fit together, or not to those that the estimator was fitted on."""


class BadParameter(UntrainError):
    """The hyperparameter ``name`` is unknown or out of its range."""

    name: str


class Unfit(UntrainError):
    """The learner cannot learn from these records as its hyperparameters stand."""


class Malformed(UntrainError):
    """Bytes are not what they should be: a pickle from elsewhere, or from a newer version."""


class TooMany(UntrainError):
    """There is more of something than the formats can hold."""


class NotFitted(UntrainError, AttributeError):
    """The estimator has not been fitted yet."""


def not_fitted(estimator: object) -> NotFitted:
    """The error of an estimator that was not fitted; scikit-learn's own error too where scikit-learn is loaded."""
    name = type(estimator).__name__
    message = f"this {name} is not fitted yet; a clone never is"
    loaded = sys.modules.get("sklearn.exceptions")
    kind = NotFitted if loaded is None else type("NotFitted", (NotFitted, loaded.NotFittedError), {})
    return kind(message, "call fit first")


def _restored(kind: type[UntrainError], message: str, data: dict[str, Any]) -> UntrainError:
    return kind(message, **data)
