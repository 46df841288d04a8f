"""Writes what scikit-learn's linear models learn, for the tests of AIaaS.Learning.

Needs python3-sklearn (1.2.1). Run it as OPENBLAS_NUM_THREADS=1 /usr/bin/python3 tests/oracles/linear/figures.py; it writes figures.json
and diabetes.csv.gz (442 rows of real patients, 10 features and, last, the target) beside itself, and reads breast_cancer and wine from
../neural_network, of which all rows are for training.

Each case is a training: of the rows of a table, features standardized; `wave` are sines that any program can compute again, wave(row, column) =
sin((row + 1) * (column + 1) * 0.7 + column * column). The hyperparameters are ours. Scikit-learn's are computed from them, by the
correspondence that LinearTrainer and LinearSvmTrainer tell. LIBLINEAR counts the intercept among the weights that are penalized: a large
intercept_scaling makes that next to nothing. `coefficients` are feature after feature, a number for each score; `results` are the
probabilities or values of the first rows.
"""

import collections
import gzip
import io
import json
import math
import pathlib
import warnings

import numpy as np
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, Lasso, LogisticRegression, Ridge
from sklearn.model_selection import PredefinedSplit
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

FOLDER = pathlib.Path(__file__).parent
ROWS, WIDTH, SHOWN = 200, 4, 20


def wave(row, column):
    return math.sin((row + 1) * (column + 1) * 0.7 + column * column)


def read(path):
    table = np.loadtxt(io.StringIO(gzip.decompress(path.read_bytes()).decode()), delimiter=",")
    return StandardScaler().fit_transform(table[:, :-1]).astype(np.float32).astype(float), table[:, -1]


def tables():
    features = np.array([[wave(r, c) for c in range(WIDTH)] for r in range(ROWS)]).astype(np.float32).astype(float)
    score = 1.5 * features[:, 0] - features[:, 1] + 0.5 * np.array([wave(r, 11) for r in range(ROWS)])
    number = 100 + 20 * features[:, 0] - 7 * features[:, 2] + 3 * np.array([wave(r, 11) for r in range(ROWS)])
    networks = FOLDER.parent / "neural_network"
    return {
        "wave-two": (features, (score > 0).astype(int)),
        "wave-three": (features, np.digitize(score, [-0.6, 0.6])),
        "wave-number": (features, number),
        "breast_cancer": read(networks / "breast_cancer.csv.gz"),
        "wine": read(networks / "wine.csv.gz"),
        "diabetes": read(FOLDER / "diabetes.csv.gz"),
    }


def row_weights(target, kind):
    if kind == "balanced":
        counts = np.bincount(target.astype(int))
        return len(target) / (len(counts) * counts[target.astype(int)])
    weights = np.array([1.5 + wave(r, 7) for r in range(len(target))]) if kind == "rows" else np.ones(len(target))
    return weights / weights.mean()


def learn(features, target, trainer, loss, given, weights):
    rows = len(target)
    l1, l2, kind = given.get("l1", 0), given.get("l2", 0), given.get("penalty", "l2")
    mean = np.average(target, weights=weights)
    deviation = math.sqrt(np.average((target - mean) ** 2, weights=weights))
    if trainer == "linear" and loss == "number":
        if kind == "l2":
            return Ridge(alpha=l2, solver="svd").fit(features, target, weights)
        strength = l1 * deviation / rows
        if kind == "l1":
            return Lasso(alpha=strength, tol=1e-14, max_iter=1_000_000).fit(features, target, weights)
        total = strength + l2 / rows
        return ElasticNet(alpha=total, l1_ratio=strength / total, tol=1e-14, max_iter=1_000_000).fit(features, target, weights)
    if trainer == "linear":
        if kind == "l2":
            model = LogisticRegression(C=1 / l2, tol=1e-12, max_iter=100_000)
        elif kind == "l1":
            model = LogisticRegression(C=1 / l1, penalty="l1", solver="saga", tol=1e-9, max_iter=1_000_000, random_state=0)
        else:
            model = LogisticRegression(
                C=1 / (l1 + l2), l1_ratio=l1 / (l1 + l2), penalty="elasticnet", solver="saga", tol=1e-9, max_iter=1_000_000, random_state=0)
        return model.fit(features, target, weights)
    if loss == "number":
        model = LinearSVR(
            C=1 / l2, epsilon=given["epsilon"], loss="squared_epsilon_insensitive", dual=False, intercept_scaling=1e3, tol=1e-12, max_iter=1_000_000)
        model.fit(features, (target - mean) / deviation, weights)
        model.coef_, model.intercept_ = model.coef_ * deviation, model.intercept_ * deviation + mean
        return model
    return LinearSVC(C=1 / l2, dual=False, intercept_scaling=1e3, tol=1e-12, max_iter=1_000_000).fit(features, target, weights)


def philox(counter, key):
    """Philox4x32-10 of Salmon et al. (2011), as CounterGenerator has it."""
    (a, b, c, d), (k, l) = counter, key
    for _ in range(10):
        p, q = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (q >> 32) ^ b ^ k, q & 0xFFFFFFFF, (p >> 32) ^ d ^ l, p & 0xFFFFFFFF
        k, l = (k + 0x9E3779B9) & 0xFFFFFFFF, (l + 0xBB67AE85) & 0xFFFFFFFF
    return a | b << 32


def folds(target, count, seed=1, stream=0x666F6C6473):
    """The fold of each row as Resampling deals them: shuffled, class by class, each class going on where the one before ended."""
    order = sorted(range(len(target)), key=lambda row: philox((row, 0, stream & 0xFFFFFFFF, stream >> 32), (seed, 0)))
    groups = collections.defaultdict(list)
    for row in order:
        groups[target[row]].append(row)
    dealt = np.empty(len(target), int)
    for position, row in enumerate(row for group in sorted(groups) for row in groups[group]):
        dealt[row] = position % count
    return dealt


CASES = [
    ("ridge", "linear", "wave-number", {"l2": 1}, None),
    ("ridge-weighted", "linear", "wave-number", {"l2": 3}, "rows"),
    ("ridge-diabetes", "linear", "diabetes", {"l2": 1}, None),
    ("lasso", "linear", "wave-number", {"penalty": "l1", "l1": 20}, None),
    ("lasso-weighted", "linear", "wave-number", {"penalty": "l1", "l1": 20}, "rows"),
    ("lasso-diabetes", "linear", "diabetes", {"penalty": "l1", "l1": 10}, None),
    ("elastic-net-diabetes", "linear", "diabetes", {"penalty": "elastic-net", "l1": 10, "l2": 20}, None),
    ("elastic-net-diabetes-weighted", "linear", "diabetes", {"penalty": "elastic-net", "l1": 10, "l2": 20}, "rows"),
    ("logistic", "linear", "wave-two", {"l2": 1}, None),
    ("logistic-weighted", "linear", "wave-two", {"l2": 0.5}, "rows"),
    ("logistic-breast-cancer", "linear", "breast_cancer", {"l2": 1}, None),
    ("logistic-breast-cancer-balanced", "linear", "breast_cancer", {"l2": 1}, "balanced"),
    ("logistic-lasso-breast-cancer", "linear", "breast_cancer", {"penalty": "l1", "l1": 5}, None),
    ("logistic-elastic-net-breast-cancer", "linear", "breast_cancer", {"penalty": "elastic-net", "l1": 2, "l2": 3}, "rows"),
    ("softmax", "linear", "wave-three", {"l2": 1}, None),
    ("softmax-weighted", "linear", "wave-three", {"l2": 1}, "rows"),
    ("softmax-wine", "linear", "wine", {"l2": 1}, None),
    ("softmax-lasso-wine", "linear", "wine", {"penalty": "l1", "l1": 2}, None),
    ("softmax-elastic-net-wine", "linear", "wine", {"penalty": "elastic-net", "l1": 1, "l2": 1}, "balanced"),
    ("svm-two", "linear-svm", "wave-two", {"l2": 1}, None),
    ("svm-two-weighted", "linear-svm", "wave-two", {"l2": 1}, "rows"),
    ("svm-breast-cancer", "linear-svm", "breast_cancer", {"l2": 10}, None),
    ("svm-wine", "linear-svm", "wine", {"l2": 1}, None),
    ("svm-number", "linear-svm", "wave-number", {"l2": 1, "epsilon": 0.1}, None),
    ("svm-diabetes", "linear-svm", "diabetes", {"l2": 1, "epsilon": 0.2}, None),
    ("svm-diabetes-weighted", "linear-svm", "diabetes", {"l2": 10, "epsilon": 0}, "rows"),
]


def figures(name, trainer, table, given, weighting, all_tables):
    features, target = all_tables[table]
    loss = "number" if table in ("wave-number", "diabetes") else "class"
    weights = row_weights(target, weighting)
    model = learn(features, target, trainer, loss, given, weights)
    case = {
        "trainer": trainer,
        "table": table,
        "weights": weighting or "none",
        "hyperparameters": given,
        "coefficients": np.atleast_2d(model.coef_).T.ravel().tolist(),
        "intercept": np.atleast_1d(model.intercept_).tolist(),
    }
    if trainer == "linear-svm" and loss == "class":
        split = PredefinedSplit(folds(target, 5))
        calibrated = CalibratedClassifierCV(model, method="sigmoid", cv=split, ensemble=False).fit(features, target, weights)
        case["results"] = calibrated.predict_proba(features[:SHOWN]).ravel().tolist()
    else:
        case["results"] = (model.predict(features[:SHOWN]) if loss == "number" else model.predict_proba(features[:SHOWN])).ravel().tolist()
    return name, case


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    diabetes = load_diabetes(scaled=False)
    lines = "".join(",".join(f"{v:.7g}" for v in [*row, value]) + "\n" for row, value in zip(diabetes.data, diabetes.target))
    (FOLDER / "diabetes.csv.gz").write_bytes(gzip.compress(lines.encode(), mtime=0))
    every = tables()
    (FOLDER / "figures.json").write_text(json.dumps(dict(figures(*case, every) for case in CASES), indent=1) + "\n")
