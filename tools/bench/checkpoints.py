"""Writes an encoder with timm's initial weights: python checkpoints.py MODEL FILE.safetensors [NUMBER OF BLOCKS]"""

import sys

import torch
from safetensors.torch import save_file

import models
import peers


def main():
    name, path, *depth = sys.argv[1:]
    model = models.architecture(name) | {"depth": int(value) for value in depth}
    torch.manual_seed(0)
    encoder = peers.build(model)
    save_file({key: value.contiguous() for key, value in encoder.state_dict().items()}, path)


if __name__ == "__main__":
    main()
