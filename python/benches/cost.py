"""What does Python cost beside the engine? Prints a table for docs/benchmarks.md.

Run it with an installed release: `pip install ./python && python python/benches/cost.py`. A request that names nobody asks nothing
of the engine, so that all it takes is Python's: to enter and to leave the native module, and to make the answer.
"""

import subprocess
import sys
import tempfile
import time
import tracemalloc
from statistics import median

import numpy as np

import untrain

N_CALLS = 1000


def seconds(call):
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def model(n, d):
    X = np.random.default_rng(1).normal(size=(n, d))
    return untrain.NaiveBayes().fit(X, X[:, 0] > 0, ids=[f"r{i}" for i in range(n)])


def fitting(n, d):
    """What fitting allocates in Python, as a share of the array."""
    X = np.random.default_rng(1).normal(size=(n, d)).astype(np.float32)
    y = X[:, 0]
    tracemalloc.start()
    untrain.RidgeRegressor(standardize=False).fit(X, y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / X.nbytes


def importing():
    script = "import time; began = time.perf_counter(); import untrain; print(time.perf_counter() - began)"
    run = [sys.executable, "-c", script]
    with tempfile.TemporaryDirectory() as place:
        return [float(subprocess.run(run, cwd=place, capture_output=True, text=True, check=True).stdout) for _ in range(9)]


small, large = model(20, 2), model(4000, 2)
nobody = median(seconds(lambda: small.forget("nobody", ignore_unknown=True)) for _ in range(N_CALLS))
native = median(seconds(lambda: small._model.forget(["nobody"], True)) for _ in range(N_CALLS))
one = median(seconds(lambda i=i: large.forget(f"r{i}")) for i in range(N_CALLS))
imported = importing()
print("| what | measured | aimed at |")
print("| --- | --- | --- |")
print(f"| Python around one `forget` | {nobody * 1e6:.1f} µs, {native * 1e6:.1f} of them in the native module | 10 µs |")
print(f"| one `forget` of 4,000 records, naive Bayes, with all that | {one * 1e6:.0f} µs | |")
print(f"| what `fit` on 1,000,000 × 30 float32 allocates besides, in arrays | {fitting(1_000_000, 30):.3f} of one | no second array |")
print(f"| `import untrain` | {median(imported) * 1e3:.0f} ms | 100 ms |")
