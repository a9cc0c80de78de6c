"""Architectures that are no pre-norm Vision Transformer with one grid of patches, each in a file of its own kind."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

import timm
import torch
import transformers
from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock, VisionTransformer

from cases import HEADS, folder_file, torch_file
from checkouts import Checkouts
from timm_models import configuration
from weights import randomize, stored

# A smaller one, as there is nothing to compute with.
least = {"img_size": 8, "patch_size": 4, "embed_dim": 8, "depth": 1, "num_heads": HEADS, "mlp_ratio": 1}


def swin(checkouts: Checkouts):
    """SimMIM's other encoder."""
    source = checkouts.load("SimMIM", "models.simmim")
    encoder = source.SwinTransformerForSimMIM(
        img_size=16,
        patch_size=2,
        num_classes=0,
        embed_dim=8,
        depths=[1, 1],
        num_heads=[1, 2],
        window_size=4,
        mlp_ratio=1,
    )
    model = source.SimMIM(encoder, encoder_stride=4)
    return model, torch_file(lambda state: {"model": state(), "epoch": 799})


def convnext(checkouts: Checkouts):
    model = timm.models.convnext.ConvNeXt(depths=(1, 1, 1, 1), dims=(4, 4, 4, 4), num_classes=2)
    return model, folder_file(lambda state: state(), config={"architecture": "convnext_tiny", "num_classes": 2})


def post_norm(checkouts: Checkouts):
    """Norms behind attention and perceptron. The weights' names are those of a pre-norm model: config.json tells."""
    model = VisionTransformer(**least, num_classes=0, class_token=False, global_pool="avg", block_fn=ResPostBlock)
    sizes = {name: value for name, value in least.items() if name != "img_size"} | {"class_token": False}
    described = configuration("vit_base_patch16_rpn_224", (8, 8), **sizes)
    return model, folder_file(lambda state: state(), config=described)


def parallel_blocks(checkouts: Checkouts):
    """Attention and perceptron beside each other: ViT-22B's block."""
    model = VisionTransformer(**least, num_classes=0, block_fn=ParallelScalingBlock)
    return model, torch_file(lambda state: state())


def text_model(checkouts: Checkouts):
    sizes = {"vocab_size": 12, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 8, "max_position_embeddings": 6}  # fmt: skip
    configured = transformers.BertConfig(**sizes)
    described = sizes | {"model_type": "bert", "architectures": ["BertModel"]}
    return transformers.BertModel(configured), folder_file(lambda state: state(), config=described)


def post_norm_eva(checkouts: Checkouts):
    """The largest EVA-CLIP of timm."""
    model = timm.models.eva.Eva(**least, num_classes=0, use_post_norm=True, global_pool="token")
    sizes = {name: value for name, value in least.items() if name != "img_size"} | {"use_post_norm": True}
    return model, folder_file(
        lambda state: state(), config=configuration("eva02_enormous_patch14_clip_224", (8, 8), **sizes)
    )


REFUSED: list[tuple[str, Callable]] = [
    ("Swin", swin), ("ConvNeXt", convnext), ("post-norm ViT", post_norm),
    ("post-norm EVA", post_norm_eva), ("parallel ViT", parallel_blocks), ("BERT", text_model),
]  # fmt: skip


def produce_refused(checkouts: Checkouts, folder: Path) -> None:
    entries = []
    for family, build in REFUSED:
        name = f"refused_{build.__name__}"
        torch.manual_seed(zlib.crc32(name.encode()))
        generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
        model, write = build(checkouts)
        model.double()
        randomize(model, generator)
        file = write(folder / name, lambda module=model, prefix="": stored(module, prefix=prefix))
        entries.append({"name": name, "file": file, "family": family})
    (folder / "refused.json").write_text(json.dumps(entries, indent=1) + "\n")
