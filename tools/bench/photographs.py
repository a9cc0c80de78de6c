"""Folders of JPEGs to encode: samples of a user's photographs, or synthetic ones of ImageNet's size."""

import itertools
import pathlib
import random
import shutil

import numpy
from PIL import Image

CLASSES = 4
DISTINCT = 48
SIZES = [(500, 375), (500, 333), (375, 500), (500, 400)]


def synthetic(generator, width, height):
    """A picture whose spectrum falls as photographs' do, about 110 KB as a JPEG of quality 90."""
    rows = numpy.fft.fftfreq(height)[:, None]
    columns = numpy.fft.rfftfreq(width)[None, :]
    falloff = 1 / numpy.maximum(numpy.hypot(rows, columns), 1 / max(width, height)) ** 1.15
    luminance, *tints = (
        numpy.fft.irfft2(numpy.fft.rfft2(generator.standard_normal((height, width))) * falloff, (height, width))
        for _ in range(4))
    channels = [luminance / luminance.std() + 0.4 * tint / tint.std() for tint in tints]
    return Image.fromarray(numpy.clip(118 + 52 * numpy.stack(channels, axis=2), 0, 255).astype(numpy.uint8))


def write_synthetic(folder, count=DISTINCT, seed=0):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True)
    generator = numpy.random.default_rng(seed)
    for index in range(count):
        width, height = SIZES[index % len(SIZES)]
        synthetic(generator, width, height).save(folder / f"{index:03}.jpg", quality=90)


def sample(source, destination, count, seed=0):
    """Copies `count` of the JPEGs below `source`, again from the first where there are fewer, into class folders."""
    paths = sorted(path for path in pathlib.Path(source).rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))
    if not paths:
        raise SystemExit(f"{source}: holds no JPEG")
    random.Random(seed).shuffle(paths)
    for index, path in enumerate(itertools.islice(itertools.cycle(paths), count)):
        folder = pathlib.Path(destination) / f"class-{index % CLASSES}"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, folder / f"{index:05}.jpg")


def paths_below(folder):
    """In the order of a cache's rows: class by class, by name."""
    return sorted(str(path) for path in pathlib.Path(folder).rglob("*.jpg"))
