"""What all scripts of peers share: the folder that `untrain bench` exports, the options it is run with, and how rates are timed."""

import argparse
import json
import platform
import statistics
import time
from pathlib import Path

import numpy
import pandas

PREDICT_AT_LEAST_SECONDS = 0.5


def options(about, *more):
    """The folder, the threads, the seeds, and more arguments, each given as its name and its settings."""
    arguments = argparse.ArgumentParser(description=about)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--seeds", type=int, default=3)
    for name, settings in more:
        arguments.add_argument(name, **settings)
    return arguments.parse_args()


class Exported:
    """The tables of a folder: features and labels to train on and to test with, and which features are categories."""

    def __init__(self, folder):
        layout = json.loads((folder / "layout.json").read_text())
        self.target, self.categorical = layout["target"], layout["categorical"]
        self.train, self.labels = self.read(folder / "train.csv")
        self.test, self.truth = self.read(folder / "test.csv")
        self.numeric = [name for name in self.train.columns if name not in self.categorical]

    def read(self, path):
        """Only an empty cell is missing."""
        texts = {name: str for name in [*self.categorical, *([self.target] if self.target else [])]}
        table = pandas.read_csv(path, dtype=texts, keep_default_na=False, na_values=[""])
        return table, table.pop(self.target).to_numpy(str) if self.target else None


def timed(act):
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def median_seconds(act, repeats=3):
    """The median time of an act, and what it gave last."""
    runs = [timed(act) for _ in range(max(repeats, 3))]
    return statistics.median(seconds for seconds, _ in runs), runs[-1][1]


def rows_per_second(predict, x):
    """Predicts for at least half a second."""
    start, rows = time.perf_counter(), 0
    while True:
        predict(x)
        rows += len(x)
        seconds = time.perf_counter() - start
        if seconds >= PREDICT_AT_LEAST_SECONDS:
            return rows / seconds


def versions(*libraries):
    """Of Python, NumPy, pandas and those libraries, each given as its name and its module."""
    named = [("NumPy", numpy), ("pandas", pandas), *libraries]
    return {"Python": platform.python_version(), **{name: module.__version__ for name, module in named}}


def scale(column):
    """The mean, and the deviation rounded to 8 binary digits, as `untrain` rounds it."""
    deviation = column.std(ddof=0)
    if not deviation > 0:
        return column.mean(), 1.0
    step = 2.0 ** (numpy.floor(numpy.log2(deviation)) - 7)
    return column.mean(), numpy.round(deviation / step) * step


def encoder(table):
    """What makes rows of numbers of tables as `untrain` does, from what `table` holds: a list of columns' names, and a function."""
    made = []
    for name in sorted(table.columns):
        values = table[name]
        if pandas.api.types.is_numeric_dtype(values):
            mean, step = scale(values)
            made.append((name, lambda t, name=name, mean=mean, step=step: ((t[name] - mean) / step).fillna(0.0)))
        else:
            for category in sorted(values.dropna().unique()):
                made.append((f"{name}={category}", lambda t, name=name, category=category: (t[name] == category).astype(float)))
        if values.isna().any():
            made.append((f"{name} is missing", lambda t, name=name: t[name].isna().astype(float)))
    return [name for name, _ in made], lambda t: numpy.column_stack([column(t).to_numpy(float) for _, column in made])
