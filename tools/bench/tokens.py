"""Caches of synthetic tokens, written by `extract` itself: a ViT-B's shape at the cost of one of its blocks."""

import pathlib
import subprocess
import sys

import numpy
from PIL import Image

import extract

SIDE = 64


def write_encoder(path):
    """ViT-B/16 of one block with timm's initial weights: 197 tokens of width 768, which is all that a prober sees."""
    # By another process, as the peak of a program's memory is at least what its parent held when it started it.
    command = [sys.executable, extract.HERE / "checkpoints.py", "vit_base_patch16_224", path, "1"]
    subprocess.run(command, check=True, env=extract.peer_environment())


def write_images(folder, count, classes):
    """Small noise images, `count` of them spread evenly over the folders of the classes."""
    generator = numpy.random.default_rng(0)
    for index in range(count):
        place = pathlib.Path(folder) / f"class-{index % classes:04}"
        place.mkdir(parents=True, exist_ok=True)
        pixels = generator.integers(0, 256, (SIDE // 8, SIDE // 8, 3), dtype=numpy.uint8)
        Image.fromarray(pixels).resize((SIDE, SIDE)).save(place / f"{index:06}.jpg")


def encode(program, encoder, images, cache, *options):
    command = [
        program, "tokens", "--finetune", encoder, "--num-heads", 12, "--data-path", images, "--output-dir", cache,
        "--amp", "bfloat16", "--shard-size", 1024, "--quiet", *options,
    ]  # fmt: skip
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def write_caches(program, folder, count, classes, kind):
    """Writes `train`, of `count` images, and `validation`, of a few of them, into the folder."""
    folder = pathlib.Path(folder)
    write_encoder(folder / "encoder.safetensors")
    # A class needs an image: where there are more classes than images, the cache would be of fewer.
    write_images(folder / "images", max(count, classes), classes)
    for name, options in (("train", ["--limit", count]), ("validation", ["--limit", 32])):
        encode(
            program, folder / "encoder.safetensors", folder / "images", folder / name, "--token-dtype", kind, *options)
    return folder / "train", folder / "validation"
