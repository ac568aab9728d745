"""How long does NumPy take to fit EASE on the interactions that `untrain bench` exports, and to invert its matrix alone?

The matrix of who has what is made outside the timed parts. Prints one JSON object.
"""

import json
import sys

import numpy
import scipy
from scipy.sparse import csr_matrix

from exported import Exported, median_seconds, options, versions


def main():
    args = options(__doc__, ("--alpha", {"type": float, "default": 150.0}))
    data = Exported(args.folder)
    users, items = (data.train[name].astype("category").cat.codes for name in ("user", "item"))
    x = csr_matrix((numpy.ones(len(users)), (users, items)))

    def weights(gram):
        inverse = numpy.linalg.inv(gram + args.alpha * numpy.eye(len(gram)))
        b = inverse / -numpy.diag(inverse)
        numpy.fill_diagonal(b, 0)
        return b

    gram_seconds, gram = median_seconds(lambda: (x.T @ x).toarray(), args.seeds)
    invert_seconds, _ = median_seconds(lambda: weights(gram), args.seeds)
    found = versions(("SciPy", scipy))
    json.dump({"versions": found, "gram_seconds": gram_seconds, "invert_seconds": invert_seconds}, sys.stdout)


if __name__ == "__main__":
    main()
