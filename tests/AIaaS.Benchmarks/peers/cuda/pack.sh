#!/bin/sh
# Packs the benchmarks "mlp-step" and "cnn-step" with .NET and ONNX Runtime's CUDA provider into one file of about 50 MB, for a machine with an NVIDIA GPU
# that has neither .NET nor a network: pack.sh [ARCHITECTURE], 90 for Hopper unless said otherwise. Needs npm (for the provider),
# python3 and xz. There run.sh unpacks and runs it; that machine has to have CUDA 13 with cuDNN 9, as a PyTorch for CUDA 13 brings along.
set -eu
architecture=${1:-90}
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../../.." && pwd)
pack=$root/artifacts/cuda-benchmark
version=0.4.9
mkdir -p "$pack"
cd "$pack"

[ -d provider ] || {
    npm pack --silent "com.github.asus4.onnxruntime.linux-x64-gpu@$version"
    mkdir provider
    tar -xzf "com.github.asus4.onnxruntime.linux-x64-gpu-$version.tgz" -C provider --strip-components=4 package/Plugins/Linux/x64
    rm "com.github.asus4.onnxruntime.linux-x64-gpu-$version.tgz"
}

rm -rf content
dotnet publish "$here" -c Release -p:FunctionsHost=local -m:1 -v q -o content
native=content/runtimes/linux-x64/native
rm -f content/*.pdb content/*.xml content/libmscordaccore.so content/libmscordbi.so content/createdump "$native/libduckdb.so" "$native/libortextensions.so"
cp provider/libonnxruntime_providers_shared.so "$native/"
python3 "$here/trim_provider.py" provider/libonnxruntime_providers_cuda.so "$native/libonnxruntime_providers_cuda.so" "$architecture"
tar -c -C content . | xz -T0 --x86 --lzma2=preset=9 > benchmark.tar.xz
rm -rf content
ls -l "$pack/benchmark.tar.xz"
