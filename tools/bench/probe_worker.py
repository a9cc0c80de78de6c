"""A peer of tools/bench/probe.py, or a ceiling, in a process of its own.

It warms up, writes one line of JSON, and then another for every line that it reads: a round's images, seconds and the
peak of memory so far; or, of the ceilings, bytes and floating-point operations a second.
"""

import argparse
import json
import pathlib
import platform
import resource
import sys
import time

import torch

import head_peers
import probe_heads
import program

ROUND_SECONDS = 2
READ_BYTES = 512 << 20
REPETITIONS = 5


def tokens_of(cache, case, kind):
    """What a head sees of all tokens of a cache, in memory."""
    return torch.cat([head_peers.chosen(case, torch.from_numpy(part).to(kind)) for part in cache.parts()])


def step_of(options, config):
    model, classes = config["model"], len(config["dataset"]["class_names"])
    case, grid = probe_heads.HEADS[options.head]["case"], (model["grid_height"], model["grid_width"])
    if options.peer == "best":
        return head_peers.best(case, model["width"], classes, options.count, options.form == "compiled")
    return head_peers.as_published(
        case, model["width"], grid, classes, options.checkout, options.form == "autocast")


def peer(options):
    """A function that trains on batches, one after the other as they lie in memory, for a while or one pass."""
    cache = program.Cache(options.cache)
    narrow = options.form != "float32"
    tokens = tokens_of(
        cache, probe_heads.HEADS[options.head]["case"], torch.bfloat16 if narrow else torch.float32)
    labels = torch.arange(len(tokens)) % len(cache.config["dataset"]["class_names"])
    torch.manual_seed(0)
    step = step_of(options, cache.config)
    batches = list(zip(tokens.split(options.batch_size), labels.split(options.batch_size)))
    batches = [batch for batch in batches if len(batch[0]) == options.batch_size]

    def train(seconds=ROUND_SECONDS):
        start, images = time.perf_counter(), 0
        while images == 0 or time.perf_counter() < start + seconds:
            for batch in batches:
                step(*batch)
                images += len(batch[0])
                if time.perf_counter() > start + seconds:
                    break
        return {"images": images, "seconds": time.perf_counter() - start}

    # Compiling and the libraries' first calls.
    for _ in range(3):
        step(*batches[0])
    return train


def best_rate(amount, work):
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return amount / min(times)


def ceilings(options):
    """Reading memory, and products of a classifier's and of large sizes."""
    words = torch.ones(READ_BYTES // 8, dtype=torch.int64)
    sizes = [(512, 768, 1000), (2048, 2048, 2048)]

    def measure():
        products = {}
        for kind in (torch.float32, torch.bfloat16):
            rates = []
            for m, k, n in sizes:
                left, right = torch.randn(m, k).to(kind), torch.randn(n, k).to(kind).t()
                torch.mm(left, right)
                rates.append(best_rate(2 * m * k * n, lambda: torch.mm(left, right)))
            products[str(kind).removeprefix("torch.")] = max(rates)
        return {"bytes_per_second": best_rate(READ_BYTES, words.sum), "flops_per_second": products}

    return measure


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", choices=["published", "best", "ceilings"], required=True)
    parser.add_argument("--form", choices=["float32", "autocast", "eager", "compiled"])
    parser.add_argument("--head", choices=list(probe_heads.HEADS))
    for name in ("cache", "checkout"):
        parser.add_argument(f"--{name}", type=pathlib.Path)
    for name in ("batch-size", "count", "threads"):
        parser.add_argument(f"--{name}", type=int)
    options = parser.parse_args()
    # Whatever a library prints must not be taken for an answer.
    answers, sys.stdout = sys.stdout, sys.stderr

    def answer(value):
        answers.write(json.dumps(value) + "\n")
        answers.flush()

    torch.set_num_threads(options.threads)
    measure = ceilings(options) if options.peer == "ceilings" else peer(options)
    answer({"versions": {"python": platform.python_version(), "torch": torch.__version__}})
    for _ in sys.stdin:
        result = measure()
        result["peak_bytes"] = program.bytes_of(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        answer(result)


if __name__ == "__main__":
    main()
