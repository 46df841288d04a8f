#!/bin/sh
# Installs the peer of the benchmark "throughput" beside this script.
set -eu
cd "$(dirname "$0")"
npm install --ignore-scripts --no-audit --no-fund --no-package-lock
