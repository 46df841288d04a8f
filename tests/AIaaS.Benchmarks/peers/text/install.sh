#!/bin/sh
# Installs scikit-learn, the peer of the benchmark of texts (Debian, Ubuntu). As root.
set -eu
apt-get install -y --no-install-recommends python3-sklearn
