"""Writes tables and what scikit-learn's MLPClassifier and MLPRegressor make of them, for the tests of AIaaS.Learning.

Needs python3-sklearn (1.2.1). Run it as OPENBLAS_NUM_THREADS=1 /usr/bin/python3 tests/oracles/neural_network/tables.py; it writes
beside itself, for each table, TABLE.csv.gz (the features and, last, the target; the first rows are for training) and in figures.csv
a line: the table, its number of training rows, its number of classes (0 for a regression), and the figures on the other rows as means
over five seeds, for one hidden layer of 100 units (the default) and for two of 64: log loss and the area under the ROC curve (one
against the rest, averaged), or the root mean squared error. Features and the regression's target are standardized for them, and the
regressor predicts in the target's own units.

breast_cancer, digits and wine come with scikit-learn. `housing` is made here: like California's, its values depend on place, income and
age in ways that are not linear, and are cut off at a highest one.
"""

import csv
import gzip
import io
import pathlib
import warnings

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler

FOLDER = pathlib.Path(__file__).parent
SHAPES = [(100,), (64, 64)]


def housing(rows=2500):
    random = np.random.default_rng(7)
    income = random.lognormal(1.2, 0.5, rows)
    age = random.uniform(1, 52, rows)
    rooms = random.lognormal(1.6, 0.3, rows)
    latitude = random.uniform(32, 42, rows)
    longitude = random.uniform(-124, -114, rows)
    occupants = random.lognormal(1, 0.3, rows)
    value = (
        0.45 * income + 0.01 * age - 0.08 * rooms - 0.1 * occupants
        + 1.5 * np.exp(-((latitude - 34) ** 2 + (longitude + 118) ** 2))
        + 1.8 * np.exp(-((latitude - 37.7) ** 2 + (longitude + 122.4) ** 2) / 2)
        + random.normal(0, 0.35, rows) * (0.5 + income / 4))
    table = np.column_stack([income, age, rooms, latitude, longitude, occupants])
    return np.round(table, 4), np.round(np.clip(value, 0.15, 5), 4)


def figures(features, target, rows, classes):
    scaler = StandardScaler().fit(features[:rows])
    train, test = scaler.transform(features[:rows]), scaler.transform(features[rows:])
    for shape in SHAPES:
        results = []
        for seed in range(5):
            if classes:
                said = MLPClassifier(shape, random_state=seed).fit(train, target[:rows]).predict_proba(test)
                area = roc_auc_score(target[rows:], said[:, 1] if classes == 2 else said, multi_class="ovr")
                results.append([log_loss(target[rows:], said), area])
            else:
                model = TransformedTargetRegressor(MLPRegressor(shape, random_state=seed), transformer=StandardScaler())
                results.append([mean_squared_error(target[rows:], model.fit(train, target[:rows]).predict(test)) ** 0.5])
        yield from np.mean(results, axis=0)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    tables = {
        "breast_cancer": load_breast_cancer(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "wine": load_wine(return_X_y=True),
        "housing": housing(),
    }
    with (FOLDER / "figures.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        for name, (features, target) in tables.items():
            classes = 0 if name == "housing" else int(target.max()) + 1
            train, test = train_test_split(np.arange(len(target)), test_size=0.25, random_state=1, stratify=target if classes else None)
            order = np.concatenate([train, test])
            features, target = features[order].astype(np.float32), target[order]
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows([f"{v:.7g}" for v in row] + [f"{y:.7g}"] for row, y in zip(features, target))
            (FOLDER / f"{name}.csv.gz").write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
            writer.writerow([name, len(train), classes] + [f"{v:.4f}" for v in figures(features, target, len(train), classes)])
