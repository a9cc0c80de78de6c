#!/usr/bin/env python3
"""Compare reading images with Pillow and torchvision: from a JPEG's bytes to an encoder's input, one thread each.

    swift build -c release --package-path Benchmarks
    python tools/bench/reading.py --images FOLDER

The files are in memory. Rounds alternate, ours and theirs. See docs/benchmarks.md.
"""

import argparse
import io
import pathlib
import statistics
import subprocess
import tempfile
import time

import photographs
import PIL
import torch
import torchvision
from PIL import Image
from torchvision import transforms

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Ours:
    def __init__(self, program, folder):
        self.process = subprocess.Popen(
            [program, folder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


class Theirs:
    def __init__(self, paths):
        self.files = [path.read_bytes() for path in paths]
        self.transform = transforms.Compose([
            transforms.Resize(256, interpolation=transforms.InterpolationMode.BICUBIC), transforms.CenterCrop(224),
            transforms.ToTensor(), transforms.Normalize(MEAN, DEVIATION)])

    def seconds(self):
        start = time.perf_counter()
        for file in self.files:
            self.transform(Image.open(io.BytesIO(file)).convert("RGB"))
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", help="folder of JPEGs; synthetic ones by default")
    parser.add_argument("--program", default="Benchmarks/.build/release/reading", help="our half")
    parser.add_argument("--count", type=int, default=64, help="images of a round")
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        source = options.images
        if source is None:
            source = pathlib.Path(folder) / "synthetic"
            photographs.write_synthetic(source)
        images = pathlib.Path(folder) / "images"
        photographs.sample(source, images, options.count)
        sides = Ours(options.program, str(images)), Theirs([pathlib.Path(path) for path in photographs.paths_below(images)])
        for side in sides:
            side.seconds()
        rounds = [[side.seconds() for side in sides] for _ in range(options.rounds)]
    ours, theirs = (options.count / statistics.median(column) for column in zip(*rounds))
    ratio = statistics.median(b / a for a, b in rounds)
    print(f"ours {ours:.0f} images/s, Pillow {PIL.__version__} and torchvision {torchvision.__version__} {theirs:.0f}: "
          f"{ratio:.2f} times, the median of {options.rounds} pairs ({min(b / a for a, b in rounds):.2f} to "
          f"{max(b / a for a, b in rounds):.2f})")


if __name__ == "__main__":
    main()
