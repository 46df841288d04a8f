"""Writes what scikit-learn's IsolationForest says of some tables, for the tests of AIaaS.Data.

Needs python3-sklearn (1.2.1). Run it as /usr/bin/python3 tests/oracles/isolation_forest.py; it writes the files
tests/oracles/isolation-forest-*.csv: the columns of a table and, last, `score`, which is -score_samples (near 1 for
anomalies, as in the paper) of 1,000 trees, so that the seed hardly shows. tests/oracles/isolation-forests.csv has, for
each table, the lowest and highest Spearman correlation of ten of scikit-learn's own forests of 100 trees with those scores:
what any forest of 100 trees can be expected to reach.
"""

import csv
import pathlib

import numpy as np
from scipy.stats import spearmanr
from sklearn.ensemble import IsolationForest

FOLDER = pathlib.Path(__file__).parent
PENGUINS = FOLDER.parent.parent / "samples" / "penguins" / "penguins.csv"
MEASURES = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]


def blobs(random):
    """Two clouds of unequal size and width, and points anywhere around them."""
    return np.vstack([
        random.normal([0, 0, 0, 0], [1, 1, 1, 1], (500, 4)),
        random.normal([6, 6, 0, -3], [0.5, 2, 1, 0.3], (200, 4)),
        random.uniform(-12, 12, (40, 4)),
    ])


def ring(random):
    """A ring with its middle empty but for three points, and heavy tails in a third column."""
    angle = random.uniform(0, 2 * np.pi, 600)
    radius = random.normal(5, 0.3, 600)
    radius[:3] = 0.2
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), random.standard_t(3, 600)])


def correlated(random):
    """Ten columns of three factors, one of them of few values and one constant; outliers break the correlation."""
    table = random.normal(size=(800, 3)) @ random.normal(size=(3, 10)) + random.normal(scale=0.2, size=(800, 10))
    table[:20] = random.permuted(table[:20] * 3, axis=0)
    table[:, 8] = np.round(table[:, 8])
    table[:, 9] = 1
    return table


def penguins():
    with PENGUINS.open() as file:
        rows = [[row[name] for name in MEASURES] for row in csv.DictReader(file)]
    return np.array([[float(value) for value in row] for row in rows if "NA" not in row])


def scores(table, trees, seed):
    return -IsolationForest(n_estimators=trees, max_samples=256, random_state=seed).fit(table).score_samples(table)


def write(name, columns, table, summary):
    # scikit-learn works in single precision; so does the file.
    table = table.astype(np.float32)
    reference = scores(table, 1000, 0)
    with (FOLDER / f"isolation-forest-{name}.csv").open("w") as file:
        print(*columns, "score", sep=",", file=file)
        for row, score in zip(table, reference):
            print(*row, f"{score:.6f}", sep=",", file=file)
    agreement = [spearmanr(reference, scores(table, 100, seed)).correlation for seed in range(1, 11)]
    print(name, f"{min(agreement):.4f}", f"{max(agreement):.4f}", sep=",", file=summary)


if __name__ == "__main__":
    with (FOLDER / "isolation-forests.csv").open("w") as summary:
        print("table", "lowest", "highest", sep=",", file=summary)
        for shape in (blobs, ring, correlated):
            data = np.round(shape(np.random.default_rng(2008)), 4)
            write(shape.__name__, [f"x{i}" for i in range(data.shape[1])], data, summary)
        write("penguins", MEASURES, penguins(), summary)
