"""What a table is made of does not matter; what stands in it does."""

import subprocess
import sys

import numpy as np
import pytest

import untrain

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


@pytest.fixture
def people():
    """Columns of every kind, with missing values, by id."""
    n = np.arange(90)
    frame = pd.DataFrame(
        {
            "age": np.where(n % 11 == 0, np.nan, 20.0 + n % 50),
            "rooms": n % 4,
            "city": pd.Categorical(np.where(n % 3 == 0, "Bonn", "Ulm")),
            "owner": n % 2 == 0,
        },
        index=pd.Index([f"p{i}" for i in n], name="id"),
    )
    return frame, np.where(n % 50 > 25, "yes", "no")


def _digest(X, y, ids=None, **params):
    model = untrain.ForestClassifier(n_trees=10, **params).fit(X, y, ids=ids)
    return model.digest, model.state_digest


def frames_and_tables_give_the_same_bytes(people):
    frame, y = people
    ids = list(frame.index)
    plain = frame.reset_index(drop=True)
    expected = _digest(frame, y)
    assert _digest(plain, y, ids) == expected
    assert _digest(pl.DataFrame(plain), y, ids) == expected
    assert _digest(pa.Table.from_pandas(plain), y, ids) == expected
    assert _digest(pa.Table.from_pandas(plain).to_batches()[0], pd.Series(y), ids) == expected
    turned = frame.iloc[::-1]
    assert _digest(turned[["owner", "city", "age", "rooms"]], y[::-1]) == expected
    assert _digest(frame.assign(city=frame["city"].astype(str)), y) == expected


def arrays_of_either_width_and_order_give_the_same_bytes(data):
    ids, X, y = data
    narrow = X.astype(np.float32)
    expected = _digest(narrow, y, ids)
    assert _digest(narrow.astype(np.float64), y, ids) == expected
    assert _digest(np.asfortranarray(narrow), y, ids) == expected
    assert _digest(np.repeat(narrow, 2, axis=1)[:, ::2], y, ids) == expected
    assert _digest(pd.DataFrame(narrow, columns=["x0", "x1", "x2"]), y, ids) == expected
    assert _digest(pd.DataFrame(narrow), y, ids) == expected
    assert _digest(X + (X[:, :1] > 0), y, ids) != expected


def the_type_of_a_column_is_a_declaration(people):
    frame, y = people
    numbers, codes = frame, frame.assign(rooms=frame["rooms"].astype("category"))
    assert _digest(numbers, y) != _digest(codes, y)
    assert _digest(pl.DataFrame({"c": ["1", "2"] * 10}), [0, 1] * 10) != _digest(pl.DataFrame({"c": [1, 2] * 10}), [0, 1] * 10)


def missing_values_are_missing_however_they_are_written(people):
    frame, y = people
    nullable = frame.convert_dtypes()
    assert nullable["age"].isna().sum() > 0
    assert _digest(nullable, y) == _digest(frame, y)
    by_none = pl.DataFrame({"a": [1.0, None, 3.0, 4.0] * 5})
    by_nan = pl.DataFrame({"a": [1.0, float("nan"), 3.0, 4.0] * 5})
    ids = list(range(20))
    assert _digest(by_none, [0, 1] * 10, ids) == _digest(by_nan, [0, 1] * 10, ids)


def dates_are_days(people):
    frame, y = people
    days = pl.DataFrame({"day": pl.Series(range(90)).cast(pl.Int32)})
    dates = days.with_columns(pl.col("day").cast(pl.Date))
    assert _digest(dates, y, frame.index) == _digest(days, y, frame.index)


def what_a_frame_knew_is_forgotten_by_its_index(people):
    frame, y = people
    model = untrain.ForestClassifier(n_trees=10).fit(frame, y)
    model.forget(frame.index[:7])
    assert (model.digest, model.state_digest) == _digest(frame.iloc[7:], y[7:])
    assert model.learn(frame.iloc[:7], y[:7]).kind == "exact"
    assert (model.digest, model.state_digest) == _digest(frame, y)


def integers_are_ids(data):
    _, X, y = data
    model = untrain.RidgeClassifier().fit(X, y, ids=np.arange(120))
    model.forget(np.arange(3))
    model.forget(5)
    assert len(model.records) == 116 and "5" not in model.records.ids


def records_go_to_any_library(people):
    frame, y = people
    model = untrain.RidgeClassifier().fit(frame, y)
    table = pl.DataFrame(model.records)
    assert table.columns == ["id", "age", "city", "owner", "rooms", "y"] and table.height == 90
    assert pa.table(model.records).num_rows == len(model.records) == 90
    assert table.filter(pl.col("id") == "p11")["age"].item() is None


def importing_loads_nothing_that_is_slow(tmp_path):
    script = "import sys, untrain; print([m for m in ('numpy', 'pandas', 'polars', 'pyarrow', 'sklearn') if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
