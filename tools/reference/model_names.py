"""Writes Sources/extract/ModelHub/Names/timm-models.txt: the Vision Transformers that timm publishes weights of.

One line an architecture: its name, the number of its encoder's parameters (without a classifier), then the tags of its
weights, timm's default first. `tag=owner/name` where the hub's repository is not `timm/architecture.tag`.

    pip install torch timm
    python tools/reference/model_names.py
"""

import pathlib

import timm
import torch
from timm.models import _registry

MODULES = ["vision_transformer", "deit", "beit", "eva"]
# What is no Vision Transformer with norms before its branches, or is there for timm's own tests.
EXCLUDED = ("test_", "vit_base_patch16_rpn_")


def tags(architecture):
    configurations = _registry._model_default_cfgs.get(architecture)
    for tag in configurations.tags if configurations else []:
        repository = configurations.cfgs[tag].hf_hub_id
        if not repository:
            continue
        name = f"timm/{architecture}.{tag}"
        repository = name if repository == "timm/" else repository
        yield tag if repository == name else f"{tag}={repository}"


def parameters(architecture):
    with torch.device("meta"):
        return sum(p.numel() for p in timm.create_model(architecture, num_classes=0).parameters())


path = pathlib.Path(__file__).parents[2] / "Sources/extract/ModelHub/Names/timm-models.txt"
lines = [f"# timm {timm.__version__}, written by tools/reference/model_names.py"]
for module in MODULES:
    for architecture in timm.list_models(module=module):
        known = list(tags(architecture))
        if known and not architecture.startswith(EXCLUDED):
            lines.append(" ".join([architecture, str(parameters(architecture)), *known]))
path.write_text("\n".join(lines) + "\n")
