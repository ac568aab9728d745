"""What the Python layer costs beside the engine."""

import subprocess
import sys
import time
import tracemalloc

import numpy as np

import untrain


def fitting_copies_no_array():
    X = np.random.default_rng(1).normal(size=(200_000, 30)).astype(np.float32)
    y = X[:, 0]
    tracemalloc.start()
    try:
        untrain.RidgeRegressor(standardize=False).fit(X, y)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # The targets as floats of twice the width, and next to nothing else: the array has 24 MB.
    assert peak < 0.2 * X.nbytes


def forgetting_costs_little_more_than_the_engine_takes():
    # A request that names nobody asks nothing of the engine; `benches/cost.py` measures a release.
    X = np.random.default_rng(1).normal(size=(20, 2))
    model = untrain.NaiveBayes().fit(X, X[:, 0] > 0, ids=[f"r{i}" for i in range(20)])
    took = []
    for _ in range(300):
        began = time.perf_counter()
        model.forget("nobody", ignore_unknown=True)
        took.append(time.perf_counter() - began)
    assert np.median(took) < 50e-6


def importing_is_quick(tmp_path):
    # Of the processor, since others may work beside it.
    script = "import time; began = time.process_time(); import untrain; print(time.process_time() - began)"
    run = [sys.executable, "-c", script]
    took = [float(subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=True).stdout) for _ in range(5)]
    assert min(took) < 0.1
