"""What can go wrong: one exception class a kind of error, each with a hint where one is known.

An exception means that nothing changed.
"""

from __future__ import annotations

import re
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


class BadRecords(UntrainError):
    """A file or a table that cannot become records; the message says where in it the trouble is."""


class BadSelection(UntrainError):
    """A condition or a subject that selects no records."""


class UnknownDataset(UntrainError):
    """The store has no dataset ``name``."""

    name: str


class UnknownModel(UntrainError):
    """The store has no model ``name``."""

    name: str


class UnknownRequest(UntrainError):
    """The store has no request ``name``."""

    name: str


class AlreadyExists(UntrainError):
    """The store has something of the name ``name`` already."""

    name: str


class Returning(UntrainError):
    """The records ``ids`` were forgotten, by ``request`` at the latest, and would come back."""

    ids: list[str]
    request: int


class RequestRefused(UntrainError):
    """A request that cannot be carried out, or not as it stands."""


class AuditRefused(UntrainError):
    """An audit that could show nothing."""


class NotScored(UntrainError):
    """There is nothing to compare predictions with."""


class NoShard(UntrainError):
    """A part of a training that there is not, or that cannot be done by itself."""


class Unequal(UntrainError):
    """A model is not what retraining gives; nothing was changed."""


class TrailRefused(UntrainError):
    """What the keys or the log of a store do not allow."""


class NoStore(UntrainError):
    """There is no store at ``path``."""

    path: Any


class StoreBusy(UntrainError):
    """Another process, a command line perhaps, holds the store at ``path`` for longer than was to be waited."""

    path: Any


class StoreFailed(UntrainError):
    """The store or the system failed; the request may be all right."""


class NotDeterministic(UntrainError):
    """An estimator that is not ours gave two models for the same records and the same seed."""


class RemembersForgotten(UserWarning):
    """Something in front of the estimator learnt from the records, and will not forget them with it."""


def not_fitted(estimator: object) -> NotFitted:
    """The error of an estimator that was not fitted; scikit-learn's own error too where scikit-learn is loaded."""
    name = type(estimator).__name__
    message = f"this {name} is not fitted yet; a clone never is"
    loaded = sys.modules.get("sklearn.exceptions")
    kind = NotFitted if loaded is None else type("NotFitted", (NotFitted, loaded.NotFittedError), {})
    return kind(message, "call fit first")


def _translated(hint: str) -> str:
    """A hint of the command line in the words of this package: its verbs are methods, its flags arguments."""
    hint = hint.replace("`untrain audit MODEL --each`", "store.exposures()")
    hint = re.sub(r"`untrain (?:keys )?([a-z]+)[^`]*`", r"store.\1()", hint)
    hint = re.sub(r"--([a-z-]+) (?=[A-Z0-9])", lambda flag: flag[1].replace("-", "_") + "=", hint)
    return re.sub(r"--([a-z-]+)", lambda flag: flag[1].replace("-", "_") + "=True", hint)


def _restored(kind: type[UntrainError], message: str, data: dict[str, Any]) -> UntrainError:
    return kind(message, **data)
