"""Figures of scikit-learn 1.2.1 and XGBoost 1.7.4 that BoostingOracleTests reads: python3 figures.py > figures.json

Rows are sines that any program can compute again: wave(row, column) = sin((row + 1) * (column + 1) * 0.7 + column * column).
Training rows are 0 to 1999, test rows 2000 to 3999.
"""
import json
import math

import numpy as np
import xgboost
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor, RandomForestClassifier, RandomForestRegressor
from sklearn.metrics import log_loss, mean_squared_error, roc_auc_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS, TRAIN, FEATURES = 4000, 2000, 8


def wave(row, column):
    return math.sin((row + 1) * (column + 1) * 0.7 + column * column)


x = np.array([[wave(r, c) if (r + 3 * c) % 17 else np.nan for c in range(FEATURES)] for r in range(ROWS)]).astype(np.float32)
full = np.array([[wave(r, c) for c in range(FEATURES)] for r in range(ROWS)])
noise = np.array([wave(r, 40) for r in range(ROWS)])
score = 2 * full[:, 0] + 3 * full[:, 1] * full[:, 2] - 2 * (full[:, 3] > 0.3) + np.abs(full[:, 4]) + 1.5 * noise
two = (score > 0.2).astype(int)
three = (score > -0.6).astype(int) + (score > 1.2)
number = 10 + 5 * score
a, b = slice(0, TRAIN), slice(TRAIN, ROWS)

boost = dict(max_iter=60, max_leaf_nodes=15, learning_rate=0.1, min_samples_leaf=10, l2_regularization=1.0, early_stopping=False)
xgb = dict(tree_method="hist", grow_policy="lossguide", max_leaves=15, max_depth=0, eta=0.1, min_child_weight=1e-3, nthread=1, max_bin=255)
xgb["lambda"] = 1.0
xa, xb = xgboost.DMatrix(x[a]), xgboost.DMatrix(x[b])


def xgboost_of(label, **more):
    data = xgboost.DMatrix(x[a], label=label[a])
    return xgboost.train({**xgb, **more}, data, 60).predict(xb)


def rmse(prediction):
    return math.sqrt(mean_squared_error(number[b], prediction))


filled = np.where(np.isnan(x), -9, x)
print(json.dumps({
    "two": {
        "sklearn": roc_auc_score(two[b], HistGradientBoostingClassifier(**boost).fit(x[a], two[a]).predict_proba(x[b])[:, 1]),
        "xgboost": roc_auc_score(two[b], xgboost_of(two, objective="binary:logistic")),
    },
    "three": {
        "sklearn": log_loss(three[b], HistGradientBoostingClassifier(**boost).fit(x[a], three[a]).predict_proba(x[b])),
        "xgboost": log_loss(three[b], xgboost_of(three, objective="multi:softprob", num_class=3)),
    },
    "number": {
        "sklearn": rmse(HistGradientBoostingRegressor(**boost).fit(x[a], number[a]).predict(x[b])),
        "xgboost": rmse(xgboost_of(number, objective="reg:squarederror")),
    },
    "absolute": {
        "sklearn": float(np.mean(np.abs(number[b] - HistGradientBoostingRegressor(loss="absolute_error", **boost).fit(x[a], number[a]).predict(x[b])))),
    },
    "forest-two": {"sklearn": float(np.mean([roc_auc_score(two[b], RandomForestClassifier(100, min_samples_leaf=2, random_state=s).fit(filled[a], two[a]).predict_proba(filled[b])[:, 1]) for s in range(3)]))},
    "forest-three": {"sklearn": float(np.mean([log_loss(three[b], RandomForestClassifier(100, min_samples_leaf=2, random_state=s).fit(filled[a], three[a]).predict_proba(filled[b])) for s in range(3)]))},
    "forest-number": {"sklearn": float(np.mean([rmse(RandomForestRegressor(100, min_samples_leaf=2, max_features=1 / 3, random_state=s).fit(filled[a], number[a]).predict(filled[b])) for s in range(3)]))},
    "tree-two": {"sklearn": roc_auc_score(two[b], DecisionTreeClassifier(max_leaf_nodes=16, min_samples_leaf=10, random_state=0).fit(filled[a], two[a]).predict_proba(filled[b])[:, 1])},
    "tree-number": {"sklearn": rmse(DecisionTreeRegressor(max_leaf_nodes=16, min_samples_leaf=10, random_state=0).fit(filled[a], number[a]).predict(filled[b]))},
}, indent=1))
