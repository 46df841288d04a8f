#!/bin/sh
# Installs scikit-learn and XGBoost, the peers of the benchmark of gradient boosting (Debian, Ubuntu). As root.
set -eu
apt-get install -y --no-install-recommends python3-sklearn python3-xgboost
