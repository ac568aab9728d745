"""Tables, targets and ids as the engine takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from .errors import BadValue, MissingId, SchemaMismatch

# Beyond it a float does not hold every integer, and two labels would become one.
_WHOLE = 2**53


class Features(NamedTuple):
    """A table of features."""

    x: Any
    """An array of two dimensions, or what exports an Arrow stream."""
    names: list[str]
    """The columns."""
    is_array: bool
    """Whether ``x`` is an array, which has no names of its own."""
    named: bool
    """Whether the columns were named by whoever made the table."""
    index: Any
    """The index of a pandas DataFrame, else None."""
    n_rows: int

    @property
    def columns(self) -> list[str] | None:
        """The names of an array's columns, which it does not have itself."""
        return self.names if self.is_array else None


def features(X: Any) -> Features:
    """Reads NumPy arrays, what becomes one, DataFrames of pandas and polars, and tables of Arrow."""
    if is_pandas(X, "DataFrame"):
        return _pandas(X)
    if hasattr(X, "__arrow_c_stream__"):
        names = list(getattr(X, "column_names", None) or X.columns)
        n_rows = getattr(X, "num_rows", None)
        return Features(X, names, False, True, None, len(X) if n_rows is None else n_rows)
    array = _array(X)
    return Features(array, _numbered(array.shape[1]), True, False, None, array.shape[0])


def _pandas(X: Any) -> Features:
    named = any(isinstance(name, str) for name in X.columns)
    if named and not all(isinstance(name, str) for name in X.columns):
        raise SchemaMismatch("some columns are named by text and others are not", "X.columns = X.columns.astype(str)")
    # Columns that are only numbered are an array's.
    names = list(X.columns) if named else _numbered(X.shape[1])
    check_shape((len(X), len(names)))
    if all(getattr(dtype, "kind", "O") in "fiu" and not hasattr(dtype, "na_value") for dtype in X.dtypes):
        return Features(_array(X.to_numpy()), names, True, named, X.index, len(X))
    plain = X.set_axis(names, axis=1).reset_index(drop=True)
    try:
        import pyarrow

        # pandas makes the table when it is asked for the stream; made here, what it refuses can be told.
        table = pyarrow.Table.from_pandas(plain, preserve_index=False)
    except ImportError as error:
        hint = "pip install pyarrow; columns of floats and integers need it not"
        raise SchemaMismatch("pandas hands over columns of text, categories and truth values through pyarrow", hint) from error
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
        raise SchemaMismatch(f"a column holds values of several types: {error}", "convert it to one, as by X[column].astype(str)") from error
    return Features(table, names, False, named, X.index, len(X))


def _array(X: Any) -> Any:
    import numpy as np

    if hasattr(X, "tocsr"):
        raise TypeError("Sparse data was passed, but dense data is required. Use X.toarray() to convert it.")
    array = np.asarray(X)
    if array.dtype.kind == "c":
        raise SchemaMismatch("Complex data not supported")
    if array.ndim != 2:
        hint = "Reshape your data: X.reshape(-1, 1) if it has a single feature, X.reshape(1, -1) if it is a single sample"
        raise SchemaMismatch(f"Expected 2D array, got {array.ndim}D array instead", hint)
    check_shape(array.shape)
    if array.dtype not in (np.float32, np.float64):
        try:
            array = array.astype(np.float64)
        except TypeError as error:
            raise TypeError(f"argument must be a string or a number: {error}") from error
        except ValueError as error:
            raise BadValue(str(error), "columns of text come as a DataFrame of pandas or polars, or as a table of Arrow") from error
    return array


def _numbered(n: int) -> list[str]:
    return [f"x{i}" for i in range(n)]


def check_shape(shape: tuple[int, ...]) -> None:
    """Refuses a table without rows or columns."""
    for n, what in zip(shape, ("sample", "feature"), strict=True):
        if n == 0:
            raise SchemaMismatch(f"Found array with 0 {what}(s) (shape={tuple(shape)}) while a minimum of 1 is required.")


class Target(NamedTuple):
    """A target."""

    y: Any
    """An array of truth values or of floats, or a list of texts."""
    name: str
    """What the column is called."""
    dtype: Any
    """The type that labels had."""


def target(y: Any, is_classifier: bool) -> Target:
    """Reads the targets of records: labels of any one type for a classifier, numbers for a regressor."""
    import numpy as np

    if y is None:
        raise SchemaMismatch("this estimator requires y to be passed, but the target y is None")
    name = getattr(y, "name", None)
    name = name if isinstance(name, str) and name else "y"
    # NumPy makes text of everything in a list that holds some, and 1 would become "1": a list is looked at as it is.
    array = np.asarray(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if array.ndim == 2 and array.shape[1] == 1:
        _warn_of_column()
        array = array[:, 0]
    if array.ndim != 1:
        raise SchemaMismatch(f"y should be a 1d array, got an array of shape {array.shape} instead.")
    if array.dtype.kind == "c":
        raise SchemaMismatch("Complex data not supported")
    if not is_classifier:
        return Target(_numbers(array), name, np.dtype(np.float64))
    return _labels(array, name)


def _labels(array: Any, name: str) -> Target:
    import numpy as np

    if array.dtype.kind == "O":
        are_text = {isinstance(label, str) for label in array}
        if len(are_text) > 1:
            raise SchemaMismatch("y holds labels of several types", "convert them to one, or leave out those that are missing")
        # What NumPy makes of labels that are of one kind; of text it would cut a type to the longest that was seen.
        array = array if True in are_text else np.asarray(array.tolist())
    dtype = array.dtype
    if dtype.kind == "b":
        return Target(array, name, dtype)
    if dtype.kind in "iu":
        if array.size and max(abs(int(array.min())), abs(int(array.max()))) > _WHOLE:
            raise SchemaMismatch("y holds integers beyond 2**53", "convert the labels to text")
        return Target(array.astype(np.float64), name, dtype)
    if dtype.kind == "f":
        numbers = _numbers(array)
        if not np.all(numbers == np.floor(numbers)):
            raise SchemaMismatch("Unknown label type: continuous. Maybe you are trying to fit a classifier on a regression target.")
        return Target(numbers + 0.0, name, dtype)
    if dtype.kind in "OUT":
        return Target([str(label) for label in array], name, dtype)
    raise SchemaMismatch(f"Unknown label type: {dtype}")


def _numbers(array: Any) -> Any:
    import numpy as np

    try:
        numbers = np.ascontiguousarray(array, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise SchemaMismatch(f"y holds what is not a number: {error}") from error
    if not np.all(np.isfinite(numbers)):
        raise SchemaMismatch("Input y contains NaN or infinity.", "leave out the records without a target")
    return numbers


def _warn_of_column() -> None:
    import sys
    import warnings

    loaded = sys.modules.get("sklearn.exceptions")
    kind = UserWarning if loaded is None else loaded.DataConversionWarning
    warnings.warn("A column-vector y was passed when a 1d array was expected; its only column is taken.", kind, stacklevel=4)


def texts(ids: Any) -> list[str]:
    """Ids as the engine has them: text as it is, an integer as its decimal digits. One id by itself is a list of one."""
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        ids = [ids]
    values = ids.tolist() if hasattr(ids, "tolist") else list(ids)
    return [_text(row, value) for row, value in enumerate(values)]


def _text(row: int, value: Any) -> str:
    if isinstance(value, str) and value:
        return value
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    missing = value is None or value == "" or value != value
    problem = "is missing" if missing else f"is neither text nor an integer but {value!r}"
    raise MissingId(f"the id of row {row} {problem}", "give each record an id: ids=… or a DataFrame's index")


def strings(values: Any, what: str) -> list[str]:
    """Values of a column as texts; integers are their digits."""
    found = [value.item() if hasattr(value, "item") else value for value in values]
    for row, value in enumerate(found):
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise BadValue(f"row {row} holds {value!r} in place of {what}", "leave out the rows without one", column=what, id=str(row))
    return [str(value) for value in found]


def is_pandas(value: Any, name: str) -> bool:
    """Whether a value is of this class of pandas, which need not be loaded to ask."""
    return any(base.__name__ == name and base.__module__.partition(".")[0] == "pandas" for base in type(value).__mro__)
