"""Are the weights of `untrain`'s ridge those of scikit-learn, and how long does scikit-learn take for them?

Takes a table (csv), its target, and the JSON that `untrain export MODEL --format json` wrote of a ridge model of two classes;
encodes the table as `untrain` does, trains with each solver on one thread, and prints one JSON object.
"""

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import time
import warnings

import numpy
import pandas
from sklearn.linear_model import RidgeClassifier

SOLVERS = ["cholesky", "lsqr"]


def number(column):
    """Standardised by a deviation of 8 binary digits; a missing number is the mean."""
    deviation = column.std(ddof=0)
    step = 2.0 ** (numpy.floor(numpy.log2(deviation)) - 7) if deviation > 0 else 1.0
    scale = numpy.round(deviation / step) * step if deviation > 0 else 1.0
    return ((column - column.mean()) / scale).fillna(0.0)


def encode(table):
    columns = {}
    for name in sorted(table.columns):
        values = table[name]
        if pandas.api.types.is_numeric_dtype(values):
            columns[name] = number(values)
            if values.isna().any():
                columns[f"{name} is missing"] = values.isna().astype(float)
            continue
        for category in sorted(values.dropna().unique()):
            columns[f"{name}={category}"] = (values == category).astype(float)
        if values.isna().any():
            columns[f"{name} is missing"] = values.isna().astype(float)
    return pandas.DataFrame(columns)


def fastest(act, repeats=3):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table")
    parser.add_argument("model")
    parser.add_argument("--target", required=True)
    parser.add_argument("--missing", default="?")
    parser.add_argument("--only", help="COLUMN=VALUE of the rows to train on; the column is no feature")
    parser.add_argument("--alpha", type=float, default=1.0)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    table = pandas.read_csv(args.table, na_values=[args.missing], skipinitialspace=True)
    if args.only:
        column, value = args.only.split("=")
        table = table[table[column].astype(str) == value].drop(columns=column)
    with open(args.model) as file:
        output = json.load(file)["outputs"][0]
    start = time.perf_counter()
    rows, labels = encode(table.drop(columns=args.target)), table[args.target] == output["class"]
    encode_seconds = time.perf_counter() - start
    ours = {weight["feature"]: weight["weight"] for weight in output["weights"]}
    x = rows[list(ours)].to_numpy()
    solvers = {}
    for solver in SOLVERS:
        seconds = fastest(lambda: RidgeClassifier(alpha=args.alpha, solver=solver).fit(x, labels))
        model = RidgeClassifier(alpha=args.alpha, solver=solver).fit(x, labels)
        difference = numpy.abs(numpy.ravel(model.coef_) - numpy.array(list(ours.values()))).max()
        solvers[solver] = {"seconds": seconds, "largest_difference": difference}
    print(json.dumps({"rows": len(x), "columns": len(ours), "encode_seconds": encode_seconds, "solvers": solvers}))


if __name__ == "__main__":
    main()
