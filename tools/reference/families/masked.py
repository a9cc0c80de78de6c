"""Masked image modelling: MAE, SimMIM, BEiT and BEiT v2, data2vec, I-JEPA, CAPI."""

from contextlib import contextmanager
from unittest import mock

import numpy as np
import timm.models.vision_transformer
import torch
from torch import nn

from cases import DEPTH, HEADS, PATCH, SIDE, WIDTH, Made, case, normalization, tiny, torch_file, watched
from weights import arguments, optimizer_state, yacs_node


@contextmanager
def packages_of_the_time():
    """MAE's model calls timm's block and numpy's float as they were when it was written."""
    block = timm.models.vision_transformer.Block

    def block_of_the_time(*values, qk_scale=None, **keywords):
        return block(*values, **keywords)

    with (
        mock.patch.object(timm.models.vision_transformer, "Block", block_of_the_time),
        mock.patch.object(np, "float", float, create=True),
    ):
        yield


def mae_model(checkouts, **sizes):
    decoder = {"decoder_embed_dim": 8, "decoder_depth": 1, "decoder_num_heads": 2}
    with packages_of_the_time():
        source = checkouts.load("mae", "models_mae")
        model = source.MaskedAutoencoderViT(**(tiny | decoder | sizes), norm_layer=normalization)

    def encode(images):
        # Everything is visible, in its own order.
        with mock.patch.object(model, "random_masking", lambda x, _: (x, None, None)):
            return model.forward_encoder(images, 0)

    return model, encode


@case("MAE", "mae")
def mae_pretraining(checkouts):
    """As the training leaves it: with decoder, optimizer and arguments."""
    model, encode = mae_model(checkouts)
    return Made(
        watched(model, encode),
        torch_file(
            lambda state: {
                "model": state(), "optimizer": optimizer_state(), "epoch": 399, "scaler": {"scale": 65536.0},
                "args": arguments(model="mae_vit_base_patch16", mask_ratio=0.75, norm_pix_loss=True),
            }
        ),
    )  # fmt: skip


@case("MAE", "timm")
def mae_encoder(checkouts):
    """As it is published: the encoder alone."""
    model, encode = mae_model(checkouts)
    decoder = ("decoder", "mask_token")

    def content(state):
        return {"model": {name: value for name, value in state().items() if not name.startswith(decoder)}}

    return Made(watched(model, encode), torch_file(content))


@case("MAE", "timm")
def mae_fine_tuned(checkouts):
    """Mean-pooled, with a norm behind the pooling in place of the final norm."""
    vit = checkouts.load("mae", "models_vit")
    model = vit.VisionTransformer(global_pool=True, qkv_bias=True, num_classes=3, norm_layer=normalization, **tiny)
    # timm of today reads `global_pool`, which MAE keeps a truth value in, only in forward_head.
    return Made(
        watched(model, model.forward_features, norm=None),
        torch_file(lambda state: {"model": state(), "epoch": 99, "args": arguments(model="vit_base_patch16")}),
    )


@case("EVA-02", "eva")
def eva02(checkouts):
    """Fine-tuned, under its own names: rotary position on a grid of another size, norms within both branches."""
    stubs = {
        "timm.models.layers": {name: getattr(timm.layers, name) for name in ("drop_path", "to_2tuple", "trunc_normal_")},
        "timm.models.registry": {"register_model": lambda build: build},
        "xformers": {}, "xformers.ops": {}, "apex": {}, "apex.normalization": {"FusedLayerNorm": nn.LayerNorm},
    }  # fmt: skip
    source = checkouts.load("EVA", "modeling_finetune", under=("EVA-02/asuka",), stubs=stubs)
    model = source.VisionTransformer(
        **(tiny | {"mlp_ratio": 4 * 2 / 3}), num_classes=3, qkv_bias=True, norm_layer=normalization, subln=True,
        naiveswiglu=True, rope=True, intp_freq=True, use_checkpoint=False,
    )  # fmt: skip
    for block in model.blocks:
        block.attn.qk_float = False
    return Made(watched(model, model.forward_features, norm=None), torch_file(lambda state: {"module": state()}))


def simmim_model(checkouts, fine_tuned: bool, **changes):
    # Importing its package would import its Swin as well, which needs nothing more.
    models = checkouts.load("SimMIM", "models.simmim")
    keywords = {
        "qkv_bias": True, "init_values": 0.1, "use_abs_pos_emb": False, "norm_layer": normalization,
    } | tiny | changes  # fmt: skip
    if fine_tuned:
        transformer = models.VisionTransformer
        return transformer(num_classes=3, use_mean_pooling=True, use_rel_pos_bias=True, **keywords)
    encoder = models.VisionTransformerForSimMIM(
        num_classes=0, use_mean_pooling=False, use_shared_rel_pos_bias=True, **keywords
    )
    return models.SimMIM(encoder, encoder_stride=PATCH)


def simmim_configuration(phase: str):
    return yacs_node({"MODEL": {"TYPE": "vit", "NAME": f"simmim_{phase}", "VIT": {"EMBED_DIM": WIDTH}}})


@case("SimMIM", "simmim")
def simmim_pretraining(checkouts):
    model = simmim_model(checkouts, fine_tuned=False)
    encoder, visible = model.encoder, torch.zeros(1, SIDE // PATCH, SIDE // PATCH)
    return Made(
        watched(encoder, lambda images: encoder(images, visible)),
        torch_file(
            lambda state: {
                "model": state(model), "optimizer": optimizer_state(), "lr_scheduler": {}, "max_accuracy": 0.0,
                "epoch": 799, "config": simmim_configuration("pretrain"),
                "amp": {"loss_scaler0": {"loss_scale": 65536.0}},
            }
        ),
        modules=[model],
    )  # fmt: skip


@case("SimMIM", "beit")
def simmim_fine_tuned(checkouts):
    """A relative position bias of each block, mean-pooled behind it."""
    model = simmim_model(checkouts, fine_tuned=True)
    return Made(
        watched(model, norm=None),
        torch_file(lambda state: {"model": state(), "epoch": 99, "config": simmim_configuration("finetune")}),
    )


beit_stubs = {
    "timm.models.registry": {"register_model": lambda build: build},
}


def beit_model(checkouts, version: str, module: str, name: str, **changes):
    # BEiT asks for `_cfg` only to describe its published models.
    source = checkouts.load("unilm", module, under=(version,), stubs=beit_stubs)
    keywords = {
        "qkv_bias": True, "init_values": 0.1, "norm_layer": normalization, "use_abs_pos_emb": False,
    } | tiny | changes  # fmt: skip
    return getattr(source, name)(**keywords)


@case("BEiT", "beit")
def beit_pretraining(checkouts):
    """One relative position bias for all blocks, and the head that names visual tokens."""
    model = beit_model(
        checkouts, "beit", "modeling_pretrain", "VisionTransformerForMaskedImageModeling", vocab_size=12,
        use_shared_rel_pos_bias=True,
    )  # fmt: skip
    visible = torch.zeros(1, (SIDE // PATCH) ** 2, dtype=torch.bool)
    return Made(
        watched(model, lambda images: model(images, visible, return_all_tokens=True)),
        torch_file(lambda state: {"model": state()}),
    )


@case("BEiT", "beit")
def beit_fine_tuned(checkouts):
    """A bias of each block, on a grid of 3 x 5."""
    model = beit_model(
        checkouts, "beit", "modeling_finetune", "VisionTransformer", img_size=(9, 15), num_classes=3,
        use_rel_pos_bias=True, use_mean_pooling=True, init_scale=1,
    )  # fmt: skip
    return Made(
        watched(model, norm=None, image=(9, 15)),
        torch_file(lambda state: {"model": state()}),
        options={"input_size": [9, 15]},
    )


@case("BEiT v2", "beitv2")
def beit_v2_pretraining(checkouts):
    """With the two more blocks, and the head, that [cls] is trained through."""
    model = beit_model(
        checkouts, "beit2", "modeling_pretrain", "VisionTransformerForMaskedImageModelingCLS", vocab_size=12,
        use_shared_rel_pos_bias=True, early_layers=1, head_layers=1, shared_lm_head=True,
    )  # fmt: skip
    visible = torch.zeros(1, (SIDE // PATCH) ** 2, dtype=torch.bool)
    return Made(
        watched(model, lambda images: model(images, visible, return_all_tokens=True)),
        torch_file(lambda state: {"model": state(), "epoch": 1599, "args": arguments(model="beit_base_patch16_224")}),
    )


@case("BEiT v2", "beit")
def beit_v2_fine_tuned(checkouts):
    model = beit_model(
        checkouts, "beit2", "modeling_finetune", "VisionTransformer", num_classes=3, use_rel_pos_bias=True,
        use_mean_pooling=True, init_scale=1,
    )  # fmt: skip
    return Made(watched(model, norm=None), torch_file(lambda state: {"model": state()}))


@case("I-JEPA", "ijepa")
def ijepa(checkouts):
    """Encoder, its slow copy, which is meant, and predictor, each trained in parallel on many devices."""
    source = checkouts.load("ijepa", "src.models.vision_transformer")
    keywords = tiny | {"img_size": [SIDE], "norm_layer": normalization}
    encoder, target = source.VisionTransformer(**keywords), source.VisionTransformer(**keywords)
    predictor = source.VisionTransformerPredictor(
        num_patches=(SIDE // PATCH) ** 2, embed_dim=WIDTH, predictor_embed_dim=8, depth=1, num_heads=2, mlp_ratio=1
    )
    return Made(
        watched(target, prefix=0, has_class=False),
        torch_file(
            lambda state: {
                "encoder": state(encoder, "module."), "predictor": state(predictor, "module."),
                "target_encoder": state(target, "module."), "opt": optimizer_state(), "scaler": {"scale": 65536.0},
                "epoch": 300, "loss": 0.125, "batch_size": 128, "world_size": 16, "lr": 1e-6,
            }
        ),
        modules=[encoder, target, predictor],
    )  # fmt: skip


class Annotation:
    """Stands in for jaxtyping's types, of which CAPI makes annotations."""

    def __class_getitem__(cls, _):
        return object


@case("CAPI", "capi")
def capi(checkouts):
    """Registers on the image's border, rotated as the patches are; with the predictor and the clustering head."""
    stubs = {
        "jaxtyping": {"Float": Annotation, "Int": Annotation}, "omegaconf": {"OmegaConf": None},
        "utils": {"weight_norm": None},
    }  # fmt: skip
    source = checkouts.load("capi", "model", stubs=stubs)
    model = source.EncoderDecoder(
        patch_size=PATCH, n_registers=8, encoder_kwargs={"depth": DEPTH}, decoder_kwargs={"depth": 1},
        transformers_kwargs={
            "embed_dim": WIDTH, "drop_path_rate": 0.2, "block_kwargs": {"attn_kwargs": {"num_heads": HEADS}},
        },
    ).init_weights()  # fmt: skip
    head = source.OnlineClustering(WIDTH, 6, bias=True, n_sk_iter=3, target_temp=0.06, pred_temp=0.12)
    teacher = nn.ModuleDict({"backbone": model, "head": head})
    image = (9, 15)
    return Made(
        watched(
            model, blocks=list(model.encoder.blocks), attentions=[block.residual1.fn for block in model.encoder.blocks],
            norm=model.enc_norm, image=image, prefix=8, has_class=False,
        ),
        torch_file(lambda state: state(teacher)),
        modules=[teacher], epsilon=1e-5, options={"input_size": list(image)},
    )  # fmt: skip
