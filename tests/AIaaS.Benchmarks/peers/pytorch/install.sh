#!/bin/sh
# Installs PyTorch and a fast BLAS for it, the peer of the benchmarks that train networks (Debian, Ubuntu). As root.
set -eu
apt-get install -y --no-install-recommends python3-torch libopenblas0
