#!/usr/bin/env bash
# Measures MeLo Edge on this machine's GPU: switches, inference and a stream of a Vision Transformer of random weights, and PyTorch beside them where python3 has
# it. Needs neither .NET nor a network, but x86-64 Linux with a GPU driver: a Vulkan driver for provider webgpu, CUDA's libraries for cuda.
#
#   run.sh [--large] [--out DIR] [--no-peer] [options of the program's command 'gpu': --model NAME, --provider webgpu|cuda, --seconds N, --limit N, --python NAME]
#
# --large measures ViT-L/16 instead of ViT-B/16. Writes gpu-MODEL.json to --out, else to $OUT, else to the current folder; docs/benchmarks/README.md says what
# is in it. Exit code 1 where nothing could be measured.
set -u
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

provider=webgpu peer=yes arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --large) arguments+=(--model vit_large_patch16_224) ;;
    --no-peer) peer=no ;;
    --provider) provider=${2:?} && shift ;;
    *) arguments+=("$1") ;;
  esac
  shift
done

# The folder that publish.sh made, or its archive.
root=$here
if [ ! -e "$root/program" ]; then
  archive=$here/out/melo-edge-gpu.tar.gz
  [ -e "$archive" ] || { echo "error: found neither $root/program nor $archive, expected one of them: publish.sh makes it" >&2; exit 1; }
  tar -xzf "$archive" -C "$work" || exit 1
  root=$work/melo-edge-gpu
fi
program=$root/program/MeLo.Edge.Benchmarks

# Libraries that were brought along, as they are or in packages: of them only what the system lacks, so that nothing else finds another than it is used to.
PATH=$PATH:/usr/sbin:/sbin
on_system() { ldconfig -p 2>/dev/null | awk -v name="$1" '$1 == name { found = 1 } END { exit !found }'; }
lacking=$work/lacking && mkdir "$lacking"
for package in "$root"/lib/*.deb; do
  [ -e "$package" ] && dpkg -x "$package" "$work/unpacked"
done
while IFS= read -r library; do
  on_system "$(basename "$library")" || cp -L "$library" "$lacking/"
done < <(find "$root/lib" "$work/unpacked" -name '*.so.*' 2>/dev/null)
for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
  [ -d "$folder" ] && ! on_system libGLX_nvidia.so.0 && ! on_system libEGL_nvidia.so.0 && lacking=$lacking:$folder
done
export LD_LIBRARY_PATH=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$lacking
has() { on_system "$1" || [ -e "$work/lacking/$1" ]; }
has libssl.so.3 || has libssl.so.1.1 ||
  echo "note: found no OpenSSL (libssl.so.3), which .NET's cryptography loads: put it, or the package libssl3 of Debian or Ubuntu, into $root/lib" >&2

# Vulkan's drivers are found by files that name them. Several are tried, since images that have a driver often lack its file, or the X libraries that one of its
# two entry points needs: the first that gives a GPU is taken, a software driver only where nothing else starts.
drivers=("")
if [ "$provider" = webgpu ]; then
  [ -n "${XDG_RUNTIME_DIR:-}" ] || export XDG_RUNTIME_DIR=$work
  has libvulkan.so.1 || echo "note: found no Vulkan loader (libvulkan.so.1): put it, or the package libvulkan1 of Debian or Ubuntu, into $root/lib" >&2
  if [ -z "${VK_DRIVER_FILES:-}${VK_ICD_FILENAMES:-}" ]; then
    for file in /usr/local/nvidia/share/vulkan/icd.d/*.json /usr/local/nvidia/vulkan/icd.d/*.json; do
      [ -e "$file" ] && drivers+=("$file")
    done
    for library in libGLX_nvidia.so.0 libEGL_nvidia.so.0; do
      path=$(ldconfig -p 2>/dev/null | awk -v name="$library" '$1 == name && /x86-64/ { print $NF; exit }')
      for folder in /usr/local/nvidia/lib64 /usr/local/nvidia/lib; do
        [ -z "$path" ] && [ -e "$folder/$library" ] && path=$folder/$library
      done
      [ -n "$path" ] || continue
      printf '{"file_format_version": "1.0.0", "ICD": {"library_path": "%s", "api_version": "1.3.0"}}\n' "$path" >"$work/$library.json"
      drivers+=("$work/$library.json")
    done
  fi
fi

chosen=none software=none
for file in "${drivers[@]}"; do
  if [ -n "$file" ]; then export VK_DRIVER_FILES=$file VK_ICD_FILENAMES=$file; fi
  said=$(timeout 60 "$program" device --provider "$provider" 2>&1)
  case $? in
    0) chosen=$file && echo "${file:-as it is}: $said" >&2 && break ;;
    2) [ "$software" = none ] && software=$file; echo "${file:-as it is}: $said (a software driver)" >&2 ;;
    *) echo "${file:-as it is}: ${said%%$'\n'*}" >&2 ;;
  esac
done
[ "$chosen" = none ] && chosen=$software
if [ "$chosen" = none ]; then
  echo "error: provider $provider does not start here; what it said is above" >&2
  exit 1
fi
if [ -n "$chosen" ]; then export VK_DRIVER_FILES=$chosen VK_ICD_FILENAMES=$chosen
elif [ ${#drivers[@]} -gt 1 ]; then unset VK_DRIVER_FILES VK_ICD_FILENAMES
fi

[ "$peer" = yes ] && arguments+=(--peer "$root/peer.py")
"$program" gpu --provider "$provider" "${arguments[@]}"
