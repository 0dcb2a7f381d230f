#!/usr/bin/env python3
"""PyTorch as a peer of MeLo Edge on the same device: a Vision Transformer of the same shape, in images per second, and the same adapters merged into it.

Prints one JSON object; docs/benchmarks/README.md, section "peer", says what its fields are. Needs PyTorch and nothing else. Where PyTorch compiles, a model is
measured as written, compiled, and compiled into CUDA graphs, and the best of them is the peer.
"""
import argparse
import json
import math
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional

BATCHES = (1, 8, 32, 64)
RANK, CLASSES, TASKS = 4, 2, 4
MEASUREMENT = 0.02  # seconds that one measurement lasts at least, runs being repeated


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).reshape(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        if hasattr(functional, "scaled_dot_product_attention"):
            x = functional.scaled_dot_product_attention(q, k, v)
        else:  # before PyTorch 2
            x = (q @ k.transpose(-2, -1) / math.sqrt(d // self.heads)).softmax(-1) @ v
        return self.proj(x.transpose(1, 2).reshape(b, t, d))


class Block(nn.Module):
    def __init__(self, dim, heads, mlp):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, eps=1e-6), nn.LayerNorm(dim, eps=1e-6)
        self.attn = Attention(dim, heads)
        self.mlp = nn.Sequential(nn.Linear(dim, mlp), nn.GELU(), nn.Linear(mlp, dim))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Vit(nn.Module):
    """As timm builds it: query, key and value in one linear, every token through every block, the class token to the head."""

    def __init__(self, a):
        super().__init__()
        tokens = (a.image // a.patch) ** 2 + 1
        self.embed = nn.Conv2d(3, a.dim, a.patch, a.patch)
        self.cls = nn.Parameter(torch.randn(1, 1, a.dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, tokens, a.dim) * 0.02)
        self.blocks = nn.Sequential(*(Block(a.dim, a.heads, a.mlp) for _ in range(a.depth)))
        self.norm = nn.LayerNorm(a.dim, eps=1e-6)
        self.head = nn.Linear(a.dim, CLASSES)

    def forward(self, pixels):
        x = self.embed(pixels).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), 1) + self.pos
        return self.head(self.norm(self.blocks(x)[:, 0]))


def say(text):
    print(text, file=sys.stderr, flush=True)


def synchronize(device):
    if device.type == "cuda":
        torch.cuda.synchronize()


def run_ms(device, run):
    """The milliseconds of one run, by the device's own clock where it has one."""
    synchronize(device)
    start = time.perf_counter()
    run()
    synchronize(device)
    repeats = max(1, min(100, int(MEASUREMENT / max(1e-6, time.perf_counter() - start))))
    if device.type == "cuda":
        begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        begin.record()
        for _ in range(repeats):
            run()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / repeats
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) * 1000 / repeats


def throughput(device, model, a, dtype, deadline, left_out, name):
    """Images per second by batch; what fails or comes too late is left out, and said."""
    found = {}
    for i, batch in enumerate(BATCHES):
        # Once one is left out, so are the larger ones, for the same reason.
        leave_out = lambda reason: left_out.extend(f"{name}, {n} images: {reason}" for n in BATCHES[i:])
        if time.perf_counter() > deadline:
            leave_out("no time left")
            break
        try:
            pixels = torch.randn(batch, 3, a.image, a.image, device=device).to(dtype)
            run = lambda: model(pixels)
            with torch.inference_mode():
                for _ in range(3):
                    run()
                times, end = [], time.perf_counter() + a.seconds / 16
                while len(times) < 5 or (len(times) < 200 and time.perf_counter() < end):
                    times.append(run_ms(device, run))
                    if len(times) == 1 and times[0] > a.seconds * 1000 / 10:
                        leave_out(f"a run of {batch} takes {times[0] / 1000:.1f} s")
                        return found
            found[str(batch)] = round(1000 * batch / statistics.median(times), 3)
        except Exception as e:  # a compiler that is not there, memory that does not do: the rest goes on
            leave_out(f"{type(e).__name__}: {str(e).strip().splitlines()[0] if str(e).strip() else ''}")
            break
    return found


class Adapters:
    """The rank-4 adapters of several tasks on the host, and the pristine query and value weights on the device, in fp32."""

    def __init__(self, model, a, device):
        self.dim, self.device = a.dim, device
        self.weights = [b.attn.qkv.weight for b in model.blocks]
        pristine = [w.detach().float().view(3, a.dim, a.dim) for w in self.weights]
        self.pristine = [[p[0].clone() for p in pristine], [p[2].clone() for p in pristine]]
        host = lambda *shape: torch.randn(*shape).mul_(0.05).pin_memory() if device.type == "cuda" else torch.randn(*shape).mul_(0.05)
        self.tasks = [(host(2, a.depth, RANK, a.dim), host(2, a.depth, a.dim, RANK)) for _ in range(TASKS)]

    def merge(self, task):
        """One copy to the device each for all A and all B, then W' = W + B.A written where the model reads it: a launch a matrix."""
        a, b = (x.to(self.device, non_blocking=True) for x in self.tasks[task])
        for which, row in ((0, 0), (1, 2)):
            for layer, weight in enumerate(self.weights):
                target = weight.data.view(3, self.dim, self.dim)[row]
                if target.dtype == torch.float32:
                    torch.addmm(self.pristine[which][layer], b[which, layer], a[which, layer], out=target)
                else:
                    target.copy_(torch.addmm(self.pristine[which][layer], b[which, layer], a[which, layer]))


def quantile(values, q):
    values = sorted(values)
    at = q * (len(values) - 1)
    low = int(at)
    return values[low] + (values[min(low + 1, len(values) - 1)] - values[low]) * (at - low)


def cold(device, adapters, seconds):
    """Milliseconds of a cold switch until the device has done it: p50, p99."""
    times = []
    with torch.inference_mode():
        end = time.perf_counter() + seconds
        for i in range(-10, 2000):
            if len(times) >= 20 and time.perf_counter() > end:
                break
            synchronize(device)
            start = time.perf_counter()
            adapters.merge(i % TASKS)
            synchronize(device)
            if i >= 0:
                times.append((time.perf_counter() - start) * 1000)
    return quantile(times, 0.5), quantile(times, 0.99)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name, value in (("dim", 768), ("depth", 12), ("heads", 12), ("mlp", 3072), ("patch", 16), ("image", 224)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--seconds", type=float, default=10, help="about what measuring takes in each precision; compiling comes on top, up to three times as long")
    a = parser.parse_args()

    torch.manual_seed(1)
    torch.backends.cuda.matmul.allow_tf32 = False  # fp32 means fp32
    torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    left_out = []
    report = {
        "benchmark": "peer",
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }
    for name, dtype in (("fp32", torch.float32), ("fp16", torch.float16)):
        if device.type == "cpu" and dtype == torch.float16:
            left_out.append("fp16: found no CUDA device")
            continue
        say(f"peer: {name}")
        deadline = time.perf_counter() + 4 * a.seconds
        model = Vit(a).to(device, dtype).eval()
        ways = {"eager": throughput(device, model, a, dtype, deadline, left_out, f"{name} eager")}
        p50, p99 = cold(device, Adapters(model, a, device), a.seconds / 8)
        report[f"{name}_cold_ms"], report[f"{name}_cold_p99_ms"] = round(p50, 4), round(p99, 4)
        if hasattr(torch, "compile") and device.type == "cuda":
            for way, mode in (("compiled", "default"), ("graphs", "reduce-overhead")):
                say(f"peer: {name} {way}")
                torch._dynamo.reset()
                ways[way] = throughput(device, torch.compile(model, mode=mode), a, dtype, deadline, left_out, f"{name} {way}")
        else:
            left_out.append(f"{name} compiled: found torch {torch.__version__} on {device.type}, expected 2 or later on CUDA")
        for way, found in ways.items():
            report[f"{name}_{way}_per_s"] = found
        best = {batch: max(found.get(batch, 0) for found in ways.values()) for batch in map(str, BATCHES)}
        report[f"{name}_per_s"] = {batch: value for batch, value in best.items() if value > 0}
    if left_out:
        report["left_out"] = left_out
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
