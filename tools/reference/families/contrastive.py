"""Image towers of models that learn from texts: CLIP, open_clip, SigLIP; and AIMv2."""

import open_clip
import timm.models.vision_transformer
import torch
from torch import nn

from cases import DEPTH, HEADS, PATCH, SIDE, WIDTH, Made, case, folder_file, tiny, torch_file, watched
from timm_models import made as made_by_timm

text_sizes = {"context_length": 6, "vocab_size": 12}


def clip_subject(visual, tokens_first):
    blocks = list(visual.transformer.resblocks)
    return watched(visual, blocks=blocks, norm=visual.ln_post, tokens_first=tokens_first)


@case("CLIP", "openai-clip")
def openai_clip(checkouts):
    """The state dict of OpenAI's TorchScript: both towers, matrices in half precision, and three sizes among them."""
    source = checkouts.load("CLIP", "model", under=("clip",))
    # Its layer norm turns everything to float32 first, which is for models in half precision.
    source.LayerNorm.forward = nn.LayerNorm.forward
    model = source.CLIP(
        8, SIDE, 1, 64, PATCH, **text_sizes, transformer_width=8, transformer_heads=2, transformer_layers=1
    )
    # The constructor knows vision towers with heads that are 64 wide alone.
    model.visual = source.VisionTransformer(SIDE, PATCH, WIDTH, DEPTH, HEADS, 8)
    source.convert_weights(model)
    types = {name: value.dtype for name, value in model.state_dict().items()}

    def content(state):
        sizes = {"input_resolution": SIDE} | text_sizes
        return state(model) | {name: torch.tensor(size) for name, size in sizes.items()}

    return Made(
        clip_subject(model.visual, tokens_first=True), torch_file(content), modules=[model], epsilon=1e-5,
        activation="quickGelu", type_of=lambda name: types[name],
    )  # fmt: skip


def open_clip_configuration(**vision) -> dict:
    return {
        "model_cfg": {
            "embed_dim": 8,
            "vision_cfg": {"image_size": SIDE, "layers": DEPTH, "width": WIDTH, "patch_size": PATCH,
                           "head_width": WIDTH // HEADS, "mlp_ratio": 1.5} | vision,
            "text_cfg": text_sizes | {"width": 8, "heads": 2, "layers": 1},
        },
        "preprocess_cfg": {
            "mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711],
            "interpolation": "bicubic", "resize_mode": "shortest",
        },
    }  # fmt: skip


@case("open_clip", "open_clip")
def open_clip_hub(checkouts):
    """As on the hub: safetensors and its own configuration."""
    configuration = open_clip_configuration(ls_init_value=1e-4)
    model = open_clip.CLIP(**configuration["model_cfg"])
    return Made(
        clip_subject(model.visual, tokens_first=False),
        folder_file(
            lambda state: state(model), file="open_clip_model.safetensors", open_clip_config=configuration
        ),
        modules=[model], epsilon=1e-5,
    )  # fmt: skip


@case("open_clip", "open_clip")
def open_clip_training(checkouts):
    """As the training saves it, of a model with OpenAI's activation; the user says which."""
    model = open_clip.CLIP(**open_clip_configuration()["model_cfg"], quick_gelu=True)
    return Made(
        clip_subject(model.visual, tokens_first=False),
        torch_file(lambda state: {"epoch": 32, "name": "run", "state_dict": state(model, "module.")}),
        modules=[model], epsilon=1e-5, activation="quickGelu", options={"activation": "quickGelu"},
    )  # fmt: skip


def siglip_of_timm(**changes):
    keywords = {"class_token": False, "global_pool": "map"} | changes
    return timm.models.vision_transformer.VisionTransformer(**tiny, **keywords)


@case("open_clip", "siglip")
def open_clip_trunk(checkouts):
    """A tower of timm in open_clip, as SigLIP's have it: `visual.trunk`."""
    trunk = siglip_of_timm(num_classes=0)
    model = nn.Module()
    model.visual = nn.Module()
    model.visual.trunk = trunk
    model.text = open_clip.transformer.TextTransformer(
        **text_sizes,
        width=8,
        heads=2,
        layers=1,
        output_dim=WIDTH,
        no_causal_mask=True,
        proj_bias=True,
        pool_type="last",
    )
    model.logit_scale = nn.Parameter(torch.tensor(2.25))
    model.logit_bias = nn.Parameter(torch.tensor(-10.0))
    configuration = open_clip_configuration()
    configuration["model_cfg"]["vision_cfg"] = {
        "image_size": SIDE, "timm_model_name": "vit_base_patch16_siglip_224", "timm_model_pretrained": False,
        "timm_pool": "map", "timm_proj": "none",
    }  # fmt: skip
    configuration["preprocess_cfg"] |= {"mean": [0.5] * 3, "std": [0.5] * 3, "resize_mode": "squash"}
    return Made(
        watched(trunk, prefix=0, has_class=False),
        folder_file(lambda state: state(model), file="open_clip_model.safetensors", open_clip_config=configuration),
        modules=[model],
        # The name that the configuration has is that of a model of another size.
        options={"num_heads": HEADS},
    )  # fmt: skip


@case("SigLIP", "siglip")
def timm_siglip(checkouts):
    """timm's: no [cls], pooled by attention. In float16."""
    keywords = {"class_token": False, "global_pool": "map"}
    return made_by_timm(
        siglip_of_timm(num_classes=0), "vit_base_patch16_siglip_224", type_of=lambda name: torch.float16, **keywords
    )


def aimv2_configuration(**more) -> dict:
    return {
        "architectures": ["AIMv2Model"], "model_type": "aimv2", "hidden_size": WIDTH, "intermediate_size": 24,
        "num_attention_heads": HEADS, "num_hidden_layers": DEPTH, "num_channels": 3, "image_size": SIDE,
        "patch_size": PATCH, "rms_norm_eps": 1e-5, "attention_dropout": 0.0, "projection_dropout": 0.0,
        "qkv_bias": False, "use_bias": False, "torch_dtype": "float32",
    } | more  # fmt: skip


def aimv2_model(checkouts, **changes):
    source = checkouts.load("ml-aim", "aim.v2.torch.models", under=("aim-v1", "aim-v2"))
    return source.AIMv2VisionEncoder(
        img_size=SIDE,
        patch_size=PATCH,
        embed_dim=WIDTH,
        mlp_hidden_dim=24,
        num_blocks=DEPTH,
        num_heads=HEADS,
        **changes,
    )


def aimv2_subject(model):
    blocks, norm = list(model.trunk.blocks), model.trunk.post_trunk_norm
    return watched(model, blocks=blocks, norm=norm, prefix=0, has_class=False)


@case("AIMv2", "aimv2")
def aimv2(checkouts):
    model = aimv2_model(checkouts)
    return Made(aimv2_subject(model), folder_file(lambda state: state(), config=aimv2_configuration()), epsilon=1e-5)


@case("AIMv2", "aimv2")
def aimv2_native(checkouts):
    """Trained on images of any size: positions are computed, and not in the file."""
    model = aimv2_model(checkouts, pos_embed_type="sincos", head_type="attention-pool", head_num_heads=2)
    return Made(
        aimv2_subject(model),
        folder_file(lambda state: state(), config=aimv2_configuration(is_native=True)),
        epsilon=1e-5,
    )
