"""Features by scikit-learn 1.2.1, pandas and Python's calendar, read by FeatureOracleTests: python3 figures.py > figures.json"""
import datetime
import json
import math

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import MinMaxScaler, QuantileTransformer, RobustScaler, StandardScaler
from sklearn.utils import murmurhash3_32

ROWS = 200


def wave(row, column):
    return math.sin((row + 1) * (column + 1) * 0.7 + column * column)


# Values with ties, a long tail and missing ones.
raw = [None if r % 17 == 3 else float(np.float32(round(3 * wave(r, 0)) if r % 3 == 0 else math.exp(4 * wave(r, 1)) - 5)) for r in range(ROWS)]
present = np.array([v for v in raw if v is not None])
filled = np.array([np.median(present) if v is None else v for v in raw]).reshape(-1, 1)
log = np.sign(filled) * np.log1p(np.abs(filled))
robust = RobustScaler().fit(present.reshape(-1, 1))
numbers = {
    "raw": raw,
    "standard": StandardScaler().fit_transform(filled).ravel().tolist(),
    "min-max": MinMaxScaler().fit_transform(filled).ravel().tolist(),
    "robust": robust.transform(filled).ravel().tolist(),
    "quantile": QuantileTransformer(n_quantiles=65).fit(present.reshape(-1, 1)).transform(filled).ravel().tolist(),
    "log": StandardScaler().fit_transform(log).ravel().tolist(),
}

subjects = ["the cat", "a dog", "my Café", "the train_station", "nobody", "An Élan", "42 birds", "x", "日本語 text", "the quick-brown fox"]
verbs = ["sat on", "never liked", "ran, quickly, past", "  saw\tthe\n", "is"]
objects = ["the mat.", "a mat!", "THE DOG", "42 mats", "", "b c d", "naïve people", "the cat's toy"]
texts = [f"{subjects[r % 10]} {verbs[(r * 7 // 3) % 5]} {objects[(r * r + r // 5) % 8]}" for r in range(60)] + ["", "?", "a b c"]


def ascii_lower(text):
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in text)


def tfidf(longest):
    vectorizer = TfidfVectorizer(ngram_range=(1, longest), min_df=2, lowercase=False, preprocessor=ascii_lower)
    matrix = vectorizer.fit_transform(texts).toarray()
    terms = vectorizer.get_feature_names_out().tolist()
    return {"terms": terms, "rows": {str(r): {terms[c]: matrix[r, c] for c in np.nonzero(matrix[r])[0]} for r in range(len(texts))}}


features = np.array([[np.float32(wave(r, c) + (0.8 * wave(r, 0) if c > 2 else 0)) for c in range(6)] for r in range(ROWS)], dtype=float)
standardized = StandardScaler().fit_transform(features)
pca = PCA().fit(standardized)

categories = [f"c{int(abs(wave(r, 4)) ** 3 * 40)}" for r in range(ROWS)]
target = [wave(r, 5) + 0.1 * int(abs(wave(r, 4)) ** 3 * 40) for r in range(ROWS)]
frame = pd.DataFrame({"category": categories, "target": target})
groups = frame.groupby("category")["target"]
count, mean = groups.size(), groups.mean()
within = groups.apply(lambda g: ((g - g.mean()) ** 2).sum()).sum() / (ROWS - len(count))
between = ((count * (mean - frame.target.mean()) ** 2).sum() - (len(count) - 1) * within) / (ROWS - (count**2).sum() / ROWS)
credibility = min(max(within / between, 1), 1e6)
averages = (count * mean + credibility * frame.target.mean()) / (count + credibility)

times = [datetime.datetime(1970, 1, 1) + datetime.timedelta(days=d, hours=h) for d, h in
         [(0, 0), (58, 0), (59, 0), (789, 12), (790, 0), (10956, 6), (11016, 0), (11017, 0), (19875, 0), (19782, 18), (-1, 0), (-365, 0), (-25508, 0), (-25509, 0), (24836, 0), (16000, 23)]]

print(json.dumps({
    "numbers": numbers,
    "texts": texts,
    "tf-idf": {str(n): tfidf(n) for n in (1, 2, 3)},
    "pca": {
        "variance": pca.explained_variance_.tolist(),
        "kept": np.cumsum(pca.explained_variance_ratio_).tolist(),
        "rows": pca.transform(standardized)[:10].tolist(),
    },
    "buckets": {text: murmurhash3_32(text, seed=0, positive=True) % 256 for text in ["", "a", "Dream", "Torgersen", "naïve", "日本語", "a longer text, of 37 characters or so", "😀"]},
    "averages": averages.to_dict(),
    "unseen": frame.target.mean(),
    "times": [{"seconds": (t - datetime.datetime(1970, 1, 1)).total_seconds(), "year": t.year, "month": t.month, "day": t.day, "weekday": t.weekday(), "hour": t.hour} for t in times],
}, ensure_ascii=False, indent=None, separators=(",", ":")))
