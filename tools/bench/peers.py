"""The same encoder in PyTorch: as timm runs it, and with the attention statistics of "Beyond [cls]".

Every peer is a function from images [B, 3, height, width] to what it computes of them.
"""

import argparse
import inspect
import pathlib
import sys
from functools import partial

import timm.layers
import torch
from safetensors.torch import load_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.utils.data import Dataset
from torchvision import transforms

ACTIVATIONS = {"gelu": nn.GELU, "geluTanh": partial(nn.GELU, approximate="tanh"), "quickGelu": timm.layers.QuickGELU}


def read_checkpoint(path):
    """A state dictionary, from safetensors or a PyTorch file with MAE's or timm's usual keys around it."""
    if str(path).endswith(".safetensors"):
        return load_file(path)
    # What training scripts put beside the weights; anything else is not loaded, as it could run code.
    with torch.serialization.safe_globals([argparse.Namespace, pathlib.PosixPath]):
        content = torch.load(path, map_location="cpu", weights_only=True)
    return content.get("model", content.get("state_dict", content))


def build(model, weights=None):
    """timm's Vision Transformer of a manifest's `model`; what the manifest does not say is seen in the weights."""
    names = weights or {"blocks.0.attn.qkv.bias": None, "norm.weight": None}
    patches = (model["image_height"] // model["patch_height"]) * (model["image_width"] // model["patch_width"])
    encoder = VisionTransformer(
        img_size=(model["image_height"], model["image_width"]),
        patch_size=(model["patch_height"], model["patch_width"]),
        num_classes=0,
        global_pool="token" if model["has_class_token"] else "avg",
        embed_dim=model["width"],
        depth=model["depth"],
        num_heads=model["head_count"],
        mlp_ratio=model["mlp_width"] / model["width"],
        qkv_bias="blocks.0.attn.qkv.bias" in names,
        init_values=1.0 if "blocks.0.ls1.gamma" in names else None,
        class_token=model["has_class_token"],
        reg_tokens=model["prefix_token_count"] - int(model["has_class_token"]),
        no_embed_class=weights is not None and weights["pos_embed"].shape[1] == patches,
        final_norm="norm.weight" in names,
        fc_norm=False,
        norm_layer=partial(nn.LayerNorm, eps=model["layer_norm_epsilon"]),
        act_layer=ACTIVATIONS[model["activation"]],
    ).eval()
    if weights is not None:
        encoder.load_state_dict({name: weights[name].float() for name in encoder.state_dict()})
    return encoder


def last_tokens(encoder, images):
    """[B, T, D], the output of the last block, before the final norm: what a cache stores."""
    tokens = encoder._pos_embed(encoder.patch_embed(images))
    for block in encoder.blocks:
        tokens = block(tokens)
    return tokens


def fused(encoder):
    """With scaled_dot_product_attention, which never holds the attention."""
    assert all(block.attn.fused_attn for block in encoder.blocks)
    return partial(last_tokens, encoder)


def attention_statistics(attention):
    """[B, H, T, T] -> [B, H, 8], [cls] being the first token: those of [cls], then the means over patches.

    docs/extract.md defines them.
    """
    to_patches = attention[:, :, :, 1:]
    mass = to_patches.sum(dim=3, keepdim=True) + 1e-6
    shares = to_patches / mass
    entropy = -(shares * (shares + 1e-6).log()).sum(dim=3)
    diagonal = attention.diagonal(dim1=2, dim2=3)
    adjusted = diagonal / mass[:, :, :, 0]
    of_class = [diagonal[:, :, 0], adjusted[:, :, 0], entropy[:, :, 0]]
    of_patches = [values[:, :, 1:] for values in (diagonal, adjusted, attention[:, :, 0], attention[:, :, :, 0], entropy)]
    return torch.stack(of_class + [values.mean(dim=2) for values in of_patches], dim=2)


def with_statistics(encoder):
    """With attention written out, [B, H, T, T] at a time, and its statistics, as the reference implementation does."""

    def attend(block, tokens):
        count, length, width = tokens.shape
        heads = block.attn.num_heads
        qkv = block.attn.qkv(block.norm1(tokens)).reshape(count, length, 3, heads, width // heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4)
        attention = (queries * (width // heads) ** -0.5 @ keys.transpose(2, 3)).softmax(dim=3)
        return block.attn.proj((attention @ values).transpose(1, 2).reshape(count, length, width)), attention

    def run(images):
        tokens = encoder._pos_embed(encoder.patch_embed(images))
        statistics, magnitudes = [], []
        for block in encoder.blocks:
            branch, attention = attend(block, tokens)
            ratio = branch.norm(dim=2) / (tokens.norm(dim=2) + 1e-6)
            magnitudes.append(torch.stack([ratio[:, 0], ratio[:, 1:].mean(dim=1)], dim=1))
            statistics.append(attention_statistics(attention))
            tokens = tokens + block.ls1(branch)
            tokens = tokens + block.ls2(block.mlp(block.norm2(tokens)))
        return tokens, torch.stack(statistics, dim=1), torch.stack(magnitudes, dim=1)

    return run


def seed(checkout, model, weights):
    """The encoder of a checkout of gmum/beyond_cls, which computes the statistics of every token by itself."""
    sys.path.insert(0, str(checkout))
    import models_vit

    def block(**options):
        # Later versions of timm pass options that the checkout does not have; they change nothing here.
        known = inspect.signature(models_vit.Block).parameters
        return models_vit.Block(**{name: value for name, value in options.items() if name in known})

    encoder = models_vit.VisionTransformer(
        block_fn=block, oracle=False, img_size=model["image_height"], patch_size=model["patch_height"],
        embed_dim=model["width"], depth=model["depth"], num_heads=model["head_count"],
        mlp_ratio=model["mlp_width"] / model["width"], qkv_bias=True, num_classes=10,
        norm_layer=partial(nn.LayerNorm, eps=model["layer_norm_epsilon"]),
    ).eval()  # fmt: skip
    missing = encoder.load_state_dict(weights, strict=False).missing_keys
    assert all(name.startswith("head.") for name in missing), missing

    def run(images):
        features, by_token, norms = encoder.forward_features(images)
        of_class = by_token[[0, 1, 4], :, :, :, 0]
        of_patches = by_token[..., 1:].mean(dim=4)
        ratio = norms[1] / (norms[0] + 1e-6)
        return features, of_class, of_patches, ratio[:, :, 0], ratio[:, :, 1:].mean(dim=2)

    return encoder, run


def preprocessing(resize, crop, mean, std, interpolation="bicubic"):
    """From Pillow's image to an encoder's input, as torchvision does it."""
    return transforms.Compose([
        transforms.Resize(resize, transforms.InterpolationMode(interpolation)),
        transforms.CenterCrop(crop),
        transforms.ToTensor(),
        transforms.Normalize(mean, std),
    ])


IMAGENET = preprocessing(256, 224, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


class Images(Dataset):
    """Inputs of an encoder, decoded when they are asked for."""

    def __init__(self, paths, transform=IMAGENET):
        self.paths, self.transform = paths, transform

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        from PIL import Image

        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert("RGB"))
