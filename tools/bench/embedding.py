#!/usr/bin/env python3
"""Compare t-SNE with scikit-learn's, of the same features on all processors.

    swift build -c release --package-path Benchmarks
    python tools/bench/embedding.py [--points 250 5000] [--rounds 3]

Features are points around as many centres as an embedding by default has classes. Rounds alternate, ours and theirs. Needs numpy
and scikit-learn. See docs/benchmarks.md.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import tempfile
import time

import numpy
import sklearn
from sklearn.manifold import TSNE
from sklearn.manifold._t_sne import _joint_probabilities_nn
from sklearn.neighbors import NearestNeighbors

CENTRES, SPREAD, PERPLEXITY, BLOCK = 10, 2.0, 30.0, 1000


def make_features(count, width):
    generator = numpy.random.default_rng(0)
    centres = generator.normal(size=(CENTRES, width))
    points = centres[numpy.arange(count) % CENTRES] + SPREAD * generator.normal(size=(count, width))
    return points.astype(numpy.float32)


def divergence(features, places):
    """What t-SNE minimises, of the probabilities that scikit-learn takes."""
    neighbours = NearestNeighbors(n_neighbors=int(3 * PERPLEXITY + 1)).fit(features).kneighbors_graph(mode="distance")
    neighbours.data **= 2
    wanted = _joint_probabilities_nn(neighbours, PERPLEXITY, 0).tocoo()
    total = -float(len(places))
    for start in range(0, len(places), BLOCK):
        distances = ((places[start : start + BLOCK, None] - places[None]) ** 2).sum(2)
        total += (1 / (1 + distances)).sum()
    reached = 1 / (1 + ((places[wanted.row] - places[wanted.col]) ** 2).sum(1)) / total
    return float((wanted.data * numpy.log(wanted.data / reached)).sum())


class Ours:
    def __init__(self, program, folder, features):
        features.tofile(folder / "features")
        self.places = folder / "places"
        self.process = subprocess.Popen(
            [program, str(folder / "features"), str(self.places), "--width", str(features.shape[1])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def embedding(self):
        return numpy.fromfile(self.places).reshape(-1, 2)


class Theirs:
    def __init__(self, features):
        self.features = features

    def seconds(self):
        start = time.perf_counter()
        self.places = TSNE(n_jobs=os.cpu_count(), random_state=0).fit_transform(self.features)
        return time.perf_counter() - start

    def embedding(self):
        return self.places.astype(numpy.float64)


def compare(count, options, folder):
    features = make_features(count, options.width)
    sides = Ours(options.program, folder, features), Theirs(features)
    for side in sides:
        side.seconds()
    rounds = [[side.seconds() for side in sides] for _ in range(options.rounds)]
    ours, theirs = (statistics.median(column) for column in zip(*rounds))
    ratios = [b / a for a, b in rounds]
    reached = [divergence(features, side.embedding()) for side in sides]
    print(f"{count} points of {options.width}: ours {ours:.2f} s, scikit-learn {sklearn.__version__} {theirs:.2f} s: "
          f"{statistics.median(ratios):.1f} times, the median of {len(ratios)} pairs ({min(ratios):.1f} to "
          f"{max(ratios):.1f}); divergence {reached[0]:.4f} and {reached[1]:.4f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, nargs="+", default=[250, 5000])
    parser.add_argument("--width", type=int, default=192)
    parser.add_argument("--program", default="Benchmarks/.build/release/embedding", help="our half")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for count in options.points:
            compare(count, options, pathlib.Path(folder))


if __name__ == "__main__":
    main()
