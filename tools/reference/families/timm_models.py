"""timm's own models, as its hub's repositories have them: model.safetensors with a config.json."""

from functools import partial

import timm.models.beit
import timm.models.deit
import timm.models.eva
import timm.models.vision_transformer
import torch
from timm.layers import RmsNorm, SwiGLU, SwiGLUPacked
from torch import nn

from cases import HEADS, PATCH, SIDE, Made, case, folder_file, normalization, tiny, torch_file, watched


def configuration(architecture: str, image=(SIDE, SIDE), **model_args) -> dict:
    """config.json; `model_args` are what a user of timm would give to create_model beside the architecture."""
    return {
        "architecture": architecture, "num_classes": 0, "num_features": tiny["embed_dim"],
        "model_args": {
            "img_size": list(image), "patch_size": PATCH, "embed_dim": tiny["embed_dim"], "depth": tiny["depth"],
            "num_heads": HEADS, "mlp_ratio": tiny["mlp_ratio"],
        } | model_args,
        "pretrained_cfg": {
            "tag": "test", "custom_load": False, "input_size": [3, *image], "fixed_input_size": True,
            "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center", "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5], "num_classes": 0, "pool_size": None, "first_conv": "patch_embed.proj",
            "classifier": "head", "license": "mit",
        },
    }  # fmt: skip


def made(
    model, architecture, image=(SIDE, SIDE), epsilon=1e-6, activation="gelu", type_of=None, norm="norm", **model_args
):
    """A model of timm with its configuration; tokens are counted as the model counts them."""
    prefix = model.num_prefix_tokens
    module = getattr(model, norm) if norm else None
    subject = watched(
        model, model.forward_features, image=image, prefix=prefix, has_class=model.cls_token is not None,
        norm=None if isinstance(module, nn.Identity) else module,
    )  # fmt: skip
    types = {} if type_of is None else {"type_of": type_of}
    return Made(
        subject, folder_file(lambda state: state(), config=configuration(architecture, image, **model_args)),
        epsilon=epsilon, activation=activation, **types,
    )  # fmt: skip


def transformer(**keywords):
    return timm.models.vision_transformer.VisionTransformer(**(tiny | keywords))


@case("timm ViT", "timm")
def timm_plain(checkouts):
    return made(transformer(num_classes=3), "vit_base_patch16_224", num_classes=3)


@case("timm ViT", "timm")
def timm_rectangular(checkouts):
    """A grid of 3 x 5, in bfloat16."""
    size = {"img_size": (9, 15)}
    return made(
        transformer(**size, num_classes=0), "vit_base_patch16_224", image=(9, 15), type_of=lambda name: torch.bfloat16
    )


@case("timm ViT", "timm")
def timm_registers(checkouts):
    """Registers beside [cls], with a position embedding of the patches alone, as DINOv2's in timm."""
    keywords = {"reg_tokens": 4, "no_embed_class": True, "init_values": 1e-5}
    return made(transformer(**keywords, num_classes=0), "vit_base_patch14_reg4_dinov2", **keywords)


@case("timm ViT", "timm")
def timm_registers_pooled(checkouts):
    """Registers without [cls], pooled by their mean behind a norm of its own, as the so400m and `reg1_gap` models."""
    keywords = {"reg_tokens": 2, "class_token": False, "no_embed_class": True, "global_pool": "avg"}
    return made(
        transformer(**keywords, num_classes=3), "vit_medium_patch16_reg4_gap_256", norm=None, num_classes=3, **keywords
    )


@case("timm ViT", "timm")
def timm_pooled(checkouts):
    """[cls] that nothing is made of: the head pools patches, and has the only last norm."""
    keywords = {"global_pool": "avg"}
    return made(
        transformer(**keywords, num_classes=3), "vit_base_patch16_224.mae", norm=None, num_classes=3, **keywords
    )


@case("timm ViT", "timm")
def timm_query_key_norm(checkouts):
    keywords = {"qk_norm": True, "class_token": False, "global_pool": "avg", "fc_norm": False}
    return made(transformer(**keywords, num_classes=0), "vit_base_patch16_qk_norm", **keywords)


@case("timm ViT", "timm")
def timm_pre_norm(checkouts):
    """CLIP's in timm: a norm in front of the blocks, no bias of the patches, and the other GELU."""
    model = transformer(
        pre_norm=True, num_classes=4, norm_layer=partial(nn.LayerNorm, eps=1e-5), act_layer="quick_gelu"
    )
    return made(
        model, "vit_base_patch16_clip_quickgelu_224", epsilon=1e-5, activation="quickGelu", num_classes=4,
        pre_norm=True, act_layer="quick_gelu",
    )  # fmt: skip


@case("timm ViT", "timm")
def timm_gated(checkouts):
    """DINOv2's giant in timm."""
    model = transformer(mlp_ratio=3, mlp_layer=SwiGLUPacked, act_layer=nn.SiLU, init_values=1e-5, num_classes=0)
    return made(model, "vit_giant_patch14_dinov2", mlp_ratio=3, init_values=1e-5)


@case("DeiT", "deit")
def deit_distilled(checkouts):
    """[cls] and a token of distillation, each with a head and a position."""
    model = timm.models.deit.VisionTransformerDistilled(**tiny, num_classes=3)
    return made(model, "deit_base_distilled_patch16_224", num_classes=3)


@case("DeiT", "timm")
def deit_three(checkouts):
    """DeiT III as its authors publish it: layer scale under its old name, and a file with `model`."""
    model = transformer(no_embed_class=True, init_values=1e-6, num_classes=3)

    def content(state):
        return {"model": {name.replace("ls1.gamma", "gamma_1").replace("ls2.gamma", "gamma_2"): value
                          for name, value in state().items()}}  # fmt: skip

    return Made(watched(model, model.forward_features), torch_file(content))


@case("BEiT", "beit")
def timm_beit(checkouts):
    """BEiT of timm, which fills the keys' bias in with zeros."""
    model = timm.models.beit.Beit(
        **tiny, num_classes=3, init_values=0.1, use_abs_pos_emb=False, use_rel_pos_bias=True, norm_layer=normalization
    )
    return made(model, "beit_base_patch16_224", norm=None, num_classes=3, init_values=0.1, use_abs_pos_emb=False,
                use_rel_pos_bias=True)  # fmt: skip


@case("EVA-02", "timm-eva")
def timm_eva02(checkouts):
    """Rotary position, SwiGLU, norms within attention and perceptron, a bias for queries and one for values."""
    keywords = {
        "qkv_fused": False, "swiglu_mlp": True, "scale_mlp": True, "scale_attn_inner": True, "use_rot_pos_emb": True,
        "ref_feat_shape": (3, 3), "mlp_ratio": 4 * 2 / 3,
    }  # fmt: skip
    model = timm.models.eva.Eva(**(tiny | keywords), num_classes=3)
    return made(model, "eva02_base_patch14_224", norm=None, num_classes=3, **keywords)


@case("EVA-02", "timm-eva")
def timm_eva02_small(checkouts):
    """The tiny and the small model: a fused projection, gates and values in one matrix, no norms within."""
    keywords = {"swiglu_mlp": True, "use_rot_pos_emb": True, "ref_feat_shape": (3, 3), "mlp_ratio": 4 * 2 / 3}
    model = timm.models.eva.Eva(**(tiny | keywords), num_classes=3)
    return made(model, "eva02_small_patch14_224", norm=None, num_classes=3, **keywords)


@case("EVA", "beit")
def timm_eva(checkouts):
    """EVA: as BEiT, with a fused projection, but a position embedding."""
    model = timm.models.eva.Eva(**tiny, num_classes=3)
    return made(model, "eva_giant_patch14_224", norm=None, num_classes=3)


@case("DINOv3", "timm-dinov3")
def timm_dinov3(checkouts):
    """DINOv3's names in timm, which drops the bias of queries, keys and values where it is zero."""
    keywords = {
        "init_values": 1e-5, "rope_type": "dinov3", "rope_temperature": 100, "rope_rotate_half": True,
        "use_rot_pos_emb": True, "use_abs_pos_emb": False, "num_reg_tokens": 4, "use_fc_norm": False,
        "swiglu_mlp": True, "swiglu_align_to": 8, "qkv_bias": False, "mlp_ratio": 3,
    }  # fmt: skip
    model = timm.models.eva.Eva(**(tiny | keywords), num_classes=0, norm_layer=partial(nn.LayerNorm, eps=1e-5))
    return made(model, "vit_small_plus_patch16_dinov3", epsilon=1e-5, **keywords)


@case("AIMv2", "timm-aimv2")
def timm_aimv2(checkouts):
    """AIMv2's names in timm: norms of the root of the mean square, one of the patches as well, and no biases."""
    norm = partial(RmsNorm, eps=1e-5)
    keywords = {"class_token": False, "fc_norm": False, "global_pool": "avg", "qkv_bias": False, "proj_bias": False}
    model = transformer(
        **keywords, act_layer=nn.SiLU, norm_layer=norm, embed_norm_layer=norm, mlp_layer=partial(SwiGLU, bias=False)
    )
    return made(model, "aimv2_large_patch14_224", epsilon=1e-5, **keywords)
