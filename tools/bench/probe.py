"""Compares `probe` with PyTorch on the same cached tokens, in one run. See docs/benchmarks.md.

    python tools/bench/probe.py                        (torch, torchvision, timm, safetensors, pillow)

Nothing is built: `swift build -c release` comes first. Pairs alternate (ours, a peer, ours, the next peer, ...; ours
with each --amp), so that whatever else the machine does touches both, and ratios are medians over pairs. The cache is
made of synthetic tokens of ViT-B/16's shape, 197 x 768.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import tempfile
import time

import extract
import probe_heads
import program
import tokens
from extract import say

SWEEPS = [1, 8, 32, 128]
PEERS = {
    "published": "torch, the module as published",
    "best": "torch, as fast as it can be written",
}
FORMS = {"published": ["float32", "autocast"], "best": ["eager", "compiled"]}
ELEMENT_BYTES = {"float16": 2, "bfloat16": 2, "float32": 4, "int8": 1}
COLD_BLOCK = 8 << 20


def sweep_options(count):
    """What makes `probe sweep` train `count` heads that differ in their initial weights."""
    return ["--seeds", ",".join(map(str, range(count))), "--hold-out", 0]


class Caches:
    """The training cache and the one that each epoch is measured on."""

    def __init__(self, train, validation):
        self.train, self.validation = pathlib.Path(train), pathlib.Path(validation)
        self.config = program.Cache(train).config
        model = self.config["model"]
        self.width, self.classes = model["width"], len(self.config["dataset"]["class_names"])
        self.token_count = model["prefix_token_count"] + model["grid_height"] * model["grid_width"]
        self.element_bytes = ELEMENT_BYTES[self.config["precision"]["tokens"]]

    def shards(self):
        return sorted(self.train.glob("shard-*.h5"))


def train(options, caches, folder, command, epochs):
    """A run of `probe`; its rate is that of its epochs after the first, in which the system maps the cache."""
    run = folder / "run"
    shutil.rmtree(run, ignore_errors=True)
    _, usage = program.execute([
        options.probe, *command, "--train", caches.train, "--val", caches.validation, "--output-dir", run, "--epochs",
        epochs, "--warmup-epochs", 0, "--batch-size", options.batch_size, "--num-workers", options.threads, "--quiet",
    ])  # fmt: skip
    # Heads of a sweep share the seconds: any of them tells the rate.
    metrics = min([*run.glob("metrics.jsonl"), *run.glob("runs/*/metrics.jsonl")])
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    rates = [line["images_per_second"] for line in lines]
    shutil.rmtree(run)
    return {"rate": statistics.median(rates[1:] or rates), "rates": rates} | usage


class Comparison:
    """One head, or many of one kind, on one cache: ours and its peers."""

    def __init__(self, options, caches, ceilings, folder, head, count=1):
        self.options, self.caches, self.ceilings, self.folder = options, caches, ceilings, folder
        self.head, self.count = head, count
        # By the operands of our products, by peer, and by both.
        self.ours, self.theirs, self.ratios, self.forms = {}, {}, {}, {}

    def command(self, amp):
        head = [*probe_heads.HEADS[self.head]["ours"], "--amp", amp]
        return ["train", *head] if self.count == 1 else ["sweep", *head, *sweep_options(self.count)]

    def measure_ours(self):
        if self.options.without_ours:
            return
        for amp in self.options.amp:
            result = train(self.options, self.caches, self.folder, self.command(amp), self.options.epochs)
            self.ours.setdefault(amp, []).append(result)

    def peers(self):
        """Those that there are for this head."""
        case = probe_heads.HEADS[self.head]["case"]
        checkout = self.options.seed_checkout if case["features"] in ("abmilp", "cls") else self.options.ep_checkout
        if "published" in self.options.peers and self.count == 1 and checkout:
            yield "published", checkout
        if "best" in self.options.peers and case["features"] in probe_heads.HAS_BEST:
            yield "best", None

    def start_fastest(self, name, checkout):
        """The peer in its faster form; the other one is ended."""
        fastest, fastest_rate = None, 0
        for form in FORMS[name]:
            worker = extract.Worker(
                script="probe_worker.py", peer=name, form=form, head=self.head, cache=self.caches.train,
                checkout=checkout, batch_size=self.options.batch_size, count=self.count, threads=self.options.threads)
            rate = extract.rate(worker.measure())
            say(f"  {name}, {form}: {rate:.0f} images/s")
            slower = worker if rate <= fastest_rate else fastest
            if rate > fastest_rate:
                fastest, fastest_rate, self.forms[name] = worker, rate, form
            if slower:
                slower.close()
        return fastest

    def run(self):
        say(f"{self.title()}, {self.caches.classes} classes")
        for name, checkout in self.peers():
            worker = self.start_fastest(name, checkout)
            for _ in range(self.options.rounds):
                self.measure_ours()
                theirs = worker.measure()
                self.theirs.setdefault(name, []).append(theirs)
                for amp, ours in self.ours.items():
                    ratios = self.ratios.setdefault(name, {}).setdefault(amp, [])
                    ratios.append(ours[-1]["rate"] / extract.rate(theirs))
            worker.close()
        if not self.theirs:
            for _ in range(self.options.rounds):
                self.measure_ours()

    def title(self):
        return self.head if self.count == 1 else f"{self.count} x {self.head}"

    def memory_limit(self):
        """Images a second that memory allows at best."""
        caches = self.caches
        moved = probe_heads.bytes_per_image(
            probe_heads.HEADS[self.head]["case"], caches.token_count, caches.width, caches.element_bytes)
        return self.ceilings["bytes_per_second"] / moved

    def summary(self):
        limit = self.memory_limit()
        entries = []
        for amp, results in self.ours.items():
            entries.append(self.entry(f"probe --amp {amp}", [result["rate"] for result in results], results, limit))
        for name, results in self.theirs.items():
            what = f"{PEERS[name]} ({self.forms[name]})"
            ratios = self.ratios.get(name, {})
            entry = self.entry(what, [extract.rate(result) for result in results], results, limit)
            medians = {amp: statistics.median(values) for amp, values in ratios.items()}
            entries.append(entry | {"ours_over_it": medians, "ratios": ratios})
        return {
            "head": self.head, "count": self.count, "classes": self.caches.classes, "memory_limit": limit,
            "entries": entries,
        }  # fmt: skip

    @staticmethod
    def entry(what, rates, results, limit):
        images_per_second = statistics.median(rates)
        return {
            "what": what, "images_per_second": images_per_second, "share_of_memory_limit": images_per_second / limit,
            "peak_bytes": max(result.get("peak_anonymous_bytes") or result["peak_bytes"] for result in results),
            "rounds": results,
        }  # fmt: skip


def cells(summary):
    title = summary["head"] if summary["count"] == 1 else f"{summary['count']} x {summary['head']}"
    for entry in summary["entries"]:
        ratios = entry.get("ours_over_it", {})
        yield [
            f"{title}, {summary['classes']} classes: {entry['what']}", f"{entry['images_per_second']:.0f}",
            ", ".join(f"{ratio:.2f}" for ratio in ratios.values()), f"{entry['peak_bytes'] / 1e6:.0f}",
            f"{100 * entry['share_of_memory_limit']:.0f}",
        ]  # fmt: skip


def forget(paths):
    """Takes files out of the system's memory, as far as it lets go of them."""
    for path in paths:
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_cold(paths):
    """Bytes a second of reading files one after the other from the disk."""
    forget(paths)
    start, count, block = time.perf_counter(), 0, bytearray(COLD_BLOCK)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while read := file.readinto(block):
                count += read
    return count / (time.perf_counter() - start)


def compare_cold(options, caches, folder):
    """A first epoch from the disk against reading the same files."""
    shards, image = caches.shards(), caches.token_count * caches.width * caches.element_bytes
    os.sync()
    rounds = []
    for _ in range(options.rounds):
        disk = read_cold(shards)
        forget(shards)
        command = ["train", *probe_heads.HEADS["abmilp1"]["ours"]]
        ours = train(options, caches, folder, command, epochs=1)["rates"][0] * image
        rounds.append({"disk_bytes_per_second": disk, "ours_bytes_per_second": ours})
        say(f"cold: disk {disk / 1e6:.0f} MB/s, an epoch of abmilp1 {ours / 1e6:.0f} MB/s of tokens")
    ratio = statistics.median(r["ours_bytes_per_second"] / r["disk_bytes_per_second"] for r in rounds)
    print(f"\nCold: abmilp1 trains at {100 * ratio:.0f} % of the rate of reading the shards, the median of "
          f"{len(rounds)} pairs")  # fmt: skip
    return {"ratio": ratio, "rounds": rounds}


def compare_counts(options, caches, folder):
    """Epochs' seconds and memory on growing caches."""
    rows, result = [], []
    for count in options.image_counts:
        part = folder / f"images-{count}"
        part.mkdir()
        train_cache, validation = tokens.write_caches(options.extract, part, count, 10, options.token_dtype)
        run = train(options, Caches(train_cache, validation), folder,
                    ["train", *probe_heads.HEADS["abmilp1"]["ours"]], options.epochs)  # fmt: skip
        shutil.rmtree(part)
        result.append({"images": count} | run)
        memory = [f"{run[name] / 1e6:.0f}" for name in ("peak_anonymous_bytes", "peak_bytes")]
        rows.append([str(count), f"{run['rate']:.0f}", f"{count / run['rate']:.3f}", *memory])
    print()
    titles = ["images of abmilp1, 10 classes", "images/s", "s an epoch", "peak MB", "with mapped pages"]
    extract.print_table(titles, rows)
    return result


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--probe", default=".build/release/probe", help="the program to measure")
    parser.add_argument("--extract", default=".build/release/extract", help="the program that makes the caches")
    parser.add_argument(
        "--heads", nargs="*", choices=list(probe_heads.HEADS), metavar="HEAD",
        default=["linear", "abmilp1", "abmilp2", "abmilp1-map", "abmilp1-both", "ep32", "simpool", "aim", "jepa"],
        help=", ".join(probe_heads.HEADS))  # fmt: skip
    parser.add_argument(
        "--amp", nargs="+", choices=["none", "bfloat16"], default=["none", "bfloat16"],
        help="operands of our products; each is measured")  # fmt: skip
    parser.add_argument("--classes", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--sweeps", type=int, nargs="*", default=SWEEPS, help="numbers of AbMILP heads in one pass")
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS), help=", ".join(PEERS))
    parser.add_argument("--seed-checkout", type=pathlib.Path, help="folder of gmum/beyond_cls: its AbMILP and linear head")
    parser.add_argument("--ep-checkout", type=pathlib.Path, help="folder of efficient-probing: its other heads")
    parser.add_argument("--without-ours", action="store_true", help="measure the peers alone")
    parser.add_argument("--cold", action="store_true", help="also compare an epoch from the disk with reading its files")
    parser.add_argument("--image-counts", type=int, nargs="*", default=[], help="also measure caches of so many images")
    parser.add_argument("--images", type=int, default=4096, help="images of the cache")
    parser.add_argument("--token-dtype", choices=list(ELEMENT_BYTES), default="float16")
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--epochs", type=int, default=4, help="of each of our runs; the first one does not count")
    parser.add_argument("--rounds", type=int, default=3, help="pairs with each peer")
    parser.add_argument("--threads", type=int, default=extract.processors(), help="of both sides")
    parser.add_argument("--folder", type=pathlib.Path, help="disk for the caches; by default that of temporary files")
    parser.add_argument("--json", type=pathlib.Path, help="file for every round's numbers and what they were made with")
    options = parser.parse_args()
    if min(options.rounds, options.epochs, options.batch_size, options.threads, *options.classes) < 1:
        parser.error("--rounds, --epochs, --batch-size, --threads and --classes are at least 1")
    if min([options.images, *options.image_counts]) < options.batch_size:
        parser.error("a cache holds at least a batch: --images and --image-counts are at least --batch-size")
    if options.without_ours and (options.cold or options.image_counts):
        parser.error("--cold and --image-counts measure ours, which --without-ours leaves out")
    options.extract = program.find(options.extract)
    options.probe = None if options.without_ours else program.find(options.probe)
    return options


def comparisons(options, caches, ceilings, folder):
    for head in options.heads:
        yield Comparison(options, caches, ceilings, folder, head)
    for count in options.sweeps:
        # One head is compared above already.
        if count > 1 or "abmilp1" not in options.heads:
            yield Comparison(options, caches, ceilings, folder, "abmilp1", count)


def main():
    options = parse()
    before = extract.machine()
    print(f"{before['cpu']}, {before['processors']} processors, load {before['load'][0]:.2f}")
    page = {"machine": before, "comparisons": []}
    with tempfile.TemporaryDirectory(prefix="patchbank-bench-", dir=options.folder) as folder:
        folder = pathlib.Path(folder)
        worker = extract.Worker(script="probe_worker.py", peer="ceilings", threads=options.threads)
        page |= {"versions": worker.about["versions"], "ceilings": worker.measure()}
        worker.close()
        memory, products = page["ceilings"]["bytes_per_second"], page["ceilings"]["flops_per_second"]
        print(f"memory {memory / 1e9:.1f} GB/s; products {products['float32'] / 1e9:.0f} GFLOP/s in float32, "
              f"{products['bfloat16'] / 1e9:.0f} in bfloat16")  # fmt: skip
        for classes in options.classes:
            part = folder / f"classes-{classes}"
            part.mkdir()
            caches = Caches(*tokens.write_caches(options.extract, part, options.images, classes, options.token_dtype))
            for comparison in comparisons(options, caches, page["ceilings"], folder):
                comparison.run()
                page["comparisons"].append(comparison.summary())
            if options.cold and classes == options.classes[-1]:
                page["cold"] = compare_cold(options, caches, folder)
            shutil.rmtree(part)
        rows = [row for summary in page["comparisons"] for row in cells(summary)]
        titles = ["", "images/s", "ours / it", "peak MB", "% of memory"]
        print()
        extract.print_table(titles, rows)
        if options.image_counts:
            page["image_counts"] = compare_counts(options, caches, folder)
    if options.json:
        options.json.write_text(json.dumps(page | {"load_after": os.getloadavg()}, indent=2) + "\n")


if __name__ == "__main__":
    main()
