"""Figures of scikit-learn 1.2.1 that EvaluationFigures reads: python3 figures.py > figures.json

Rows are sines that any program can compute again: wave(row, column) = sin((row + 1) * (column + 1) * 0.7 + column * column).
"""
import json
import math

import numpy as np
from sklearn import metrics
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

ROWS = 400


def wave(row, column):
    return math.sin((row + 1) * (column + 1) * 0.7 + column * column)


def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def classes(count):
    scores = np.array([[2 * wave(r, c) for c in range(count)] for r in range(ROWS)])
    p = softmax(scores).astype(np.float32)
    truth = np.array([int(np.argmax([scores[r, c] + 2.5 * wave(r, 20 + c) for c in range(count)])) for r in range(ROWS)])
    return truth, p.astype(float)


def classification(count, weights=None):
    truth, p = classes(count)
    decided = p.argmax(axis=1)
    out = {
        "accuracy": metrics.accuracy_score(truth, decided, sample_weight=weights),
        "log-loss": metrics.log_loss(truth, p / p.sum(axis=1, keepdims=True), labels=list(range(count)), sample_weight=weights),
        "balanced-accuracy": metrics.recall_score(truth, decided, average="macro", sample_weight=weights),
    }
    for average in ["macro", "weighted", "micro"]:
        out["precision-" + average] = metrics.precision_score(truth, decided, average=average, sample_weight=weights)
        out["recall-" + average] = metrics.recall_score(truth, decided, average=average, sample_weight=weights)
        out["f1-" + average] = metrics.f1_score(truth, decided, average=average, sample_weight=weights)
    asked = [1] if count == 2 else range(count)
    out["auc"] = float(np.mean([metrics.roc_auc_score(truth == c, p[:, c], sample_weight=weights) for c in asked]))
    out["pr-auc"] = float(np.mean([metrics.average_precision_score(truth == c, p[:, c], sample_weight=weights) for c in asked]))
    if count == 2:
        out["brier"] = metrics.brier_score_loss(truth, p[:, 1], sample_weight=weights)
    return out


def regression(weights=None):
    truth = np.array([10 + 5 * wave(r, 0) for r in range(ROWS)])
    predicted = np.array([10 + 5 * wave(r, 0) + wave(r, 3) for r in range(ROWS)]).astype(np.float32).astype(float)
    return {
        "rmse": math.sqrt(metrics.mean_squared_error(truth, predicted, sample_weight=weights)),
        "mae": metrics.mean_absolute_error(truth, predicted, sample_weight=weights),
        "r2": metrics.r2_score(truth, predicted, sample_weight=weights),
        "mape": metrics.mean_absolute_percentage_error(truth, predicted, sample_weight=weights),
        "median-absolute-error": metrics.median_absolute_error(truth, predicted, sample_weight=weights),
        "quantile-loss-0.9": metrics.mean_pinball_loss(truth, predicted, alpha=0.9),
    }


def calibration():
    truth, p = classes(2)
    asked = np.linspace(0.02, 0.98, 25)
    isotonic = IsotonicRegression(out_of_bounds="clip").fit(p[:, 1], truth)
    odds = np.log(p[:, 1] / (1 - p[:, 1]))
    sigmoid = _SigmoidCalibration().fit(odds, truth)
    return {
        "asked": asked.tolist(),
        "isotonic": isotonic.predict(asked).tolist(),
        "sigmoid": sigmoid.predict(np.log(asked / (1 - asked))).tolist(),
    }


weights = np.array([1.5 + wave(r, 7) for r in range(ROWS)])
print(json.dumps({
    "two": classification(2), "two-weighted": classification(2, weights),
    "four": classification(4), "four-weighted": classification(4, weights),
    "regression": regression(), "regression-weighted": regression(weights),
    "calibration": calibration(),
}, indent=1))
