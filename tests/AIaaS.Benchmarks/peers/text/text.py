"""The peer's linear model of texts that the benchmark wrote: text.py FOLDER TERMS

Prints seconds of CPU time from texts to a trained model and for predictions, the number of terms, and the peak memory, as one line of JSON.
"""
import json
import os
import resource
import sys
import time

for name in ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"]:
    os.environ[name] = "1"

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

folder, terms = sys.argv[1], int(sys.argv[2])


def lines(name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        return file.read().split("\n")[:-1]


texts, classes, test = lines("train.txt"), np.array([int(y) for y in lines("train.y")]), lines("test.txt")
model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_features=terms), LogisticRegression(max_iter=1000))
began = time.process_time()
model.fit(texts, classes)
seconds = time.process_time() - began
began = time.process_time()
p = model.predict_proba(test)[:, 1]
predicting = time.process_time() - began
p.astype(np.float32).tofile(os.path.join(folder, "p.sklearn"))
print(json.dumps({"seconds": seconds, "predictSeconds": predicting, "terms": len(model[0].vocabulary_), "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
