"""How fast is scikit-learn's logistic regression on the records that `untrain bench` exports, and how good is its optimum?

Rows are encoded as `untrain` encodes them, outside the timed part. Each solver trains with the same penalty; one has a
tolerance so small that its optimum counts as the true one. Prints one JSON object.
"""

import json
import sys
import warnings

import numpy
import sklearn
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

from exported import Exported, encoder, median_seconds, options, rows_per_second, versions

# Name, arguments, and whether the rows are given as a sparse matrix.
SOLVERS = [
    ("lbfgs", {"solver": "lbfgs", "max_iter": 10_000}, False),
    ("lbfgs, sparse rows", {"solver": "lbfgs", "max_iter": 10_000}, True),
    ("newton-cholesky", {"solver": "newton-cholesky"}, False),
    ("newton-cholesky, tolerance 1e-10", {"solver": "newton-cholesky", "tol": 1e-10, "max_iter": 1000}, False),
]


def main():
    args = options(__doc__, ("--alpha", {"type": float, "default": 1.0}))
    warnings.simplefilter("ignore")
    data = Exported(args.folder)
    _, rows = encoder(data.train)
    train, test = rows(data.train), rows(data.test)
    is_sparse = numpy.count_nonzero(train) < train.size / 4
    models = []
    for name, arguments, sparse in SOLVERS:
        if sparse and not is_sparse:
            continue
        print(f"  {name} …", file=sys.stderr, flush=True)
        x, queries = (csr_matrix(train), csr_matrix(test)) if sparse else (train, test)
        seconds, model = median_seconds(lambda: LogisticRegression(C=1 / args.alpha, **arguments).fit(x, data.labels), args.seeds)
        probabilities = model.predict_proba(queries)
        models.append(
            {
                "name": name,
                "train_seconds": seconds,
                "accuracy": accuracy_score(data.truth, model.classes_[probabilities.argmax(axis=1)]),
                "auc": None,
                "log_loss": log_loss(data.truth, probabilities, labels=model.classes_),
                "rows_per_second": rows_per_second(model.predict_proba, test),
            }
        )
    json.dump({"versions": versions(("scikit-learn", sklearn)), "models": models}, sys.stdout)


if __name__ == "__main__":
    main()
