"""Writes attacks.json: scores and AUCs of attacks, from their published formulas in numpy, scipy and scikit-learn.

    python3 attacks.py > attacks.json
"""
import json

import numpy as np
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

rng = np.random.default_rng(20261124)
N, P, T = 16, 12, 6  # models, points, targets

members = np.array([rng.permutation([True] * (N // 2) + [False] * (N // 2)) for _ in range(P)]).T
hardness, spread = rng.normal(0, 2, P), rng.uniform(0.5, 2, P)
shadows = hardness + spread * rng.normal(size=(N, P)) + 1.5 * members
target_members = rng.random((T, P)) < 0.5
targets = hardness + spread * rng.normal(size=(T, P)) + 1.5 * target_members


def auc(scores, truth):
    return float(roc_auc_score(np.ravel(truth), np.ravel(scores)))


def lira(centre, pooled, kind):
    def fit(side):
        columns = [shadows[members[:, p] == side, p] for p in range(P)]
        mean = np.array([(np.median if centre == "median" else np.mean)(c) for c in columns])
        variance = np.array([np.var(c) for c in columns])
        sd = np.sqrt(np.full(P, variance.mean()) if pooled else variance) + 1e-30
        return mean, sd

    (mean_in, sd_in), (mean_out, sd_out) = fit(True), fit(False)
    if kind == "online":
        return norm.logpdf(targets, mean_in, sd_in) - norm.logpdf(targets, mean_out, sd_out)
    if kind == "unlikely":
        return -norm.logpdf(targets, mean_out, sd_out)
    return norm.cdf(targets, mean_out, sd_out)


def ulira(pooled):
    """Leave-one-out over worlds, in the privacy game on the shadow models."""
    scores = np.full((N, P), np.nan)
    for world in range(N):
        keep = np.arange(N) != world
        columns = [[shadows[keep & (members[:, p] == side), p] for p in range(P)] for side in (True, False)]
        fits = []
        for side in columns:
            if pooled:
                squares = sum(((c - c.mean()) ** 2).sum() for c in side)
                sd = np.full(P, np.sqrt(squares / sum(len(c) - 1 for c in side)))
            else:
                sd = np.array([c.std() for c in side])
            fits.append((np.array([c.mean() for c in side]), sd + 1e-30))
        scores[world] = norm.logpdf(shadows[world], *fits[0]) - norm.logpdf(shadows[world], *fits[1])
    return scores


def rmia(gamma, a, offline):
    p_bar, z_bar = p_ref.mean(0), z_ref.mean(0)
    if offline:
        p_bar, z_bar = (0.5 * ((1 + a) * mean + (1 - a)) for mean in (p_bar, z_bar))
    ratio = (p_target / p_bar)[:, :, None] / (z_target / z_bar)[:, None, :]
    return (ratio >= gamma).mean(2)


def probabilities(*shape):
    return 1 / (1 + np.exp(-rng.normal(0.5, 1.5, shape)))


p_target, p_ref, z_target, z_ref = probabilities(T, P), probabilities(4, P), probabilities(T, 50), probabilities(4, 50)

losses = np.concatenate([rng.exponential(0.5, 60), rng.exponential(1.5, 60)])
labels = np.array([True] * 60 + [False] * 60)
second = rng.normal(size=120) + labels
logistic = []
for features in (losses[:, None], np.stack([losses, second], 1)):
    model = LogisticRegression(C=1.0, solver="newton-cholesky", tol=1e-14, max_iter=1000).fit(features, labels)
    logistic.append({"features": features.tolist(), "weights": model.coef_[0].tolist(), "intercept": float(model.intercept_[0])})

soft = rng.integers(0, 40, 2000)  # many ties, and integers, so that they survive the table
truth = rng.random(2000) < 0.4
soft[truth] += rng.integers(0, 20, truth.sum())
fpr, tpr, _ = roc_curve(truth, soft, drop_intermediate=False)

json.dump({
    "shadows": shadows.tolist(), "members": members.tolist(), "targets": targets.tolist(), "target_members": target_members.tolist(),
    "lira": [{"centre": c, "pooled": p, "kind": k, "scores": lira(c, p, k).tolist(), "auc": auc(lira(c, p, k), target_members)}
             for c in ("mean", "median") for p in (True, False) for k in ("online", "unlikely", "high")],
    "ulira": [{"pooled": p, "scores": ulira(p).tolist(), "auc": auc(ulira(p), members)} for p in (True, False)],
    "p_target": p_target.tolist(), "p_ref": p_ref.tolist(), "z_target": z_target.tolist(), "z_ref": z_ref.tolist(),
    "rmia": [{"gamma": g, "a": a, "offline": o, "scores": rmia(g, a, o).tolist(), "auc": auc(rmia(g, a, o), target_members)}
             for g, a, o in ((1.0, 0.3, True), (2.0, 0.3, True), (1.0, 0.0, True), (1.0, 0.0, False))],
    "logistic": logistic, "labels": labels.tolist(),
    "roc": {"scores": soft.tolist(), "truth": truth.tolist(), "fpr": fpr.tolist(), "tpr": tpr.tolist(), "auc": auc(soft, truth),
            "tpr_at_1_percent": float(tpr[fpr <= 0.01].max()), "tpr_at_01_percent": float(tpr[fpr <= 0.001].max()),
            "balanced_accuracy": float(((tpr + 1 - fpr) / 2).max())},
}, __import__("sys").stdout)
print()
