"""How far cached tokens are from PyTorch's in single precision, on the same pixels. See docs/benchmarks.md.

    python tools/bench/errors.py [--checkpoint FILE --images FOLDER] [OPTION OF extract ...]

Without --checkpoint, ViT-B/16 with timm's initial weights. Options that it does not know go to `extract tokens`, such as
--num-heads 3. What the program does not offer is said in the table.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile

import extract

ENVIRONMENT = dict(os.environ)
for name in extract.OVERRIDES:
    os.environ.pop(name, None)

import numpy
import torch

import peers
import photographs
import program

TOKEN_TYPES = ["float32", "float16", "bfloat16", "int8"]


def relative_errors(tokens, reference):
    """[N]: the norm of an image's difference over that of the image's tokens."""
    tokens, reference = (numpy.asarray(values, "f8").reshape(len(values), -1) for values in (tokens, reference))
    return numpy.linalg.norm(tokens - reference, axis=1) / numpy.linalg.norm(reference, axis=1)


class Reference:
    """PyTorch's tokens of a cache's images, by the cache's own settings."""

    def __init__(self, cache, checkpoint, images):
        model, pixels = cache.config["model"], cache.config["preprocessing"]
        transform = peers.preprocessing(
            pixels["resize"], pixels["crop"], pixels["mean"], pixels["std"], pixels["interpolation"])
        dataset = peers.Images(photographs.paths_below(images), transform)
        self.inputs = torch.stack([dataset[index] for index in range(len(dataset))])
        self.encoder = peers.build(model, peers.read_checkpoint(checkpoint))

    @torch.inference_mode()
    def tokens(self, amp=False, dtype=torch.float32):
        self.encoder.to(dtype)
        with torch.autocast("cpu", torch.bfloat16, enabled=amp):
            parts = [peers.last_tokens(self.encoder, batch.to(dtype)).float() for batch in self.inputs.split(8)]
        return torch.cat(parts).numpy()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--extract", type=program.find, default=".build/release/extract", help="the program to measure")
    parser.add_argument("--checkpoint", type=pathlib.Path, help="a PyTorch file or safetensors")
    parser.add_argument("--images", type=pathlib.Path, help="folder of JPEGs; synthetic ones by default")
    parser.add_argument("--count", type=int, default=16, help="images that are compared")
    return parser.parse_known_args()


def prepare(options, folder):
    source = options.images or folder / "photographs"
    if options.images is None:
        photographs.write_synthetic(source, options.count)
    photographs.sample(source, folder / "images", options.count)
    if options.checkpoint:
        return options.checkpoint, []
    model, path = "vit_base_patch16_224", folder / "random.safetensors"
    subprocess.run([sys.executable, extract.HERE / "checkpoints.py", model, path], check=True)
    return path, ["--model", model]


def row(what, kind, errors):
    return [f"{what}, tokens as {kind}", f"{numpy.sqrt((errors**2).mean()):.2e}", f"{errors.max():.2e}"]


def main():
    options, extract_options = parse()
    rows, reference, refusal = [], None, None
    with tempfile.TemporaryDirectory(prefix="patchbank-bench-") as folder:
        folder = pathlib.Path(folder)
        checkpoint, more = prepare(options, folder)
        for amp in extract.AMP.values():
            for kind in TOKEN_TYPES:
                what = f"extract --amp {amp}"
                settings = [*more, *extract_options, "--amp", amp, "--token-dtype", kind]
                try:
                    program.encode(
                        options.extract, checkpoint, folder / "images", folder / "cache", settings, ENVIRONMENT)
                except program.WrongUse as error:
                    refusal = error
                    rows.append([f"{what}, tokens as {kind}", "not offered", ""])
                    continue
                cache = program.Cache(folder / "cache")
                if reference is None:
                    reference = Reference(cache, checkpoint, folder / "images")
                    exact = reference.tokens()
                rows.append(row(what, kind, relative_errors(cache.tokens(), exact)))
        if reference is None:
            raise SystemExit(f"{options.extract} refuses every combination: {refusal}")
        rows.append(row("torch, autocast to bfloat16", "float32", relative_errors(reference.tokens(amp=True), exact)))
        narrow = reference.tokens(dtype=torch.bfloat16)
        rows.append(row("torch, bfloat16 weights", "bfloat16", relative_errors(narrow, exact)))
    extract.print_table(["", "relative L2 error", "worst image"], rows)


if __name__ == "__main__":
    main()
