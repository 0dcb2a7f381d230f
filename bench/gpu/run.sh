#!/usr/bin/env bash
# Measures MeLo Edge on this machine's GPU; run.sh --help says how.
set -u
here=$(cd "$(dirname "$0")" && pwd)

usage() {
  cat <<'EOF'
Measures MeLo Edge on this machine's GPU: switches, inference and a stream of a Vision Transformer of random weights, and PyTorch beside them where python3 has it.
Needs neither .NET nor a network, but x86-64 Linux with a GPU driver: a Vulkan driver for provider webgpu, CUDA's libraries for cuda.

  run.sh [options]

  --large            ViT-L/16 instead of ViT-B/16
  --model NAME       another model, by timm's name (vit_base_patch16_224)
  --provider NAME    webgpu (default) or cuda
  --seconds N        how long the rounds of a part go on (8): of 'inference' twice as long; loading, compiling and the five rounds that are always run come on top
  --limit N          the seconds after which a part is ended and the next begun (150)
  --out DIR          where gpu-MODEL.json is written; else $OUT, else the current folder
  --folder DIR       keep the generated model there, and use it where it is
  --no-peer          without PyTorch
  --python NAME      what runs PyTorch's side (python3)
  --json             print the report as JSON instead of a table

The report's 'left_out' and the last lines say everything that was not measured, and why. Exit codes: 0 done, 1 nothing could be measured, 2 wrong usage.
EOF
}
wrong() { echo "error: $1; run.sh --help lists the options" >&2; exit 2; }

provider=webgpu peer=yes arguments=()
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --large) arguments+=(--model vit_large_patch16_224) ;;
    --no-peer) peer=no ;;
    --json) arguments+=("$1") ;;
    --provider | --model | --seconds | --limit | --out | --folder | --python)
      [ $# -gt 1 ] || wrong "found $1 without a value, expected one"
      if [ "$1" = --provider ]; then provider=$2; else arguments+=("$1" "$2"); fi
      shift ;;
    *) wrong "found '$1', expected an option" ;;
  esac
  shift
done
case $provider in
  webgpu | cuda) ;;
  *) wrong "found --provider $provider, expected webgpu or cuda" ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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
lacking=$work/lacking && mkdir "$lacking" "$work/unpacked"
# With whatever this machine has: a .deb is an ar archive with a tar in it, an .rpm a cpio archive; bsdtar reads both.
unpack() {
  case $1 in
    *.deb)
      if command -v dpkg-deb; then dpkg-deb -x "$1" "$work/unpacked"
      elif command -v ar; then ar p "$1" "$(ar t "$1" | grep '^data\.tar')" >"$work/data" && tar -C "$work/unpacked" -xf "$work/data"
      elif command -v bsdtar; then bsdtar -xOf "$1" 'data.tar.*' | bsdtar -C "$work/unpacked" -xf -
      else return 1
      fi ;;
    *.rpm)
      if command -v rpm2cpio && command -v cpio; then rpm2cpio "$1" | (cd "$work/unpacked" && cpio -idm --quiet)
      elif command -v bsdtar; then bsdtar -C "$work/unpacked" -xf "$1"
      else return 1
      fi ;;
  esac >/dev/null
}
for package in "$root"/lib/*.deb "$root"/lib/*.rpm; do
  [ -e "$package" ] || continue
  unpack "$package" ||
    echo "note: $package cannot be unpacked here, expected dpkg-deb, ar or bsdtar for a .deb, rpm2cpio and cpio, or bsdtar for an .rpm; or put the library itself into $root/lib" >&2
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
  echo "note: found no OpenSSL (libssl.so.3), which .NET's cryptography loads: install it, or put it or its package into $root/lib (Debian, Ubuntu: libssl3; RHEL, Fedora: openssl-libs)" >&2

# Vulkan's drivers are found by files that name them. Several are tried, since images that have a driver often lack its file, or the X libraries that one of its
# two entry points needs: the first that gives a GPU is taken, a software driver only where nothing else starts.
drivers=("")
if [ "$provider" = webgpu ]; then
  [ -n "${XDG_RUNTIME_DIR:-}" ] || export XDG_RUNTIME_DIR=$work
  has libvulkan.so.1 || echo "note: found no Vulkan loader (libvulkan.so.1): install it, or put it or its package into $root/lib (Debian, Ubuntu: libvulkan1; RHEL, Fedora: vulkan-loader)" >&2
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

# What a program that failed said of it: the line that is meant for people, which stands behind the warnings of drivers; else its last lines.
reason() { grep -a '^error: ' <<<"$1" | tail -n 1 | grep . || tail -n 5 <<<"$1"; }

chosen=none software=none
for file in "${drivers[@]}"; do
  if [ -n "$file" ]; then export VK_DRIVER_FILES=$file VK_ICD_FILENAMES=$file; fi
  said=$(timeout 60 "$program" device --provider "$provider" 2>"$work/errors")
  code=$?
  case $code in
    0) chosen=$file && echo "${file:-as it is}: $said" >&2 && break ;;
    2) [ "$software" = none ] && software=$file; echo "${file:-as it is}: $said" >&2 ;;
    124) echo "${file:-as it is}: had not started after 60 s" >&2 ;;
    *) echo "${file:-as it is}: exit code $code: $(reason "$(cat "$work/errors")")" >&2 ;;
  esac
done
[ "$chosen" = none ] && chosen=$software
if [ "$chosen" = none ]; then
  if [ "$provider" = cuda ]; then hint="expected NVIDIA's driver, and beside the program or on the library path the files that publish.sh --help lists"
  else hint="expected a GPU's Vulkan driver (Debian, Ubuntu, RHEL, Fedora: mesa-vulkan-drivers, or NVIDIA's own) and a user who may open /dev/dri/renderD* (group render) or /dev/nvidia*"
  fi
  echo "error: provider $provider does not start here, for the reasons above; $hint" >&2
  exit 1
fi
if [ -n "$chosen" ]; then export VK_DRIVER_FILES=$chosen VK_ICD_FILENAMES=$chosen
elif [ ${#drivers[@]} -gt 1 ]; then unset VK_DRIVER_FILES VK_ICD_FILENAMES
fi

[ "$peer" = yes ] && arguments+=(--peer "$root/peer.py")
"$program" gpu --provider "$provider" ${arguments[@]+"${arguments[@]}"} # the form that an old bash takes for an empty list
