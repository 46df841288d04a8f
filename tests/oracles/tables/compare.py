"""Whole runs of the product against scikit-learn 1.2.1 on real tables: AIAAS_BASE_URL=… AIAAS_KEY=… python3 compare.py > figures.csv

A quarter of the rows of each table is kept away from both. The product gets the rest as a CSV file with the pipeline's defaults but the target
and, where few-valued columns make different people's rows equal, duplicates that are kept, as scikit-learn keeps them;
scikit-learn gets it as its HistGradientBoosting and, one-hot, imputed and standardized, as its regularized linear model, both with their defaults.
Figures are the area under the ROC curve (mean over each class against the rest) and R². Tables are those that Debian's python3-sklearn and
python3-statsmodels bring along, and the penguins of samples/.
"""
import csv
import io
import json
import os
import sys
import time
import urllib.request

import numpy as np
import pandas as pd
import sklearn.datasets
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

BASE, KEY = os.environ["AIAAS_BASE_URL"].rstrip("/"), os.environ["AIAAS_KEY"]
HERE = os.path.dirname(os.path.abspath(__file__))
FEW_VALUED = ["affairs", "poor-health", "doctor-visits"]
STATS = "/usr/lib/python3/dist-packages/statsmodels/datasets"


def call(method, path, body=None, kind="application/json"):
    request = urllib.request.Request(BASE + path, method=method, data=body, headers={"x-api-key": KEY, "Content-Type": kind})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def stats(name):
    return pd.read_csv(f"{STATS}/{name}/{name}.csv")


def tables():
    x, y = sklearn.datasets.load_breast_cancer(return_X_y=True, as_frame=True)
    yield "breast-cancer", x.assign(target=np.where(y == 1, "benign", "malignant")), "target", "numbers only"
    x, y = sklearn.datasets.load_wine(return_X_y=True, as_frame=True)
    yield "wine", x.assign(target="cultivar " + y.astype(str)), "target", "numbers only, three classes"
    penguins = pd.read_csv(os.path.join(HERE, "../../../samples/penguins/penguins.csv"))
    yield "penguins-sex", penguins[penguins["sex"].isin(["male", "female"])], "sex", "mixed, missing values"
    fair = stats("fair")
    yield "affairs", fair.drop(columns="affairs").assign(unfaithful=np.where(fair["affairs"] > 0, "yes", "no")), "unfaithful", "few-valued numbers, 6366 rows"
    health = stats("randhie")
    yield "poor-health", health.drop(columns=["hlthp", "hlthf", "hlthg"]).assign(poor=np.where(health["hlthp"] == 1, "yes", "no")), "poor", "imbalanced (1.5%), 20190 rows"
    yield "doctor-visits", health, "mdvis", "regression, 20190 rows"
    survey = pd.read_csv(f"{STATS}/anes96/anes96.csv", sep="\t", quotechar="'")
    yield "election", survey.assign(vote=lambda t: np.where(t["vote"] == 1, "Dole", "Clinton")), "vote", "survey of 944"
    boston = pd.read_csv(os.path.join(os.path.dirname(sklearn.datasets.__file__), "data", "boston_house_prices.csv"), header=1)
    yield "houses", boston, "MEDV", "regression, numbers"
    x, y = sklearn.datasets.load_diabetes(return_X_y=True, as_frame=True)
    yield "diabetes", x.assign(progression=y), "progression", "regression, few rows"
    yield "investment", stats("grunfeld"), "invest", "regression, a category of eleven firms, 220 rows"
    students = stats("star98")
    yield "schools", students.assign(share=students["PR50M"] / students["MATHTOT"]).drop(columns=["PR50M", "MATHTOT"]), "share", "regression, correlated numbers"


def ours(name, train, test, target, classes):
    pipeline = f"table-{name}"
    definition = {"clean": {"duplicates": "keep" if name in FEW_VALUED else "drop"}, "target": target, "task": "classification" if classes is not None else "regression"}
    call("PUT", f"/api/v1/pipelines/{pipeline}", json.dumps(definition).encode())
    began = time.time()
    started = call("PUT", f"/api/v1/datasets/{pipeline}", train.to_csv(index=False).encode(), "text/csv")
    while True:
        run = call("GET", f"/api/v1/runs/{started['run']}")
        if run["status"] not in ("queued", "running"):
            break
        time.sleep(0.5)
    if run["status"] != "succeeded":
        raise SystemExit(f"{name}: {run['error']}")
    trainer = call("GET", f"/api/v1/models/{pipeline}/versions/{run['model']['version']}/card")["trainer"]
    answers = []
    rows = json.loads(test.drop(columns=target).to_json(orient="records"))
    for at in range(0, len(rows), 500):
        answers += call("POST", f"/api/v1/endpoints/{run['endpoint']}/predictions", json.dumps({"rows": rows[at:at + 500]}).encode())["predictions"]
    seconds = time.time() - began
    if classes is None:
        return [a["value"] for a in answers], trainer, seconds
    return [[a["probabilities"].get(str(c), 0.0) for c in classes] for a in answers], trainer, seconds


def peers(train, test, target, classes):
    x, y, t = train.drop(columns=target), train[target], test.drop(columns=target)
    words = [c for c in x if x[c].dtype == object]
    numbers = [c for c in x if c not in words]
    trees = make_column_transformer(
        (OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan, encoded_missing_value=np.nan), words), ("passthrough", numbers))
    lines = make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")), words), (make_pipeline(SimpleImputer(), StandardScaler()), numbers))
    for name, model in [
        ("HistGradientBoosting", make_pipeline(trees, HistGradientBoostingClassifier(random_state=0) if classes is not None else HistGradientBoostingRegressor(random_state=0))),
        ("linear", make_pipeline(lines, LogisticRegression(max_iter=10000) if classes is not None else Ridge())),
    ]:
        model.fit(x, y)
        yield name, model.predict(t) if classes is None else model.predict_proba(t)


def score(truth, predicted, classes):
    if classes is None:
        return r2_score(truth, predicted)
    p = np.array(predicted)
    asked = [1] if len(classes) == 2 else range(len(classes))
    return float(np.mean([roc_auc_score(truth == classes[c], p[:, c]) for c in asked]))


out = csv.writer(sys.stdout, lineterminator="\n")
out.writerow(["table", "what", "rows", "metric", "ours", "trainer", "seconds", "HistGradientBoosting", "linear", "ahead"])
for name, table, target, what in tables():
    if len(sys.argv) > 1 and name not in sys.argv[1:]:
        continue
    classes = sorted(table[target].unique()) if table[target].dtype == object else None
    train, test = train_test_split(table, test_size=0.25, random_state=1, stratify=table[target] if classes is not None else None)
    predicted, trainer, seconds = ours(name, train, test, target, classes)
    mine = score(test[target], predicted, classes)
    theirs = {peer: score(test[target], p, classes) for peer, p in peers(train, test, target, classes)}
    out.writerow([name, what, len(table), "auc" if classes is not None else "r2", f"{mine:.4f}", trainer, f"{seconds:.0f}",
                  f"{theirs['HistGradientBoosting']:.4f}", f"{theirs['linear']:.4f}", f"{mine - max(theirs.values()):+.4f}"])
    sys.stdout.flush()
