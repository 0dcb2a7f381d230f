#!/usr/bin/env bash
# Packs the benchmarks for a machine without .NET and without a network; publish.sh --help says how.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
limit=60 # MiB, without CUDA

usage() {
  cat <<'EOF'
Makes out/melo-edge-gpu.tar.gz beside this file: the benchmarks with the .NET runtime in them, run.sh and peer.py, for a machine without .NET and without a network.
On that machine: tar -xzf melo-edge-gpu.tar.gz && melo-edge-gpu/run.sh

  publish.sh [-p:NAME=VALUE ...] [FILE ...]

A FILE is a library that the machine may lack, or a package with it (.deb or .rpm); it goes into the folder lib. Images of data centres often lack the Vulkan loader:
  Debian, Ubuntu: apt-get download libvulkan1            RHEL, Fedora: dnf download vulkan-loader
  and where OpenSSL is missing: libssl3                                openssl-libs

-p:Cuda=true builds with CUDA's provider. It places libonnxruntime_providers_shared.so and libonnxruntime_providers_cuda.so (272 MB) beside the program; the machine needs,
on the loader's path (ldconfig, LD_LIBRARY_PATH) or as a FILE here:
  CUDA 13:  libcudart.so.13 libcublas.so.13 libcublasLt.so.13 libcurand.so.10
  cuDNN 9:  libcudnn.so.9, and the libraries it loads: libcudnn_graph.so.9 libcudnn_ops.so.9 libcudnn_cnn.so.9 libcudnn_adv.so.9 libcudnn_heuristic.so.9
            libcudnn_engines_precompiled.so.9 libcudnn_engines_runtime_compiled.so.9
  driver:   libcuda.so.1 of NVIDIA's driver 580 or later, which cannot be brought along
EOF
}
wrong() { echo "error: $1; publish.sh --help says what there is" >&2; exit 2; }

properties=() files=()
for argument; do
  case $argument in
    --help | -h) usage; exit 0 ;;
    -p:*) properties+=("$argument") ;;
    -*) wrong "found '$argument', expected -p:NAME=VALUE or a file" ;;
    *) [ -f "$argument" ] || wrong "found no file $argument"
       files+=("$argument") ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/melo-edge-gpu
# Not compiled ahead: that would be half as large again, and what is measured runs warm.
dotnet publish "$here/../MeLo.Edge.Benchmarks" -c Release -r linux-x64 --self-contained -p:PublishReadyToRun=false -p:PublishReadyToRunComposite=false \
  ${properties[@]+"${properties[@]}"} -o "$package/program"
# No picture is decoded, and nobody debugs there.
rm -f "$package"/program/libvips* "$package"/program/{createdump,libmscordaccore.so,libmscordbi.so} "$package"/program/*.pdb
mkdir "$package/lib"
for file in ${files[@]+"${files[@]}"}; do cp -L "$file" "$package/lib/"; done
cp "$here/run.sh" "$here/peer.py" "$package/"

mkdir -p "$here/out"
tar -C "$work" -c melo-edge-gpu | gzip -9 >"$here/out/melo-edge-gpu.tar.gz"
size=$(($(stat -c %s "$here/out/melo-edge-gpu.tar.gz") / 1048576))
echo "$here/out/melo-edge-gpu.tar.gz: $size MiB"
if [ "$size" -gt "$limit" ] && [[ " ${properties[*]-} " != *" -p:Cuda=true "* ]]; then
  echo "error: found $size MiB, expected at most $limit: such machines are sent little" >&2
  exit 1
fi
