#!/usr/bin/env bash
# Trains the demonstration's model anew: a small base on drawn pictures of many classes, an adapter for each task on top of it, and a head alone on the
# same base beside it (docs/training.md). Everything follows from the seeds. Takes about an hour and a half on two cores; an interrupted one goes on from where it was.
#
#   tools/demo-assets.sh [FOLDER]          FOLDER keeps what is made meanwhile; default: a temporary one
#   tools/demo-assets.sh --try [FOLDER]    the same steps with a twentieth of the pictures and an epoch each, in minutes; changes no asset
#
# Synthetic phantoms, not for clinical use.
set -euo pipefail
cd "$(dirname "$0")/.."
share=1
if [ "${1:-}" = --try ]; then share=20; shift; fi
case "$#:${1:-}" in 0: | 1:[!-]*) ;; *) echo "expected [--try] [FOLDER], found $*" >&2; exit 2 ;; esac
work=${1:-$(mktemp -d)}
# What a try leaves is no part of the real thing.
[ $share -eq 1 ] || work=$work/try
assets=src/MeLo.Edge.Service/Demo/Assets
mkdir -p "$work" "$assets"
dotnet build tools/adapter-trainer -c Release -v q
dotnet build tools/adapter-packer -c Release -v q
trainer() { dotnet tools/adapter-trainer/bin/Release/net10.0/adapter-trainer.dll "$@"; }
packer() { dotnet tools/adapter-packer/bin/Release/net10.0/adapter-packer.dll "$@"; }
epochs() { [ $share -eq 1 ] && echo "$1" || echo 1; }
draw() { [ -e "$work/$1.npz" ] || trainer phantoms --task "$1" --count $(($2 / share)) --seed "$3" --size "$4" --out "$work/$1.npz"; }

draw pretraining 40000 8 64
[ -e "$work/base.safetensors" ] || trainer pretrain --data "$work/pretraining.npz" --image-size 64 --patch-size 8 --dim 128 --depth 6 --heads 4 \
  --learning-rate 5e-4 --batch 16 --micro-batch 8 --epochs "$(epochs 16)" --augment flip,intensity --cache 4000 --half --out "$work/base.safetensors"
[ -e "$work/base" ] || packer base import "$work/base.safetensors" --heads 4 --out "$work/base"

# task NAME SAMPLES SEED LABELS TITLE EPOCHS
task() {
  draw "$1" "$2" "$3" 128
  options=(--base "$work/base" --data "$work/$1.npz" --labels "$4" --micro-batch 8 --epochs "$(epochs "$6")" --augment flip,intensity --cache 4000)
  trainer train "${options[@]}" --task "$1" --title "$5" --unsigned --out "$work/$1.melo" \
    --intended-use "Demonstration on synthetic phantoms, not for clinical use." --licence Apache-2.0
  trainer compare "${options[@]}" --modes head --seeds 1 --out "$work/head-$1"
}
task blood-cell 4000 102 eosinophil,lymphocyte,monocyte,neutrophil "White blood cells, smear (demonstration on synthetic phantoms)" 8
task tuberculosis 6000 101 normal,tuberculosis "Tuberculosis, chest X-ray (demonstration on synthetic phantoms)" 12
task breast-mass 6000 103 none,benign,malignant "Breast mass, mammogram (demonstration on synthetic phantoms)" 12

draw organ-mass 3000 104 32
options=(--base "$work/base" --data "$work/organ-mass.npz" --labels normal,mass --axes all --slices 3 --micro-batch 4 --epochs "$(epochs 10)" --augment flip,intensity --cache 4000)
trainer train "${options[@]}" --task organ-mass --title "Mass of an organ, volume (demonstration on synthetic phantoms)" --unsigned --out "$work/organ-mass.melo" \
  --intended-use "Demonstration on synthetic phantoms, not for clinical use." --licence Apache-2.0
trainer compare "${options[@]}" --modes head --seeds 1 --out "$work/head-organ-mass"

if [ $share -ne 1 ]; then
  ls -l "$work"/*.melo "$work/base.safetensors"
  exit
fi
cp "$work/base.safetensors" "$work/tuberculosis.melo" "$work/blood-cell.melo" "$work/breast-mass.melo" "$work/organ-mass.melo" "$assets/"
