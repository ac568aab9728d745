"""Writes bounds.tsv: the five ratio bounds of TensorFlow Privacy, and the p-values and bounds of the one-run audit.

The ratio bounds are computed by the published file itself, tensorflow_privacy/privacy/privacy_tests/epsilon_lower_bound.py
(version 0.1.0 of the package tensorflow-empirical-privacy), whose path is the first argument. It imports two packages of which it
needs two small things; they are stood in for here, so that numpy, scipy and scikit-learn are enough:

    pip download tensorflow-empirical-privacy==0.1.0 --no-deps && unzip tensorflow_empirical_privacy-0.1.0-py3-none-any.whl
    python3 bounds.py tensorflow_privacy/privacy/privacy_tests/epsilon_lower_bound.py > bounds.tsv

The one-run audit is written from theorem 5.2 of Steinke et al. (2023), with scipy's binomial distribution.
"""
import importlib.util
import math
import sys
import types

import numpy as np
import scipy.stats


def clopper_pearson(count, nobs, alpha, method):
    """What statsmodels' proportion_confint(method='beta') is: exact bounds, half of alpha on each side."""
    assert method == "beta"
    low = np.where(count == 0, 0.0, scipy.stats.beta.ppf(alpha / 2, np.maximum(count, 1e-9), nobs - count + 1))
    high = np.where(count == nobs, 1.0, scipy.stats.beta.isf(alpha / 2, count + 1, np.maximum(nobs - count, 1e-9)))
    return low, high


def load(path):
    immutabledict = types.ModuleType("immutabledict")
    immutabledict.immutabledict = dict
    statsmodels, stats = types.ModuleType("statsmodels"), types.ModuleType("statsmodels.stats")
    stats.proportion = types.SimpleNamespace(proportion_confint=clopper_pearson)
    sys.modules.update({"immutabledict": immutabledict, "statsmodels": statsmodels, "statsmodels.stats": stats})
    spec = importlib.util.spec_from_file_location("epsilon_lower_bound", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def one_run_p(m, r, v, epsilon, delta):
    q = 1 / (1 + math.exp(-epsilon))
    just_below = scipy.stats.binom.pmf(v - np.arange(1, v + 1), r, q)
    averages = np.cumsum(just_below) / np.arange(1, v + 1)
    return min(1.0, scipy.stats.binom.sf(v - 1, r, q) + 2 * m * delta * max(averages, default=0.0))


def one_run_epsilon(m, r, v, delta, level):
    if one_run_p(m, r, v, 0, delta) >= level:
        return 0.0
    low, high = 0.0, 50.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if one_run_p(m, r, v, middle, delta) < level else (low, middle)
    return low


elb = load(sys.argv[1])
names = ["KATZ_LOG", "ADJUSTED_LOG", "BAILEY", "INV_SINH", "CLOPPER_PEARSON"]
print("# ratio\ttp\tpositives\tfp\tnegatives\tlevel\tkatz-log\tadjusted-log\tbailey\tinverse-sinh\tclopper-pearson")
for positives, negatives in [(10, 10), (32, 32), (110, 80), (100, 1000), (1000, 1000), (5000, 20000)]:
    tps = sorted({0, 1, positives // 3, positives // 2, positives - 1, positives})
    fps = sorted({0, 1, negatives // 50, negatives // 4, negatives // 2, negatives - 1, negatives})
    for tp in tps:
        for fp in fps:
            for level in [0.05, 0.01]:
                bound = elb.RatioBound(tp, fp, positives, negatives, level)
                values = [bound.compute_bound(elb.BoundMethod[name]) for name in names]
                print("ratio", tp, positives, fp, negatives, level, *(f"{float(v):.17g}" for v in values), sep="\t")
print("# one-run\tm\tr\tv\tdelta\tlevel\tp at epsilon 1\tepsilon")
for m, r in [(20, 20), (100, 50), (1000, 200), (1000, 1000), (5000, 500)]:
    for v in sorted({0, r // 2, (3 * r) // 4, (19 * r) // 20, r}):
        for delta in [0.0, 1e-5]:
            for level in [0.05, 0.01]:
                values = [one_run_p(m, r, v, 1.0, delta), one_run_epsilon(m, r, v, delta, level)]
                print("one-run", m, r, v, delta, level, *(f"{float(x):.17g}" for x in values), sep="\t")
