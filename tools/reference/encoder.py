"""Writes Tests/Fixtures/encoder: small random Vision Transformers, and what PyTorch makes of an image.

    python tools/reference/encoder.py          (torch 2.13, timm 1.0.31)

One safetensors file a model. Its metadata hold the configuration; its tensors are

    weights.*             the model's weights under timm's names, in the type that they are stored in
    pixels                [C, height, width]
    tokens                [L, T, D], the output of every block, before the final norm
    normalized            [T, D], the last block's output after the final norm, where the model has one
    attention_statistics  [L, H, 8]; NaN where the model has no [cls] to measure
    magnitudes            [L, 2]; the same
    class_attention       [H, P], where the model has [cls]
    center_attention      [4, P]

The tokens are timm's own; the statistics are written out from their definitions. Everything is computed in float64 from
the stored weights, so that the tests' tolerances (tokens 1e-5 relative, statistics 1e-5 absolute) are of the encoder's
arithmetic alone. Weights are far larger than at the start of a training, so that attention is uneven.
"""

import json
import math
from functools import partial
from pathlib import Path

import timm.layers
import torch
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "encoder"


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


ACTIVATIONS = {
    "gelu": nn.GELU,
    "geluTanh": lambda: nn.GELU(approximate="tanh"),
    "quickGelu": QuickGELU,
}


def build(configuration, no_embed_class):
    c = configuration
    return VisionTransformer(
        img_size=(c["imageHeight"], c["imageWidth"]),
        patch_size=(c["patchHeight"], c["patchWidth"]),
        in_chans=c["channelCount"],
        num_classes=0,
        global_pool="token" if c["hasClassToken"] else "avg",
        embed_dim=c["width"],
        depth=c["depth"],
        num_heads=c["headCount"],
        mlp_ratio=c["mlpWidth"] / c["width"],
        qkv_bias=c["hasQKVBias"],
        init_values=1.0 if c["hasLayerScale"] else None,
        class_token=c["hasClassToken"],
        no_embed_class=no_embed_class,
        final_norm=c["hasFinalNorm"],
        fc_norm=False,
        norm_layer=partial(nn.LayerNorm, eps=c["layerNormEpsilon"]),
        act_layer=ACTIVATIONS[c["activation"]],
    ).eval()


def randomize(model, generator, dtype):
    """Weights in the type that they will be stored in."""
    weights = {}
    for name, value in model.state_dict().items():
        noise = torch.randn(value.shape, generator=generator, dtype=torch.float64)
        if value.ndim >= 2 and name.endswith("weight"):
            gain = 1.5 if "qkv" in name else 1.0
            noise *= gain / math.sqrt(value[0].numel())
        elif "norm" in name and name.endswith("weight"):
            noise = 1 + 0.3 * noise
        elif name.endswith("gamma"):
            noise = 0.5 + 0.2 * noise
        else:
            noise *= 0.5
        weights[name] = noise.to(dtype)
    return weights


def central_range(side, count):
    """As the reference implementation slices a square grid; axes too short for that give what they have."""
    start = max(0, count // 2 - math.ceil(side / 2))
    end = min(count, count // 2 + math.floor(side / 2))
    return range(start, max(start + 1, end))


def measure(attention, prefix):
    """attention: [H, T, T]. Returns [H, 8]."""
    to_patches = attention[:, :, prefix:]
    mass = to_patches.sum(dim=2)
    share = to_patches / (mass[:, :, None] + 1e-6)
    entropy = -(share * torch.log(share + 1e-6)).sum(dim=2)
    diagonal = attention.diagonal(dim1=1, dim2=2)
    adjusted = diagonal / (mass + 1e-6)
    absent = torch.full((attention.shape[0],), float("nan"), dtype=attention.dtype)
    has_class = prefix > 0
    return torch.stack(
        [
            diagonal[:, 0] if has_class else absent,
            diagonal[:, prefix:].mean(dim=1),
            adjusted[:, 0] if has_class else absent,
            adjusted[:, prefix:].mean(dim=1),
            attention[:, 0, prefix:].mean(dim=1) if has_class else absent,
            attention[:, prefix:, 0].mean(dim=1) if has_class else absent,
            entropy[:, 0] if has_class else absent,
            entropy[:, prefix:].mean(dim=1),
        ],
        dim=1,
    )


def attend(block, tokens, head_count):
    """The attention branch of a block: its attention, [H, T, T], and its output, [T, D]."""
    count, width = tokens.shape
    qkv = block.attn.qkv(block.norm1(tokens)).reshape(count, 3, head_count, width // head_count)
    q, k, v = qkv.permute(1, 2, 0, 3)
    attention = ((q / math.sqrt(width // head_count)) @ k.transpose(1, 2)).softmax(dim=2)
    return attention, block.attn.proj((attention @ v).transpose(0, 1).reshape(count, width))


@torch.no_grad()
def reference(model, configuration, pixels):
    prefix = 1 if configuration["hasClassToken"] else 0
    grid = (
        configuration["imageHeight"] // configuration["patchHeight"],
        configuration["imageWidth"] // configuration["patchWidth"],
    )
    x = model._pos_embed(model.patch_embed(pixels[None]))[0]
    tokens, statistics, magnitudes = [], [], []
    for block in model.blocks:
        attention, branch = attend(block, x, configuration["headCount"])
        torch.testing.assert_close(branch, block.attn(block.norm1(x)[None])[0])
        ratio = branch.norm(dim=1) / (x.norm(dim=1) + 1e-6)
        of_class = ratio[0] if prefix else torch.tensor(float("nan"), dtype=x.dtype)
        magnitudes.append(torch.stack([of_class, ratio[prefix:].mean()]))
        statistics.append(measure(attention, prefix))
        x = block(x[None])[0]
        tokens.append(x)
    torch.testing.assert_close(model.norm(x), model.forward_features(pixels[None])[0])

    rows = attention.mean(dim=0)[prefix:, prefix:].reshape(*grid, -1)
    center = [
        rows[list(central_range(side, grid[0]))][:, list(central_range(side, grid[1]))].mean(dim=(0, 1))
        for side in (1, 2, 3, 4)
    ]
    result = {
        "tokens": torch.stack(tokens),
        "attention_statistics": torch.stack(statistics),
        "magnitudes": torch.stack(magnitudes),
        "center_attention": torch.stack(center),
    }
    if prefix:
        result["class_attention"] = attention[:, 0, prefix:].contiguous()
    if configuration["hasFinalNorm"]:
        result["normalized"] = model.norm(x)
    return result


def write(name, seed, dtype=torch.float32, no_embed_class=False, **changes):
    configuration = {
        "imageHeight": 32, "imageWidth": 32, "patchHeight": 8, "patchWidth": 8, "channelCount": 3, "width": 24,
        "depth": 3, "headCount": 3, "mlpWidth": 96, "hasClassToken": True, "layerNormEpsilon": 1e-6,
        "activation": "gelu", "hasLayerScale": False, "hasQKVBias": True, "hasFinalNorm": True,
    } | changes  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    model = build(configuration, no_embed_class)
    weights = randomize(model, generator, dtype)
    model.double().load_state_dict({key: value.double() for key, value in weights.items()})
    shape = (configuration["channelCount"], configuration["imageHeight"], configuration["imageWidth"])
    pixels = torch.randn(shape, generator=generator)
    result = reference(model, configuration, pixels.double())
    tensors = {f"weights.{key}": value for key, value in weights.items()}
    tensors |= {key: value.float() for key, value in result.items()} | {"pixels": pixels}
    save_file(tensors, FOLDER / f"{name}.safetensors", {"configuration": json.dumps(configuration)})


def main():
    timm.layers.set_fused_attn(False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("plain", 1)
    # A rectangular grid of odd patches; the square root of a head's width is no power of two.
    write(
        "rectangular", 2, torch.bfloat16, imageHeight=21, imageWidth=35, patchHeight=7, patchWidth=7, headCount=2,
        hasLayerScale=True, hasQKVBias=False, activation="geluTanh", depth=2,
    )  # fmt: skip
    write(
        "no_class_token", 3, torch.float16, imageHeight=24, imageWidth=30, patchHeight=6, patchWidth=5,
        hasClassToken=False, layerNormEpsilon=1e-5, activation="quickGelu", depth=2,
    )  # fmt: skip
    # Pixels that fill no patch, a grid narrower than the largest central region, [cls] without a position.
    write(
        "odd_sizes", 4, torch.float64, no_embed_class=True, imageHeight=23, imageWidth=19, patchHeight=3,
        patchWidth=9, channelCount=1, width=15, depth=2, headCount=5, mlpWidth=37, hasFinalNorm=False,
    )  # fmt: skip


if __name__ == "__main__":
    main()
