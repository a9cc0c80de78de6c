"""Random weights for any module, and what surrounds weights in the files that trainings leave."""

import argparse
import math
import re
import sys
import types
from collections import OrderedDict

import torch
from torch import Tensor, nn

KEPT = re.compile(r"logit_scale|logit_bias|freqs")
QUERIES_OR_KEYS = re.compile(r"qkv|q_proj|k_proj|query|key|in_proj|\.kv?\.")
MATRIX = re.compile(r"(weight|weight_v|in_proj_weight|proj|projection)$")
SCALE = re.compile(r"gamma|lambda|layer_scale|layerscale")


def draw(name: str, value: Tensor, generator: torch.Generator) -> Tensor:
    """Values at which nothing is neutral: no bias near zero, no norm or layer scale near one, attention uneven."""
    noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
    if "relative_position" in name:
        return noise
    if "weight_g" in name or "running_var" in name:
        return torch.exp(0.3 * noise)
    if value.ndim >= 2 and MATRIX.search(name) and "embeddings.position" not in name:
        gain = 1.5 if QUERIES_OR_KEYS.search(name) else 1.0
        return noise * gain / math.sqrt(value[0].numel())
    if SCALE.search(name):
        return 0.5 + 0.2 * noise
    if value.ndim == 1 and name.endswith("weight"):
        return (1.6 if re.search(r"[qk]_norm", name) else 1.0) + 0.3 * noise
    return 0.5 * noise


@torch.no_grad()
def randomize(module: nn.Module, generator: torch.Generator, type_of=lambda name: torch.float32) -> None:
    """Weights that survive their storage in the type that they will have in the file."""
    for name, value in [*module.named_parameters(), *module.named_buffers()]:
        is_statistic = name.endswith(("running_mean", "running_var"))
        if KEPT.search(name) or not (isinstance(value, nn.Parameter) or is_statistic):
            continue
        value.data = draw(name, value, generator).to(type_of(name)).double()


def stored(module: nn.Module, type_of=lambda name: torch.float32, prefix: str = "") -> OrderedDict[str, Tensor]:
    """The module's state dict in the types that the file has."""
    return OrderedDict(
        (prefix + name, (value.to(type_of(name)) if value.is_floating_point() else value).clone().contiguous())
        for name, value in module.state_dict().items()
    )


def optimizer_state() -> dict:
    parameter = nn.Parameter(torch.ones(4))
    optimizer = torch.optim.AdamW([parameter])
    parameter.square().sum().backward()
    optimizer.step()
    return optimizer.state_dict()


def arguments(**values) -> argparse.Namespace:
    return argparse.Namespace(batch_size=64, epochs=300, output_dir="out", **values)


def yacs_node(values: dict):
    """What a training that is configured by yacs leaves in its file: a dictionary of a class of yacs."""
    module = sys.modules.setdefault("yacs.config", types.ModuleType("yacs.config"))
    sys.modules.setdefault("yacs", types.ModuleType("yacs")).config = module
    if not hasattr(module, "CfgNode"):
        module.CfgNode = type("CfgNode", (dict,), {"__module__": "yacs.config"})
    return module.CfgNode({k: yacs_node(v) if isinstance(v, dict) else v for k, v in values.items()})
