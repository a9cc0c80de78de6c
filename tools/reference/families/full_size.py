"""ViT-B of three families, with random weights, in files as large as the real ones. They are not kept."""

import torch

from cases import Case, Made, torch_file, watched
from distilled import dinov2_model, dinov2_subject
from masked import beit_model, mae_model
from weights import arguments, optimizer_state

base = {"img_size": 224, "patch_size": 16, "embed_dim": 768, "depth": 12, "num_heads": 12, "mlp_ratio": 4}


def mae(checkouts):
    decoder = {"decoder_embed_dim": 512, "decoder_depth": 8, "decoder_num_heads": 16}
    model, encode = mae_model(checkouts, **base, **decoder)
    subject = watched(model, encode, heads=12, image=(224, 224), patch=(16, 16))
    return Made(
        subject,
        torch_file(lambda state: {"model": state(), "optimizer": optimizer_state(), "epoch": 399, "args": arguments()}),
    )


def beitv2(checkouts):
    model = beit_model(
        checkouts, "beit2", "modeling_pretrain", "VisionTransformerForMaskedImageModelingCLS", **base, vocab_size=8192,
        use_shared_rel_pos_bias=True, early_layers=9, head_layers=2, shared_lm_head=True,
    )  # fmt: skip
    visible = torch.zeros(1, 14 * 14, dtype=torch.bool)
    subject = watched(
        model, lambda images: model(images, visible, return_all_tokens=True), heads=12, image=(224, 224), patch=(16, 16)
    )
    return Made(subject, torch_file(lambda state: {"model": state()}))


def dinov2(checkouts):
    """With registers, and positions of the 518 pixels that these are trained on."""
    model = dinov2_model(
        checkouts, **(base | {"img_size": 518, "patch_size": 14}), num_register_tokens=4, interpolate_antialias=True,
        interpolate_offset=0.0,
    )  # fmt: skip
    subject = dinov2_subject(model, heads=12, image=(224, 224), patch=(14, 14))
    return Made(subject, torch_file(lambda state: state()), options={"input_size": [224, 224]})


FULL_SIZE = {
    "mae": Case("mae_base", "MAE", "mae", mae), "beitv2": Case("beitv2_base", "BEiT v2", "beitv2", beitv2),
    "dinov2": Case("dinov2_base_registers", "DINOv2", "dinov2", dinov2),
}  # fmt: skip
