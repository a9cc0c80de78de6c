"""Compares `extract tokens` with PyTorch on the same images and weights, in one run. See docs/benchmarks.md.

    python tools/bench/extract.py                      (torch, torchvision, timm, safetensors, pillow)

Nothing is built: `swift build -c release --product extract` comes first. Pairs alternate (ours, a peer, ours, the next
peer, ...), so that whatever else the machine does touches both, and ratios are medians over pairs.
"""

import argparse
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile

import models
import photographs
import program

HERE = pathlib.Path(__file__).resolve().parent
# OpenBLAS's overrides change what PyTorch's peers compute with; the program keeps them, as it has what users set.
OVERRIDES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
# (encoder, where its images come from): what the table calls it
PEERS = {
    "fused": ("fused", "ready", "torch, fused attention, no statistics, tensors ready"),
    "statistics": ("statistics", "ready", "torch, with statistics, tensors ready"),
    "statistics-jpeg": ("statistics", "jpeg", "torch, with statistics, from JPEG"),
    "fused-jpeg": ("fused", "jpeg", "torch, fused attention, no statistics, from JPEG"),
    "seed": ("seed", "ready", "the reference implementation, tensors ready"),
}
AMP = {"float32": "none", "bfloat16": "bfloat16"}
FORMS = {"float32": ["none"], "bfloat16": ["autocast", "weights"]}
# About this many operations a round, so that a round takes seconds whatever the model.
ROUND_FLOPS = 0.85e12


def say(message):
    print(message, file=sys.stderr, flush=True)


def processors():
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def peer_environment():
    return {name: value for name, value in os.environ.items() if name not in OVERRIDES}


class Worker:
    """A peer's process. `measure` asks it for one round."""

    def __init__(self, script="worker.py", **options):
        arguments = [f"--{name.replace('_', '-')}={value}" for name, value in options.items() if value is not None]
        self.process = subprocess.Popen(
            [sys.executable, HERE / script, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env=peer_environment())  # fmt: skip
        self.about = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a peer ended with {self.process.wait()}: {' '.join(map(str, self.process.args))}")
        return json.loads(line)

    def measure(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def rate(result):
    return result["images"] / result["seconds"]


class Comparison:
    """One model in one precision: our program, its peers, and the ceiling."""

    def __init__(self, options, model_name, precision, checkpoint, folder):
        self.options, self.precision, self.checkpoint, self.folder = options, precision, checkpoint, folder
        self.model = models.architecture(model_name)
        self.images = folder / "images" / model_name
        self.ours, self.ratios, self.theirs = [], {}, {}
        self.ceilings, self.forms, self.about = [], {}, {}

    def encode(self):
        """A round of our program."""
        options = ["--model", self.model["name"], "--amp", AMP[self.precision]]
        if self.options.threads:
            options += ["--num-workers", self.options.threads]
        cache = self.folder / "cache"
        result = program.encode(self.options.extract, self.checkpoint, self.images, cache, options)
        shutil.rmtree(cache)
        return result

    def start(self, encoder, source="ready", form="none"):
        return Worker(
            encoder=encoder, source=source, form=form, model=self.model["name"], precision=self.precision,
            checkpoint=self.checkpoint, images=self.images, batch_size=self.options.batch_size,
            threads=self.options.threads or processors(), loader_workers=self.options.loader_workers,
            seed_checkout=self.options.seed_checkout)  # fmt: skip

    def start_fastest(self, name):
        """The peer in the form of its precision that is faster; the other one is ended."""
        encoder, source, _ = PEERS[name]
        workers = {}
        for form in FORMS[self.precision]:
            workers[form] = self.start(encoder, source, form)
        rates = {form: rate(worker.measure()) for form, worker in workers.items()} if len(workers) > 1 else {}
        self.forms[name] = max(rates, key=rates.get, default="none")
        for form, worker in workers.items():
            if form != self.forms[name]:
                worker.close()
        return workers[self.forms[name]]

    def run(self):
        say(f"{self.model['name']}, {self.precision}")
        self.encode()
        workers = {name: self.start_fastest(name) for name in self.options.peers}
        ceiling = self.start("ceiling")
        self.about = ceiling.about
        for round_index in range(self.options.rounds):
            self.ceilings.append(ceiling.measure())
            for name, worker in workers.items():
                ours, theirs = self.encode(), worker.measure()
                self.ours.append(ours)
                self.theirs.setdefault(name, []).append(theirs)
                self.ratios.setdefault(name, []).append(rate(ours) / rate(theirs))
                say(f"  round {round_index + 1}: ours {rate(ours):.2f}, {name} {rate(theirs):.2f} images/s")
        for worker in [*workers.values(), ceiling]:
            worker.close()

    def summary(self):
        flops = models.flops_per_image(self.model)
        ceiling = max(self.ceilings, key=lambda result: result["flops_per_second"])

        def entry(what, rates, results, **more):
            images_per_second = statistics.median(rates)
            return {
                "what": what, "images_per_second": images_per_second,
                "peak_bytes": max(result["peak_bytes"] for result in results),
                "share_of_ceiling": images_per_second * flops / ceiling["flops_per_second"], "rounds": results,
            } | more  # fmt: skip

        entries = [
            entry("extract tokens", [rate(result) for result in self.ours], self.ours),
            entry(
                "extract tokens, whole process",
                [result["images"] / result["wall_seconds"] for result in self.ours], self.ours),
        ]  # fmt: skip
        for name, results in self.theirs.items():
            form = {"none": "", "autocast": " (autocast)", "weights": " (bfloat16 weights)"}[self.forms[name]]
            rates = [rate(result) for result in results]
            entries.append(
                entry(PEERS[name][2] + form, rates, results, ours_over_it=statistics.median(self.ratios[name]),
                      ratios=self.ratios[name]))  # fmt: skip
        return {
            "model": self.model["name"], "precision": self.precision, "flops_per_image": flops, "ceiling": ceiling,
            "versions": self.about["versions"], "torch_threads": self.about["threads"], "entries": entries,
        }  # fmt: skip


def cells(entry):
    ratio = entry.get("ours_over_it")
    return [
        entry["what"], f"{entry['images_per_second']:.2f}", "" if ratio is None else f"{ratio:.2f}",
        f"{entry['peak_bytes'] / 1e6:.0f}", f"{100 * entry['share_of_ceiling']:.0f}",
    ]  # fmt: skip


def print_table(titles, rows):
    """The first column to the left, the others, which are numbers, to the right."""
    lines = [titles, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    lines.insert(1, ["-" * width for width in widths])
    for first, *others in lines:
        print("  ".join([first.ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(others, widths[1:])]))


def print_summary(summary):
    ceiling = summary["ceiling"]
    shape = " x ".join(map(str, ceiling["shape"]))
    print(f"\n{summary['model']}, {summary['precision']}: {summary['flops_per_image'] / 1e9:.1f} GFLOP an image; "
          f"the best matrix product, {shape}: {ceiling['flops_per_second'] / 1e9:.0f} GFLOP/s")  # fmt: skip
    titles = ["", "images/s", "ours / it", "peak MB", "% of ceiling"]
    print_table(titles, [cells(entry) for entry in summary["entries"]])


def machine():
    model = platform.processor() or platform.machine()
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    overrides = {name: os.environ[name] for name in OVERRIDES if name in os.environ}
    return {
        "cpu": model, "processors": processors(), "system": platform.platform(), "load": os.getloadavg(),
        "openblas_overrides": overrides,
    }  # fmt: skip


def image_count(options, model_name):
    if options.images_per_round:
        return options.images_per_round
    count = ROUND_FLOPS / models.flops_per_image(models.architecture(model_name))
    return max(1, round(count / options.batch_size)) * options.batch_size


def prepare(options, folder, model_name):
    """Writes a model's checkpoint and images; returns the checkpoint."""
    source = options.images
    if source is None:
        source = folder / "photographs"
        if not source.exists():
            photographs.write_synthetic(source)
    photographs.sample(source, folder / "images" / model_name, image_count(options, model_name))
    checkpoint = folder / f"{model_name}.safetensors"
    command = [sys.executable, HERE / "checkpoints.py", model_name, checkpoint]
    subprocess.run(command, check=True, env=peer_environment())
    return checkpoint


def compare(options, folder):
    for model_name in options.models:
        checkpoint = prepare(options, folder, model_name)
        for precision in options.precisions:
            comparison = Comparison(options, model_name, precision, checkpoint, folder)
            comparison.run()
            yield comparison.summary()
        checkpoint.unlink()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extract", type=program.find, default=".build/release/extract", help="the program to measure")
    parser.add_argument("--images", type=pathlib.Path, help="folder of JPEGs; synthetic ones by default")
    parser.add_argument(
        "--models", nargs="+", choices=list(models.WIDTH_AND_DEPTH), default=["vit_base_patch16_224"], metavar="MODEL")
    parser.add_argument("--precisions", nargs="+", choices=list(AMP), default=list(AMP), metavar="PRECISION")
    parser.add_argument(
        "--peers", nargs="+", choices=list(PEERS), metavar="PEER", default=["fused", "statistics", "statistics-jpeg"],
        help=", ".join(PEERS))  # fmt: skip
    parser.add_argument("--rounds", type=int, default=3, help="pairs with each peer")
    parser.add_argument("--images-per-round", type=int, help="by default about 0.85 TFLOP of them")
    parser.add_argument("--batch-size", type=int, default=8, help="of the peers")
    parser.add_argument("--threads", type=int, help="of both sides; all processors by default")
    parser.add_argument("--loader-workers", type=int, default=processors(), help="processes that decode for a peer")
    parser.add_argument("--seed-checkout", type=pathlib.Path, help="folder of gmum/beyond_cls: adds the peer 'seed'")
    parser.add_argument("--json", type=pathlib.Path, help="file for every round's numbers and what they were made with")
    options = parser.parse_args()
    if options.rounds < 1 or (options.images_per_round or 1) < 1 or options.batch_size < 1:
        parser.error("--rounds, --images-per-round and --batch-size are at least 1")
    if options.seed_checkout and "seed" not in options.peers:
        options.peers.append("seed")
    if "seed" in options.peers and not options.seed_checkout:
        parser.error("the peer 'seed' needs --seed-checkout")
    if options.seed_checkout and not (options.seed_checkout / "models_vit.py").is_file():
        parser.error(f"{options.seed_checkout} holds no models_vit.py")
    return options


def main():
    options = parse()
    before = machine()
    print(f"{before['cpu']}, {before['processors']} processors, load {before['load'][0]:.2f}")
    for name, value in before["openblas_overrides"].items():
        print(f"{name}={value} is set, which the program's matrix products follow")
    summaries = []
    with tempfile.TemporaryDirectory(prefix="patchbank-bench-") as folder:
        try:
            for summary in compare(options, pathlib.Path(folder)):
                print_summary(summary)
                summaries.append(summary)
        except program.WrongUse as error:
            raise SystemExit(f"{options.extract} refuses what it was asked for: {error}")
    if options.json:
        page = {"machine": before, "load_after": os.getloadavg(), "comparisons": summaries}
        options.json.write_text(json.dumps(page, indent=2) + "\n")


if __name__ == "__main__":
    main()
