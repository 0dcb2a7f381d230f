#!/usr/bin/env bash
# Makes out/melo-edge-gpu.tar.gz beside this file: the benchmarks with the .NET runtime in them, run.sh and peer.py, for a machine without .NET and without a network.
# On that machine: tar -xzf melo-edge-gpu.tar.gz && melo-edge-gpu/run.sh
#
#   publish.sh [-p:NAME=VALUE ...] [FILE ...]
#
# A FILE is a library, or a package of Debian's or Ubuntu's with libraries, that the machine may lack; it goes into the folder lib. Images of data centres often lack the
# Vulkan loader: apt-get download libvulkan1. -p:Cuda=true builds with CUDA's provider, whose libraries alone are larger than everything else.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
limit=60 # MiB, without CUDA

properties=() files=()
for argument; do
  case $argument in
    -p:*) properties+=("$argument") ;;
    *) [ -f "$argument" ] || { echo "error: found no file $argument" >&2; exit 1; }
       files+=("$argument") ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
package=$work/melo-edge-gpu
# Not compiled ahead: that would be half as large again, and what is measured runs warm.
dotnet publish "$here/../MeLo.Edge.Benchmarks" -c Release -r linux-x64 --self-contained -p:PublishReadyToRun=false -p:PublishReadyToRunComposite=false \
  "${properties[@]}" -o "$package/program"
# No picture is decoded, and nobody debugs there.
rm -f "$package"/program/libvips* "$package"/program/{createdump,libmscordaccore.so,libmscordbi.so} "$package"/program/*.pdb
mkdir "$package/lib"
for file in "${files[@]}"; do cp -L "$file" "$package/lib/"; done
cp "$here/run.sh" "$here/peer.py" "$package/"

mkdir -p "$here/out"
tar -C "$work" -c melo-edge-gpu | gzip -9 >"$here/out/melo-edge-gpu.tar.gz"
size=$(($(stat -c %s "$here/out/melo-edge-gpu.tar.gz") / 1048576))
echo "$here/out/melo-edge-gpu.tar.gz: $size MiB"
if [ "$size" -gt "$limit" ] && [[ " ${properties[*]} " != *" -p:Cuda=true "* ]]; then
  echo "error: found $size MiB, expected at most $limit: such machines are sent little" >&2
  exit 1
fi
