"""Writes Tests/Fixtures/encoder: small random Vision Transformers, and what PyTorch makes of an image.

    python tools/reference/encoder.py          (torch 2.15, timm 1.0.31)

One safetensors file a model. Its metadata hold the configuration; its tensors are

    weights.*             the model's weights under the encoder's names, in the type that they are stored in
    pixels                [C, height, width]
    tokens                [L, T, D], the output of every block, before the final norm
    normalized            [T, D], the last block's output after the final norm, where the model has one
    attention_statistics  [L, H, 8]; NaN where the model has no [cls] to measure
    magnitudes            [L, 2]; the same
    class_attention       [H, P], where the model has [cls]
    center_attention      [4, P]

Tokens and attention are those of timm's own forward pass, which hooks look into; the statistics are written out from their
definitions. Everything is computed in float64 from the stored weights, so that the tests' tolerances (tokens 1e-5 relative,
statistics 1e-5 absolute) are of the encoder's arithmetic alone. Weights are far larger than at the start of a training, so
that attention is uneven.
"""

import json
import math
from functools import partial
from pathlib import Path

import timm.layers
import torch
from safetensors.torch import save_file
from timm.models.beit import Beit
from timm.models.eva import Eva
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


def norm_layer(c):
    kind = nn.LayerNorm if c["parts"]["normKind"] == "layer" else timm.layers.RmsNorm
    return partial(kind, eps=c["layerNormEpsilon"])


def sizes(c):
    return dict(
        img_size=(c["imageHeight"], c["imageWidth"]),
        patch_size=(c["patchHeight"], c["patchWidth"]),
        in_chans=c["channelCount"],
        num_classes=0,
        embed_dim=c["width"],
        depth=c["depth"],
        num_heads=c["headCount"],
        mlp_ratio=c["mlpWidth"] / c["width"],
        norm_layer=norm_layer(c),
        qkv_bias=c["parts"]["hasQKVBias"],
        init_values=1.0 if c["parts"]["hasLayerScale"] else None,
    )


def build_plain(c, no_embed_class=False):
    parts = c["parts"]
    gated = dict(mlp_layer=partial(timm.layers.SwiGLU, bias=parts["hasPerceptronBias"]), act_layer=nn.SiLU)
    return VisionTransformer(
        **sizes(c),
        **(gated if parts["isGated"] else {"act_layer": ACTIVATIONS[c["activation"]]}),
        global_pool="token" if parts["hasClassToken"] else "avg",
        class_token=parts["hasClassToken"],
        reg_tokens=parts["registerCount"],
        no_embed_class=no_embed_class,
        qk_norm=parts["hasQueryKeyNorm"],
        proj_bias=parts["hasProjectionBias"],
        pre_norm=parts["hasInputNorm"],
        embed_norm_layer=norm_layer(c) if parts["hasPatchNorm"] else None,
        final_norm=parts["hasFinalNorm"],
        fc_norm=False,
    )


def build_beit(c):
    parts = c["parts"]
    return Beit(
        **sizes(c),
        use_abs_pos_emb=parts["hasPositionEmbedding"],
        use_rel_pos_bias=parts["relativePosition"] == "perBlock",
        use_shared_rel_pos_bias=parts["relativePosition"] == "shared",
        use_fc_norm=False,
    )


def build_eva(c, reference_grid=None):
    parts = c["parts"]
    is_centered = "centered" in c["rotary"]["coordinates"]
    return Eva(
        **sizes(c),
        swiglu_mlp=parts["isGated"],
        scale_mlp=parts["hasPerceptronNorm"],
        scale_attn_inner=parts["hasAttentionNorm"],
        qk_norm=parts["hasQueryKeyNorm"],
        class_token=parts["hasClassToken"],
        num_reg_tokens=parts["registerCount"],
        use_abs_pos_emb=parts["hasPositionEmbedding"],
        use_rot_pos_emb=True,
        rope_type="dinov3" if is_centered else "cat",
        rope_temperature=c["rotary"]["frequencies"]["powers"]["base"],
        rope_rotate_half=c["rotary"]["pairing"] == "halves",
        ref_feat_shape=reference_grid,
        use_fc_norm=False,
    )


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
        elif "gamma" in name:
            noise = 0.5 + 0.2 * noise
        elif "bias_table" in name:
            noise *= 1.5
        else:
            noise *= 0.5
        weights[name] = noise.to(dtype)
    return weights


def central_range(side, count):
    """As the reference implementation slices a square grid; axes too short for that give what they have."""
    start = max(0, count // 2 - math.ceil(side / 2))
    end = min(count, count // 2 + math.floor(side / 2))
    return range(start, max(start + 1, end))


def measure(attention, prefix, has_class):
    """attention: [H, T, T]. Returns [H, 8]."""
    to_patches = attention[:, :, prefix:]
    mass = to_patches.sum(dim=2)
    share = to_patches / (mass[:, :, None] + 1e-6)
    entropy = -(share * torch.log(share + 1e-6)).sum(dim=2)
    diagonal = attention.diagonal(dim1=1, dim2=2)
    adjusted = diagonal / (mass + 1e-6)
    absent = torch.full((attention.shape[0],), float("nan"), dtype=attention.dtype)
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


class Recorder:
    """Looks into a forward pass: what blocks take and give, what their attention branches give, and the attention."""

    def __init__(self, blocks):
        self.inputs, self.outputs, self.branches, self.attention = [], [], [], []
        for block in blocks:
            block.register_forward_pre_hook(lambda _, inputs: self.inputs.append(inputs[0][0]))
            block.register_forward_hook(lambda _, inputs, output: self.outputs.append(output[0]))
            block.attn.register_forward_hook(lambda _, inputs, output: self.branches.append(output[0]))

    def run(self, model, pixels):
        softmax = torch.Tensor.softmax

        def recording(tensor, *arguments, **options):
            result = softmax(tensor, *arguments, **options)
            self.attention.append(result[0])
            return result

        torch.Tensor.softmax = recording
        try:
            return model.forward_features(pixels[None])[0]
        finally:
            torch.Tensor.softmax = softmax


@torch.no_grad()
def reference(model, configuration, pixels):
    parts = configuration["parts"]
    has_class = parts["hasClassToken"]
    prefix = has_class + parts["registerCount"]
    grid = (
        configuration["imageHeight"] // configuration["patchHeight"],
        configuration["imageWidth"] // configuration["patchWidth"],
    )
    recorder = Recorder(model.blocks)
    normalized = recorder.run(model, pixels)
    statistics = [measure(attention, prefix, has_class) for attention in recorder.attention]
    magnitudes = []
    for x, branch in zip(recorder.inputs, recorder.branches, strict=True):
        ratio = branch.norm(dim=1) / (x.norm(dim=1) + 1e-6)
        of_class = ratio[0] if has_class else torch.tensor(float("nan"), dtype=x.dtype)
        magnitudes.append(torch.stack([of_class, ratio[prefix:].mean()]))

    attention = recorder.attention[-1]
    rows = attention.mean(dim=0)[prefix:, prefix:].reshape(*grid, -1)
    center = [
        rows[list(central_range(side, grid[0]))][:, list(central_range(side, grid[1]))].mean(dim=(0, 1))
        for side in (1, 2, 3, 4)
    ]
    result = {
        "tokens": torch.stack(recorder.outputs),
        "attention_statistics": torch.stack(statistics),
        "magnitudes": torch.stack(magnitudes),
        "center_attention": torch.stack(center),
    }
    if has_class:
        result["class_attention"] = attention[:, 0, prefix:].contiguous()
    if parts["hasFinalNorm"]:
        result["normalized"] = normalized
    return result


def encoder_names(weights):
    """From timm's names to the encoder's: one bias of queries, keys and values; one matrix of gates and values."""
    renamed = {}
    for name, value in weights.items():
        name = name.replace("gamma_1", "ls1.gamma").replace("gamma_2", "ls2.gamma")
        if name.endswith("q_bias"):
            keys = torch.zeros_like(value)
            renamed[name.replace("q_bias", "qkv.bias")] = torch.cat(
                [value, keys, weights[name.replace("q_bias", "v_bias")]]
            )
        elif "fc1_g" in name:
            renamed[name.replace("fc1_g", "fc1")] = torch.cat([value, weights[name.replace("fc1_g", "fc1_x")]])
        elif not name.endswith("v_bias") and "fc1_x" not in name:
            renamed[name] = value
    return renamed


PARTS = {
    "hasClassToken": True, "registerCount": 0, "hasPositionEmbedding": True, "hasPatchBias": True,
    "hasPatchNorm": False, "hasInputNorm": False, "normKind": "layer", "hasQKVBias": True,
    "hasQueryKeyNorm": False, "relativePosition": None, "hasAttentionNorm": False, "hasProjectionBias": True,
    "hasLayerScale": False, "isGated": False, "hasPerceptronBias": True, "hasPerceptronNorm": False,
    "hasFinalNorm": True,
}  # fmt: skip


def rotary(pairing, coordinates, base):
    return {
        "pairing": pairing,
        "coordinates": coordinates,
        "frequencies": {"powers": {"base": base}},
        "turnsRegisters": False,
    }


def write(name, seed, dtype=torch.float32, build=build_plain, parts={}, **changes):
    configuration = {
        "imageHeight": 32, "imageWidth": 32, "patchHeight": 8, "patchWidth": 8, "channelCount": 3, "width": 24,
        "depth": 3, "headCount": 3, "mlpWidth": 96, "layerNormEpsilon": 1e-6, "activation": "gelu",
        "parts": PARTS | parts,
    } | changes  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    model = build(configuration).eval()
    weights = randomize(model, generator, dtype)
    model.double().load_state_dict({key: value.double() for key, value in weights.items()})
    shape = (configuration["channelCount"], configuration["imageHeight"], configuration["imageWidth"])
    pixels = torch.randn(shape, generator=generator)
    result = reference(model, configuration, pixels.double())
    tensors = {f"weights.{key}": value for key, value in encoder_names(weights).items()}
    tensors |= {key: value.float() for key, value in result.items()} | {"pixels": pixels}
    save_file(tensors, FOLDER / f"{name}.safetensors", {"configuration": json.dumps(configuration)})


def main():
    timm.layers.set_fused_attn(False)
    FOLDER.mkdir(parents=True, exist_ok=True)
    write("plain", 1)
    # A rectangular grid of odd patches; the square root of a head's width is no power of two.
    write(
        "rectangular", 2, torch.bfloat16, imageHeight=21, imageWidth=35, patchHeight=7, patchWidth=7, headCount=2,
        activation="geluTanh", depth=2, parts={"hasLayerScale": True, "hasQKVBias": False},
    )  # fmt: skip
    write(
        "no_class_token", 3, torch.float16, imageHeight=24, imageWidth=30, patchHeight=6, patchWidth=5,
        layerNormEpsilon=1e-5, activation="quickGelu", depth=2, parts={"hasClassToken": False},
    )  # fmt: skip
    # Pixels that fill no patch, a grid narrower than the largest central region, [cls] without a position.
    write(
        "odd_sizes", 4, torch.float64, partial(build_plain, no_embed_class=True), imageHeight=23, imageWidth=19,
        patchHeight=3, patchWidth=9, channelCount=1, width=15, depth=2, headCount=5, mlpWidth=37,
        parts={"hasFinalNorm": False},
    )  # fmt: skip
    # Registers behind [cls] and by themselves, with and without positions of their own; norms before the first block
    # and of queries and keys.
    write(
        "registers", 5, depth=2, mlpWidth=40, patchHeight=8, patchWidth=16,
        parts={"registerCount": 3, "hasInputNorm": True, "hasQueryKeyNorm": True, "hasPatchBias": False},
    )  # fmt: skip
    write(
        "registers_alone", 6, build=partial(build_plain, no_embed_class=True), depth=2, mlpWidth=40,
        parts={"hasClassToken": False, "registerCount": 2},
    )  # fmt: skip
    # As BEiT: relative positions on an oblong grid, of each block or of all.
    of_beit = {"hasLayerScale": True, "hasPositionEmbedding": False}
    write(
        "relative", 7, build=build_beit, depth=2, mlpWidth=40, imageHeight=24, imageWidth=40,
        parts=of_beit | {"relativePosition": "perBlock"},
    )  # fmt: skip
    write(
        "relative_shared", 8, build=build_beit, depth=2, mlpWidth=40, imageHeight=40, imageWidth=24,
        parts={"relativePosition": "shared", "hasPositionEmbedding": True},
    )  # fmt: skip
    # As EVA-02: pairs of neighbours turn, on a grid of another size than that of the training; norms inside both branches.
    write(
        "rotary", 9, build=partial(build_eva, reference_grid=(4, 4)), depth=2, mlpWidth=40, imageHeight=24, imageWidth=40,
        parts={"isGated": True, "hasPerceptronNorm": True, "hasAttentionNorm": True},
        rotary=rotary("interleaved", {"steps": {"reference": 4}}, 10000),
    )  # fmt: skip
    # As DINOv3: halves turn, by the place between the borders; no position embedding.
    write(
        "rotary_centered", 10, build=build_eva, depth=2, mlpWidth=40, imageHeight=24, imageWidth=40,
        parts={
            "isGated": True, "registerCount": 2, "hasLayerScale": True, "hasPositionEmbedding": False,
        },
        rotary=rotary("halves", {"centered": {}}, 100),
    )  # fmt: skip
    write(
        "rotary_normalized", 11, build=build_eva, depth=2, mlpWidth=40, width=32, headCount=2,
        parts={"hasQueryKeyNorm": True, "hasPositionEmbedding": False, "hasClassToken": False},
        rotary=rotary("interleaved", {"steps": {}}, 100),
    )  # fmt: skip
    # As AIMv2: norms by the root of the mean square, no biases, a gate.
    write(
        "root_mean_square", 12, depth=2, mlpWidth=40, layerNormEpsilon=1e-5,
        parts={
            "hasClassToken": False, "normKind": "rootMeanSquare", "hasPatchNorm": True, "hasQKVBias": False,
            "hasProjectionBias": False, "hasPerceptronBias": False, "isGated": True,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
