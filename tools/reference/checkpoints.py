"""Writes Tests/Fixtures/checkpoints: one small Vision Transformer in every wrapping that checkpoints come in.

    python tools/reference/checkpoints.py          (torch 2.13, safetensors, huggingface_hub)

expected.safetensors holds the model's weights in float32, and what torch.nn.functional.interpolate makes of its
position embedding on other grids (`resized.SIDE`; compared within 1e-6, as sums may be ordered differently).
All values are multiples of 1/64 below 2, so that every floating-point type holds them exactly and tests of the
loading compare bits.
"""

import argparse
import collections
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import python2_pickle
import torch
import torch.nn.functional as F
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file
from torch import nn

WIDTH, DEPTH, HEADS, MLP, PATCH, GRID = 8, 2, 2, 24, 4, 4
folder = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "checkpoints"


def random_values(generator: torch.Generator, *shape: int) -> torch.Tensor:
    return torch.randint(-127, 128, shape, generator=generator) / 64


def encoder_weights(seed: int, class_token: bool = True) -> dict[str, torch.Tensor]:
    """Weights under timm's names."""
    generator = torch.Generator().manual_seed(seed)

    def weight(*shape):
        return random_values(generator, *shape)

    weights = {}
    if class_token:
        weights["cls_token"] = weight(1, 1, WIDTH)
    weights["pos_embed"] = weight(1, GRID * GRID + class_token, WIDTH)
    weights["patch_embed.proj.weight"] = weight(WIDTH, 3, PATCH, PATCH)
    weights["patch_embed.proj.bias"] = weight(WIDTH)
    for index in range(DEPTH):
        block = {
            "norm1.weight": weight(WIDTH),
            "norm1.bias": torch.full((WIDTH,), 0.25),
            "attn.qkv.weight": weight(3 * WIDTH, WIDTH),
            "attn.qkv.bias": weight(3 * WIDTH),
            "attn.proj.weight": weight(WIDTH, WIDTH),
            "attn.proj.bias": weight(WIDTH),
            "norm2.weight": weight(WIDTH),
            "norm2.bias": weight(WIDTH),
            "mlp.fc1.weight": weight(MLP, WIDTH),
            "mlp.fc1.bias": weight(MLP),
            "mlp.fc2.weight": weight(WIDTH, MLP),
            "mlp.fc2.bias": weight(WIDTH),
        }
        weights |= {f"blocks.{index}.{name}": value for name, value in block.items()}
    weights["norm.weight"] = weight(WIDTH)
    weights["norm.bias"] = weight(WIDTH)
    return weights


def decoder_weights() -> dict[str, torch.Tensor]:
    """A few of the weights that a masked autoencoder has besides."""
    generator = torch.Generator().manual_seed(1)
    return {
        "mask_token": random_values(generator, 1, 1, 4),
        "decoder_pos_embed": random_values(generator, 1, GRID * GRID + 1, 4),
        "decoder_embed.weight": random_values(generator, 4, WIDTH),
        "decoder_pred.bias": random_values(generator, 4),
    }


def resized(embedding: torch.Tensor, height: int, width: int, old=(GRID, GRID)) -> torch.Tensor:
    """The position embedding on another grid, [cls]'s entry kept."""
    prefix = embedding.shape[1] - old[0] * old[1]
    grid = embedding[:, prefix:].reshape(1, *old, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(height, width), mode="bicubic", align_corners=False)
    return torch.cat([embedding[:, :prefix], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def save_expected(weights: dict[str, torch.Tensor]) -> None:
    grids = {f"resized.{side}": resized(weights["pos_embed"], side, side).contiguous() for side in [1, 3, 7, 13]}
    save_file(weights | grids, folder / "expected.safetensors")


def save_training_state(weights: dict[str, torch.Tensor]) -> None:
    """As MAE's training script saves: the optimizer, a namespace and a scaler beside the model, all from a GPU."""
    parameters = [nn.Parameter(value.clone()) for value in list(weights.values())[:4]]
    optimizer = torch.optim.AdamW(parameters)
    sum(value.square().sum() for value in parameters).backward()
    optimizer.step()
    path = folder / "mae.pth"
    torch.save(
        {
            "model": collections.OrderedDict(weights | decoder_weights()),
            "optimizer": optimizer.state_dict(),
            "epoch": 399,
            "scaler": {"scale": 65536.0, "growth_factor": 2.0},
            "args": argparse.Namespace(model="mae_vit_base_patch16", batch_size=64, output_dir=Path("out")),
        },
        path,
    )
    rewrite_pickle(path, lambda pickle: pickle.replace(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0"))


def rewrite_pickle(path: Path, change) -> None:
    """Changes the pickle of a file of torch.save."""
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            # A fixed time, so that the file is the same every time.
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, change(data) if name.endswith("data.pkl") else data)


def save_module(weights: dict[str, torch.Tensor]) -> None:
    """A bare state dict of a real module: an OrderedDict with its `_metadata`, and a classifier at the end."""
    module = nn.Module()
    for name, value in (weights | {"head.weight": torch.ones(3, WIDTH), "fc_norm.bias": torch.ones(3)}).items():
        inner = module
        *parts, last = name.split(".")
        for part in parts:
            if not hasattr(inner, part):
                inner.add_module(part, nn.Module())
            inner = getattr(inner, part)
        inner.register_parameter(last, nn.Parameter(value))
    torch.save(module.state_dict(), folder / "bare.pth")


def save_parameters(weights: dict[str, torch.Tensor]) -> None:
    """Parameters instead of tensors, some with attributes, wrapped for data parallelism, in pickle protocol 4."""
    parameters = {f"module.{name}": nn.Parameter(value) for name, value in weights.items()}
    parameters["module.norm.weight"].param_group_name = "no_decay"
    tensor = weights["norm.bias"].clone()
    tensor.note = "attributes are not weights"
    parameters["module.norm.bias"] = tensor
    torch.save({"state_dict": parameters, "epoch": 3}, folder / "parameters.pth", pickle_protocol=4)


def save_views(weights: dict[str, torch.Tensor]) -> None:
    """One storage for everything; some weights transposed, sliced with steps, or one value expanded."""
    flat = torch.cat([value.flatten() for value in weights.values()])
    views, offset = {}, 0
    for name, value in weights.items():
        views[name] = flat[offset : offset + value.numel()].view(value.shape)
        offset += value.numel()
    for name in ["blocks.0.attn.qkv.weight", "blocks.1.mlp.fc1.weight"]:
        views[name] = views[name].t().contiguous().t()
    views["patch_embed.proj.weight"] = views["patch_embed.proj.weight"].to(memory_format=torch.channels_last)
    wide = torch.zeros(WIDTH, 3)
    wide[:, 1] = weights["norm.bias"]
    views["norm.bias"] = wide[:, 1]
    for index in range(DEPTH):
        views[f"blocks.{index}.norm1.bias"] = torch.tensor([0.25]).expand(WIDTH)
    torch.save({"nested": {"weights.of.it": views}, "model_name": "tiny"}, folder / "views.pth")


def save_variants() -> None:
    """Architectures that the weights must reveal, in safetensors with timm's configuration beside them."""
    # [cls] without an entry in the position embedding, layer scale, no bias of queries, keys and values.
    weights = encoder_weights(2)
    weights["pos_embed"] = weights["pos_embed"][:, 1:].contiguous()
    for index in range(DEPTH):
        del weights[f"blocks.{index}.attn.qkv.bias"]
        weights[f"blocks.{index}.ls1.gamma"] = torch.full((WIDTH,), 0.5)
        weights[f"blocks.{index}.ls2.gamma"] = torch.full((WIDTH,), 0.75)
    save_timm(folder / "timm", weights, [3, 16, 16])
    # No [cls] at all, pooled behind a norm of its own, on a grid that is not square.
    weights = encoder_weights(3, class_token=False)
    weights["fc_norm.weight"], weights["fc_norm.bias"] = weights.pop("norm.weight"), weights.pop("norm.bias")
    save_timm(folder / "pooled", weights, [3, 8, 32])
    square = resized(weights["pos_embed"], 4, 4, old=(2, 8)).contiguous()
    save_file(weights | {"resized.4": square}, folder / "pooled-expected.safetensors")


def save_timm(output: Path, weights: dict[str, torch.Tensor], input_size: list[int]) -> None:
    output.mkdir(exist_ok=True)
    save_file(weights, output / "model.safetensors", metadata={"format": "pt"})
    configuration = {
        "architecture": "vit_of_a_test",
        "num_classes": 0,
        "num_features": WIDTH,
        "model_args": {"embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS, "patch_size": PATCH,
                       "act_layer": "gelu_tanh"},
        "pretrained_cfg": {
            "input_size": input_size,
            "interpolation": "bicubic",
            "crop_pct": 0.9,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.25, 0.5, 0.75],
        },
    }
    (output / "config.json").write_text(json.dumps(configuration, indent=2) + "\n")


def save_legacy(weights: dict[str, torch.Tensor]) -> None:
    """The format of torch.save before PyTorch 1.6, and as Python 2 wrote it."""

    def save(value, name, **options):
        torch.save(value, folder / name, _use_new_zipfile_serialization=False, **options)

    wrapped = collections.OrderedDict((f"module.{name}", value) for name, value in weights.items())
    wrapped["module.norm.weight"] = nn.Parameter(wrapped["module.norm.weight"])
    save(
        {
            "epoch": 100,
            "arch": "vit_base",
            "state_dict": wrapped,
            "optimizer": {"state": {139873123456789: {"step": 3, "exp_avg": torch.ones(3, dtype=torch.cfloat)}}},
            "best_acc1": np.float64(0.1),
            "args": argparse.Namespace(lr=0.03),
        },
        "legacy.pth",
    )
    # Two halves of all values, each a storage that many weights see a part of.
    parts, names = {}, list(weights)
    for half in [names[::2], names[1::2]]:
        flat = torch.cat([weights[name].flatten() for name in half])
        offsets = np.cumsum([0] + [weights[name].numel() for name in half])
        parts |= {name: flat[offset:][: weights[name].numel()].view(weights[name].shape)
                  for name, offset in zip(half, offsets)}
    parts["blocks.0.attn.qkv.weight"] = parts["blocks.0.attn.qkv.weight"].t().contiguous().t()
    record = python2_pickle.OldStyleObject()
    record.level = 3
    state = {"model": collections.OrderedDict(parts), "identity": 139873123456789, "best": np.float64(0.1), "record": record}
    save(state, "legacy-python2.pth", pickle_module=python2_pickle)
    save({"model": weights}, "legacy-protocol4.pth", pickle_protocol=4)


def save_split(weights: dict[str, torch.Tensor]) -> None:
    """Checkpoints in parts of 4 KB, with the index that Hugging Face's libraries read."""
    for name, safe in [("split", True), ("split-torch", False)]:
        (folder / name).mkdir(exist_ok=True)
        save_torch_state_dict(weights, folder / name, max_shard_size=4000, safe_serialization=safe)


class Hostile:
    def __reduce__(self):
        return os.system, ("touch a-pickle-was-executed",)


def main() -> None:
    folder.mkdir(parents=True, exist_ok=True)
    weights = encoder_weights(0)
    save_expected(weights)
    save_training_state(weights)
    save_module(weights)
    save_parameters(weights)
    save_views(weights)
    for name in ["float16", "bfloat16", "float64"]:
        # A writer may be told to compute no checksums.
        torch.serialization.set_crc32_options(name != "float16")
        converted = {key: value.to(getattr(torch, name)) for key, value in weights.items()}
        torch.save({"model": converted}, folder / f"{name}.pth")
    torch.serialization.set_crc32_options(True)
    save_variants()
    save_legacy(weights)
    save_split(weights)

    # What Python's unpickler would run; it must stay data, and be refused where a weight depends on it.
    torch.save({"model": weights, "args": Hostile()}, folder / "hostile.pth")
    torch.save({"model": weights | {"norm.bias": Hostile()}}, folder / "hostile-weight.pth")

    # To be refused, each with a reason of its own.
    torch.manual_seed(0)
    torch.save(nn.Linear(2, 2), folder / "module.pth")
    torch.jit.save(torch.jit.script(nn.Identity()), folder / "script.pth")


if __name__ == "__main__":
    main()
