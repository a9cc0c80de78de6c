"""A case: a family's model, the file that it comes in, and what a user says of it beside the file's name."""

import json
import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from unittest import mock

import torch
from safetensors.torch import save_file
from torch import nn

from checkouts import Checkouts
from recording import Subject, record
from weights import randomize, stored

WIDTH, DEPTH, HEADS, PATCH, SIDE = 16, 2, 2, 3, 12
# As most families' constructors call them.
tiny = {
    "img_size": SIDE, "patch_size": PATCH, "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS, "mlp_ratio": 1.5,
}  # fmt: skip
normalization = partial(nn.LayerNorm, eps=1e-6)


def watched(model, forward=None, blocks=None, attentions=None, **changes) -> Subject:
    """Blocks that are called `blocks`, each with an `attn`, and a final norm that is called `norm`."""
    blocks = list(model.blocks) if blocks is None else blocks
    keywords = {
        "forward": forward or model, "blocks": blocks,
        "attentions": [block.attn for block in blocks] if attentions is None else attentions,
        "norm": getattr(model, "norm", None), "heads": HEADS, "image": (SIDE, SIDE), "patch": (PATCH, PATCH),
    }  # fmt: skip
    return Subject(model=model, **(keywords | changes))


@dataclass
class Made:
    """What a case builds: the model to watch, all modules that its file holds, and how they are written."""

    subject: Subject
    # Under the folder of fixtures: the case's name, then what to write in it, given a way to get state dicts.
    write: Callable[[Path, Callable], str]
    modules: list[nn.Module] = field(default_factory=list)
    epsilon: float = 1e-6
    activation: str = "gelu"
    options: dict = field(default_factory=dict)
    type_of: Callable[[str], torch.dtype] = lambda name: torch.float32


@dataclass
class Case:
    name: str
    family: str
    dialect: str
    build: Callable[[Checkouts], Made]


CASES: list[Case] = []


def case(family: str, dialect: str):
    """Lists a function that builds a case; the function's name is the case's."""

    def register(build):
        CASES.append(Case(build.__name__, family, dialect, build))
        return build

    return register


def torch_file(content: Callable[[Callable], object], **keywords):
    """Writes NAME.pth, as torch.save does."""

    def write(path: Path, state) -> str:
        torch.save(content(state), path.with_suffix(".pth"), **keywords)
        return path.name + ".pth"

    return write


def older_torch_file(content: Callable[[Callable], object]):
    """Writes NAME.pth in the format that torch.save had before it wrote zip archives."""
    write_now = torch_file(content, _use_new_zipfile_serialization=False)

    def write(path: Path, state) -> str:
        # That format names storages by their address; numbers in their place make the same file every time.
        numbers = {}
        address = property(lambda storage: numbers.setdefault(storage.data_ptr(), 100_000 + len(numbers)))
        with mock.patch.object(torch.UntypedStorage, "_cdata", address, create=True):
            return write_now(path, state)

    return write


def folder_file(content: Callable[[Callable], dict], file="model.safetensors", **configurations: dict):
    """Writes NAME/model.safetensors, and JSON files beside it."""

    def write(path: Path, state) -> str:
        path.mkdir(exist_ok=True)
        save_file(content(state), path / file, {"format": "pt"})
        for name, configuration in configurations.items():
            (path / f"{name}.json").write_text(json.dumps(configuration, indent=2) + "\n")
        return path.name

    return write


def produce(case: Case, checkouts: Checkouts, folder: Path) -> dict:
    """Writes a case's checkpoint and what is expected of it; returns its entry in the inventory."""
    seed = zlib.crc32(case.name.encode())
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    made = case.build(checkouts)
    subject = made.subject
    for module in made.modules or [subject.model]:
        module.double()
        randomize(module, generator, made.type_of)

    def state(module: nn.Module = subject.model, prefix: str = "") -> dict:
        return stored(module, made.type_of, prefix)

    shutil.rmtree(folder / case.name, ignore_errors=True)
    file = made.write(folder / case.name, state)
    pixels = torch.randn((3, *subject.image), generator=generator)
    tensors = record(subject, pixels) | {"pixels": pixels}
    # Configurations beside the weights tell how many heads there are; the weights alone do not.
    options = ({"num_heads": subject.heads} if file.endswith(".pth") else {}) | made.options
    facts = {
        "num_heads": subject.heads, "width": tensors["tokens"].shape[2], "depth": len(subject.blocks),
        "image": list(subject.image), "patch": list(subject.patch), "prefix_tokens": subject.prefix,
        "has_class_token": subject.has_class, "layer_norm_epsilon": made.epsilon, "activation": made.activation,
    }  # fmt: skip
    expected = f"{case.name}.expected.safetensors"
    described = {"family": case.family, "dialect": case.dialect, "num_heads": subject.heads} | options
    save_file(tensors, folder / expected, {"case": json.dumps(described | {"facts": facts})})
    return {
        "name": case.name, "file": file, "expected": expected, "dialect": case.dialect, "family": case.family,
        "options": options,
    }  # fmt: skip
