#!/usr/bin/env bash
# Makes what the demonstration comes with (src/MeLo.Edge.Service/Demo/Assets): draws the pictures, pretrains the base on them, trains a task's adapter on top of it
# three times over, and compares with heads alone on the same base. Everything is seeded: the same machine gives the same files. Synthetic phantoms, not for clinical use.
#
#   tools/demo-assets.sh [WORK-FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
work=${1:-$(mktemp -d)}
assets=src/MeLo.Edge.Service/Demo/Assets
mkdir -p "$work" "$assets"
for program in adapter-trainer adapter-packer; do dotnet build -c Release -v quiet "tools/$program"; done
trainer() { dotnet run --no-build -c Release --project tools/adapter-trainer -- "$@"; }
packer() { dotnet run --no-build -c Release --project tools/adapter-packer -- "$@"; }

trainer phantoms --task pretraining --count 12000 --size 64 --seed 1 --out "$work/pretraining"
trainer pretrain --data "$work/pretraining" --out "$work/base.safetensors" --half \
  --image-size 64 --patch-size 8 --dim 128 --depth 6 --heads 4 --epochs 20 --batch 64 --micro-batch 64 --warmup 1 --weight-decay 0.05 --augment flip,intensity --patience 0
packer base import "$work/base.safetensors" --heads 4 --out "$work/base"
cp "$work/base.safetensors" "$assets/base.safetensors"
for task in tuberculosis blood-cell breast-mass; do
  trainer phantoms --task "$task" --count 4000 --size 64 --seed 2 --out "$work/$task"
  trainer train --base "$work/base" --data "$work/$task" --task "$task" --unsigned --epochs 15 --batch 32 --learning-rate 5e-3 --augment flip,intensity \
    --title "$task, synthetic phantoms" --intended-use "Demonstration on synthetic phantoms, not for clinical use" --licence Apache-2.0 --out "$work/$task.melo"
  cp "$work/$task.melo" "$assets/$task.melo"
  trainer compare --base "$work/base" --data "$work/$task" --modes lora,head --seeds 1 --epochs 15 --batch 32 --augment flip,intensity --out "$work/compare-$task"
done
