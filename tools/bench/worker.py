"""One peer in a process of its own, so that its memory and its libraries' settings are its own.

Started by tools/bench/extract.py. It warms up, writes one line of JSON, and then another for every line that it reads:
a round's images and seconds and the peak of memory so far; or, of the ceiling, floating-point operations a second.
"""

import argparse
import json
import platform
import resource
import sys
import time

import numpy
import PIL
import timm
import torch
import torchvision

import models
import peers
import photographs
import program

CEILING_SECONDS = 0.15


def build_peer(options, model):
    weights = peers.read_checkpoint(options.checkpoint)
    if options.encoder == "seed":
        return peers.seed(options.seed_checkout, model, weights)
    encoder = peers.build(model, weights)
    return encoder, {"fused": peers.fused, "statistics": peers.with_statistics}[options.encoder](encoder)


def peer(options):
    """A function that encodes all images once and returns their number."""
    encoder, run = build_peer(options, models.architecture(options.model))
    narrow = options.form == "weights"
    if narrow:
        encoder.bfloat16()
    images = peers.Images(photographs.paths_below(options.images))
    if options.source == "jpeg":
        batches = torch.utils.data.DataLoader(
            images, options.batch_size, num_workers=options.loader_workers,
            persistent_workers=options.loader_workers > 0)  # fmt: skip
    else:
        batches = torch.stack([images[index] for index in range(len(images))]).split(options.batch_size)

    def encode_all():
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=options.form == "autocast"):
            for batch in batches:
                run(batch.bfloat16() if narrow else batch)
        return {"images": len(images)}

    return encode_all


def ceiling(options):
    """A function that returns the sustained rate of the fastest of several matrix products of the precision."""
    model = models.architecture(options.model)
    kind = getattr(torch, options.precision)
    width, hidden, tokens = model["width"], model["mlp_width"], 197
    shapes = [(2048, 2048, 2048)]
    for rows in (tokens, 8 * tokens):
        shapes += [(rows, width, 3 * width), (rows, width, hidden), (rows, hidden, width)]
    # Weights as a linear layer has them, [n, k].
    factors = [(torch.randn(m, k).to(kind), torch.randn(n, k).to(kind).t()) for m, k, n in shapes]

    def rate(left, right):
        start, count = time.perf_counter(), 0
        while time.perf_counter() < start + CEILING_SECONDS:
            torch.mm(left, right)
            count += 1
        return 2 * left.numel() * right.shape[1] * count / (time.perf_counter() - start)

    def measure():
        with torch.inference_mode():
            rates = [rate(*pair) for pair in factors]
        best = max(range(len(shapes)), key=rates.__getitem__)
        return {"flops_per_second": rates[best], "shape": shapes[best]}

    return measure


def versions():
    return {
        "python": platform.python_version(), "torch": torch.__version__, "torchvision": torchvision.__version__,
        "timm": timm.__version__, "numpy": numpy.__version__, "pillow": PIL.__version__,
    }  # fmt: skip


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--encoder", choices=["fused", "statistics", "seed", "ceiling"], required=True)
    parser.add_argument("--source", choices=["ready", "jpeg"], default="ready")
    parser.add_argument("--form", choices=["none", "autocast", "weights"], default="none")
    for name in ("model", "precision", "checkpoint", "images", "seed-checkout"):
        parser.add_argument(f"--{name}")
    for name in ("batch-size", "threads", "loader-workers"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    # Whatever a library prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    torch.set_num_threads(options.threads)
    measure = ceiling(options) if options.encoder == "ceiling" else peer(options)
    measure()
    answer({"versions": versions(), "threads": torch.get_num_threads()})
    for _ in sys.stdin:
        start = time.perf_counter()
        result = measure()
        result["seconds"] = time.perf_counter() - start
        result["peak_bytes"] = program.bytes_of(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        answer(result)


if __name__ == "__main__":
    main()
