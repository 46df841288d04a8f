#!/bin/sh
# Runs what pack.sh has packed, on a machine with an NVIDIA GPU: run.sh [PACKAGE]. PyTorch for CUDA 13 has to be in the python3 on the
# PATH: it is the peer, and its CUDA libraries are ours too.
set -eu
package=${1:-artifacts/cuda-benchmark/benchmark.tar.xz}
folder=$(mktemp -d)
python3 -c 'import sys, tarfile; tarfile.open(sys.argv[1]).extractall(sys.argv[2])' "$package" "$folder"

AIAAS_BENCHMARK_PYTHON=$(command -v python3)
LD_LIBRARY_PATH=$(python3 -c 'import glob, site; print(":".join(p for s in site.getsitepackages() for p in glob.glob(s + "/nvidia/*/lib")))')${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
export AIAAS_BENCHMARK_PYTHON LD_LIBRARY_PATH
nvidia-smi --query-gpu=name,driver_version --format=csv,noheader || true
for device in cuda cpu; do
    "$folder/AIaaS.Benchmarks" mlp-step --device "$device" || true
    "$folder/AIaaS.Benchmarks" cnn-step --device "$device" || true
done
