"""Estimators whose records are no rows of features: texts, and what users had."""

from __future__ import annotations

from typing import Any

from .errors import SchemaMismatch
from .tables import Features, is_pandas, strings

TEXT, USER, ITEM, VALUE = "text", "user", "item", "value"


class Texts:
    """Records that are texts: a list or a column of them."""

    def _features(self, X: Any) -> Features:
        index = X.index if is_pandas(X, "Series") or is_pandas(X, "DataFrame") else None
        column = _only_column(X)
        texts = strings(column, "a text")
        if not texts:
            raise SchemaMismatch("Found array with 0 sample(s) (shape=(0,)) while a minimum of 1 is required.")
        return Features({TEXT: texts}, [TEXT], False, False, index, len(texts))

    def _alike(self, X: Any) -> Features:
        return self._features(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.string = False, True
        return tags


class Recommends:
    """Records that say which user had which item."""

    _subject: str | None = USER

    def _features(self, X: Any) -> Features:
        index = X.index if is_pandas(X, "DataFrame") else None
        columns = _columns(X)
        if len(columns) not in (2, 3):
            raise SchemaMismatch(f"X has {len(columns)} columns, and an interaction has a user, an item and perhaps a value")
        table: dict[str, Any] = {USER: strings(columns[0], "a user"), ITEM: strings(columns[1], "an item")}
        if len(columns) == 3:
            import numpy as np

            table[VALUE] = np.ascontiguousarray(columns[2], dtype=np.float64)
        if not table[USER]:
            raise SchemaMismatch("Found array with 0 sample(s) while a minimum of 1 is required.")
        return Features(table, list(table), False, False, index, len(table[USER]))

    def _alike(self, X: Any) -> Features:
        return self._features(X)

    def recommend(self, X: Any) -> dict[str, list[tuple[str, float]]]:
        """Items for users, the best first, each with its score; those that a user had are not among them.

        Parameters
        ----------
        X : array, DataFrame or Arrow table of shape (n, 2) or (n, 3)
            What the users had: the user, the item and perhaps a value.

        Returns
        -------
        dict
            For each user of ``X`` the items; none where the model knows none of hers.
        """
        subjects, lists, _unknown = self._predicted(X)  # type: ignore[attr-defined]
        return dict(zip(subjects, lists, strict=True))

    predict = recommend

    def _settings(self) -> list[tuple[str, str]]:
        return [*super()._settings(), ("item", f'"{ITEM}"')]  # type: ignore[misc]


def _columns(X: Any) -> list[Any]:
    """The columns of whatever has some."""
    if is_pandas(X, "DataFrame"):
        return [X.iloc[:, place].to_numpy() for place in range(X.shape[1])]
    if hasattr(X, "get_columns"):
        return [column.to_list() for column in X.get_columns()]
    if hasattr(X, "column_names") and hasattr(X, "column"):
        return [X.column(name).to_pylist() for name in X.column_names]
    import numpy as np

    array = np.asarray(X, dtype=object)
    if array.ndim != 2:
        raise SchemaMismatch(f"Expected 2D array, got {array.ndim}D array instead", "give rows of a user, an item and perhaps a value")
    return list(array.T)


def _only_column(X: Any) -> Any:
    if isinstance(X, str):
        raise SchemaMismatch("X is one text, and should be a list of them", "[X]")
    if hasattr(X, "get_columns") or hasattr(X, "column_names") or is_pandas(X, "DataFrame"):
        columns = _columns(X)
        if len(columns) != 1:
            raise SchemaMismatch(f"X has {len(columns)} columns, and should have one, of texts", "X[[column]]")
        return columns[0]
    if getattr(X, "ndim", 1) == 2:
        if X.shape[1] != 1:
            raise SchemaMismatch(f"X has {X.shape[1]} columns, and should have one, of texts", "X[:, 0]")
        return X[:, 0]
    return X.to_pylist() if hasattr(X, "to_pylist") else X.to_list() if hasattr(X, "to_list") else X
