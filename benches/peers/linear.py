"""Are the weights of `untrain`'s ridge those of scikit-learn, and how long does scikit-learn take for them?

Takes a table (csv), its target, and the JSON that `untrain export MODEL --format json` wrote of a ridge model of two classes;
encodes the table as `untrain` does, trains with each solver on one thread, and prints one JSON object.
"""

import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import warnings

import numpy
import pandas
from sklearn.linear_model import RidgeClassifier

from exported import encoder, median_seconds, timed

SOLVERS = ["cholesky", "lsqr"]


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
    features, labels = table.drop(columns=args.target), table[args.target] == output["class"]
    names, rows = encoder(features)
    encode_seconds, x = timed(lambda: rows(features))
    ours = {weight["feature"]: weight["weight"] for weight in output["weights"]}
    x = x[:, [names.index(name) for name in ours]]
    solvers = {}
    for solver in SOLVERS:
        seconds, model = median_seconds(lambda: RidgeClassifier(alpha=args.alpha, solver=solver).fit(x, labels))
        difference = numpy.abs(numpy.ravel(model.coef_) - numpy.array(list(ours.values()))).max()
        solvers[solver] = {"seconds": seconds, "largest_difference": difference}
    print(json.dumps({"rows": len(x), "columns": len(ours), "encode_seconds": encode_seconds, "solvers": solvers}))


if __name__ == "__main__":
    main()
