"""One peer's training of gradient-boosted trees on rows that the benchmark wrote: boosting.py FOLDER sklearn|xgboost TREES LEAVES

Prints seconds of CPU time for the training, the probabilities' file, and the peak memory, as one line of JSON.
"""
import json
import os
import resource
import sys
import time

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy as np

folder, peer, trees, leaves = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
features = int(open(os.path.join(folder, "features.txt")).read())


def read(name):
    return np.fromfile(os.path.join(folder, name), dtype=np.float32)


x, y, t = read("train.x").reshape(-1, features), read("train.y"), read("test.x").reshape(-1, features)
if peer == "sklearn":
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(
        max_iter=trees, max_leaf_nodes=leaves, learning_rate=0.1, min_samples_leaf=20, l2_regularization=0.0, early_stopping=False)
    began = time.process_time()
    model.fit(x, y)
    seconds = time.process_time() - began
    p = model.predict_proba(t)[:, 1]
else:
    import xgboost

    began = time.process_time()
    data = xgboost.DMatrix(x, label=y)
    model = xgboost.train(
        {"objective": "binary:logistic", "tree_method": "hist", "grow_policy": "lossguide", "max_leaves": leaves, "max_depth": 0, "eta": 0.1,
         "lambda": 0.0, "min_child_weight": 1e-3, "max_bin": 255, "nthread": 1}, data, trees)
    seconds = time.process_time() - began
    p = model.predict(xgboost.DMatrix(t))

p.astype(np.float32).tofile(os.path.join(folder, "p." + peer))
print(json.dumps({"seconds": seconds, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
