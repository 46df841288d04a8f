"""Two versions of a data set and the figures that numpy, pandas, scipy and scikit-learn give of them.

Writes profile-baseline.csv, profile-current.csv and profile-figures.json beside itself. Seen with numpy 1.24.2, pandas 1.5.3,
scipy 1.10.1 and scikit-learn 1.2.1:

    python3 tests/oracles/profile_and_drift.py
"""

import json
import os

import numpy as np
import pandas as pd
from scipy import special, stats
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeClassifier

HERE = os.path.dirname(os.path.abspath(__file__))
FALSE_ALARMS = 0.001


def generate(seed, rows, shift, plans):
    random = np.random.default_rng(seed)
    size = random.normal(50 + shift, 12, rows).round(3)
    weight = (2 * size + random.normal(0, 20, rows)).round(3)
    plan = random.choice(["basic", "extra", "full", "trial"], rows, p=plans)
    region = random.choice(["north", "south", "east"], rows)
    chance = 1 / (1 + np.exp(-(0.08 * (size - 50) + 1.2 * (plan == "full") - 0.8 * (plan == "basic"))))
    churned = np.where(random.random(rows) < chance, "yes", "no")
    words = np.array(["slow", "great", "würde", "nie", "again", "日本", "thanks a lot"])
    note = [" ".join(random.choice(words, random.integers(1, 9))) for _ in range(rows)]
    day = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 300 + int(shift) * 5, rows), unit="D")
    table = pd.DataFrame({"size": size, "weight": weight, "plan": plan, "region": region, "note": note, "day": day.strftime("%Y-%m-%d"), "churned": churned})
    for column, share in (("size", 0.06), ("plan", 0.04), ("note", 0.3)):
        table.loc[random.random(rows) < share, column] = None
    return table


def eta(numbers, groups):
    """The correlation ratio from the F statistic of a one-way analysis of variance."""
    both = pd.DataFrame({"n": numbers, "g": groups}).dropna()
    samples = [group["n"].to_numpy() for _, group in both.groupby("g")]
    between, within = len(samples) - 1, len(both) - len(samples)
    f = stats.f_oneway(*samples).statistic
    return float(np.sqrt(f * between / (f * between + within)))


def cramers_v(a, b):
    """Bergsma 2013, over scipy's chi squared."""
    table = pd.crosstab(a, b)
    n = table.to_numpy().sum()
    chi2 = stats.chi2_contingency(table, correction=False)[0]
    r, k = table.shape
    phi = max(0, chi2 / n - (r - 1) * (k - 1) / (n - 1))
    return float(np.sqrt(phi / min(r - (r - 1) ** 2 / (n - 1) - 1, k - (k - 1) ** 2 / (n - 1) - 1)))


def psi(before, after):
    used = (before > 0) | (after > 0)
    p, q = after[used] + 0.5, before[used] + 0.5
    p, q = p / p.sum(), q / q.sum()
    chance = stats.chi2.ppf(1 - FALSE_ALARMS, used.sum() - 1) * (1 / before.sum() + 1 / after.sum())
    return {"psi": float(((p - q) * np.log(p / q)).sum()), "byChance": float(chance)}


def numeric_psi(before, after):
    edges = np.linspace(before.min(), before.max(), 21)
    inside = lambda values: np.histogram(np.clip(values.dropna(), edges[0], edges[-1]), edges)[0]
    with_missing = lambda values: np.append(inside(values), values.isna().sum())
    return psi(with_missing(before), with_missing(after))


def category_psi(before, after):
    values = before.value_counts().index
    count = lambda column: np.array([*(column == value for value in values), column.notna() & ~column.isin(values), column.isna()]).sum(axis=1)
    return psi(count(before), count(after))


def ks(before, after):
    before, after = before.dropna(), after.dropna()
    chance = special.kolmogi(FALSE_ALARMS) * np.sqrt(1 / len(before) + 1 / len(after))
    return {"ks": float(stats.ks_2samp(before, after).statistic), "byChance": float(chance)}


def skill(column, classes):
    """Out of fold accuracy of a tree over one category, as the share of the errors of the most frequent class that it removes.

    The folds are those of SingleColumnPredictor.
    """
    folds = (np.arange(len(column), dtype=np.uint32) * np.uint32(2654435761) >> np.uint32(16)) % 5
    features = OneHotEncoder(handle_unknown="ignore").fit_transform(column.fillna("(missing)").to_frame())
    predicted = cross_val_predict(DecisionTreeClassifier(random_state=1), features, classes, cv=PredefinedSplit(folds))
    accuracy, most = (predicted == classes).mean(), classes.value_counts(normalize=True).max()
    return float((accuracy - most) / (1 - most))


def main():
    baseline = generate(7, 1500, 0, [0.4, 0.3, 0.2, 0.1])
    current = generate(8, 1200, 9, [0.2, 0.2, 0.55, 0.05])
    current.loc[current["plan"] == "trial", "plan"] = "gone"
    baseline.to_csv(os.path.join(HERE, "profile-baseline.csv"), index=False)
    current.to_csv(os.path.join(HERE, "profile-current.csv"), index=False)
    seconds = lambda table: pd.Series(pd.to_datetime(table["day"]).astype("int64") / 1e9)
    lengths = baseline["note"].dropna().str.len()
    times = seconds(baseline)
    figures = {
        "lengths": {"minimum": int(lengths.min()), "mean": float(lengths.mean()), "maximum": int(lengths.max())},
        "dayQuantiles": [float(times.quantile(p)) for p in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)],
        "dayHistogram": np.histogram(times, 20)[0].tolist(),
        "withWeight": {
            "size": float(stats.pearsonr(*baseline[["size", "weight"]].dropna().to_numpy().T).statistic),
            "day": float(stats.pearsonr(times, baseline["weight"]).statistic),
            "plan": eta(baseline["weight"], baseline["plan"]),
            "region": eta(baseline["weight"], baseline["region"]),
            "churned": eta(baseline["weight"], baseline["churned"]),
        },
        "withChurned": {
            "size": eta(baseline["size"], baseline["churned"]),
            "weight": eta(baseline["weight"], baseline["churned"]),
            "plan": cramers_v(baseline["plan"], baseline["churned"]),
            "region": cramers_v(baseline["region"], baseline["churned"]),
        },
        "planSkill": skill(baseline["plan"], baseline["churned"]),
        "psi": {
            **{column: numeric_psi(baseline[column], current[column]) for column in ("size", "weight")},
            "day": numeric_psi(times, seconds(current)),
            **{column: category_psi(baseline[column], current[column]) for column in ("plan", "region", "churned")},
        },
        "ks": {**{column: ks(baseline[column], current[column]) for column in ("size", "weight")}, "day": ks(times, seconds(current))},
    }
    with open(os.path.join(HERE, "profile-figures.json"), "w", encoding="utf-8") as file:
        json.dump(figures, file, indent=2)
        file.write("\n")


main()
