"""Self-distillation and contrast of views: DINO, MoCo v3, iBOT, DINOv2, DINOv3."""

from collections import OrderedDict
from unittest import mock

import timm
import torch
from torch import nn

from cases import DEPTH, PATCH, SIDE, WIDTH, Made, case, normalization, older_torch_file, tiny, torch_file, watched
from weights import arguments, optimizer_state

square = tiny | {"img_size": [SIDE], "qkv_bias": True, "norm_layer": normalization}


def dino_networks(checkouts, **head_keywords):
    """A teacher and a student, each a backbone with a head."""
    transformers = checkouts.load("dino", "vision_transformer")
    wrapper = checkouts.load("dino", "utils").MultiCropWrapper

    def network():
        head = transformers.DINOHead(WIDTH, 12, hidden_dim=8, bottleneck_dim=4, **head_keywords)
        return wrapper(transformers.VisionTransformer(**square), head)

    return network(), network()


def distillation(state, teacher, student, teacher_prefix="", **more) -> dict:
    """The student is trained in parallel on many devices, so that its names begin with `module.`."""
    return {
        "student": state(student, "module."), "teacher": state(teacher, teacher_prefix), "optimizer": optimizer_state(),
        "epoch": 100, "args": arguments(arch="vit_small", patch_size=PATCH, out_dim=12),
    } | more  # fmt: skip


@case("DINO", "dino")
def dino_training(checkouts):
    """Of teacher and student the teacher is meant. With batch norms in the head, it is wrapped as the student is."""
    teacher, student = dino_networks(checkouts, use_bn=True)
    loss = OrderedDict(center=torch.ones(1, 12))
    return Made(
        watched(teacher.backbone),
        torch_file(lambda state: distillation(state, teacher, student, "module.", dino_loss=loss)),
        modules=[teacher, student],
    )


@case("DINO", "dino")
def dino_student(checkouts):
    """The student of such a file, which a user asks for. In PyTorch's older format."""
    teacher, student = dino_networks(checkouts)
    return Made(
        watched(student.backbone),
        older_torch_file(lambda state: distillation(state, teacher, student)),
        modules=[teacher, student],
        options={"checkpoint_key": "student"},
    )


@case("DINO", "timm")
def dino_backbone(checkouts):
    """As it is published: the bare state dict, in PyTorch's older format."""
    model = checkouts.load("dino", "vision_transformer").VisionTransformer(**square)
    return Made(watched(model), older_torch_file(lambda state: state()))


@case("MoCo v3", "moco-v3")
def moco_v3(checkouts):
    """With encoder and momentum encoder, their projectors in place of heads, and a predictor."""
    helpers = {"timm.models.layers.helpers": {"to_2tuple": timm.layers.to_2tuple}}
    transformers = checkouts.load("moco-v3", "vits", stubs=helpers)
    moco = checkouts.load("moco-v3", "moco.builder")

    def encoder(num_classes):
        keywords = tiny | {"qkv_bias": True, "norm_layer": normalization}
        return transformers.VisionTransformerMoCo(num_classes=num_classes, **keywords)

    # timm of the time told its transformers how many tokens they have beside the patches.
    with mock.patch.object(timm.models.vision_transformer.VisionTransformer, "num_tokens", 1, create=True):
        model = moco.MoCo_ViT(encoder, dim=4, mlp_dim=6)
    return Made(
        watched(model.base_encoder, model.base_encoder.forward_features),
        torch_file(
            lambda state: {
                "epoch": 300, "arch": "vit_base", "state_dict": state(model, "module."), "optimizer": optimizer_state(),
                "scaler": {"scale": 65536.0},
            }
        ),
        modules=[model],
    )  # fmt: skip


def ibot_backbone(checkouts, **changes):
    return checkouts.load("ibot", "models.vision_transformer").VisionTransformer(**(square | changes))


@case("iBOT", "ibot")
def ibot_training(checkouts):
    heads = checkouts.load("ibot", "models.head")
    wrapper = checkouts.load("ibot", "utils").MultiCropWrapper

    def network(**changes):
        head = heads.iBOTHead(
            WIDTH, 6, patch_out_dim=6, norm=None, act="gelu", shared_head=True, hidden_dim=8, bottleneck_dim=4
        )
        return wrapper(ibot_backbone(checkouts, return_all_tokens=True, **changes), head)

    teacher, student = network(), network(masked_im_modeling=True)
    loss = OrderedDict(center=torch.ones(1, 6), center2=torch.ones(1, 1, 6))
    return Made(
        watched(teacher.backbone),
        torch_file(lambda state: distillation(state, teacher, student, ibot_loss=loss)),
        modules=[teacher, student],
    )


@case("iBOT", "ibot")
def ibot_published(checkouts):
    """A backbone that was taken out of a training's file; a student's has a mask token."""
    model = ibot_backbone(checkouts, masked_im_modeling=True)
    model.masked_im_modeling = False
    return Made(watched(model), torch_file(lambda state: {"state_dict": state()}))


def dinov2_model(checkouts, **changes):
    transformers = checkouts.load("dinov2", "dinov2.models.vision_transformer")
    return transformers.DinoVisionTransformer(**(tiny | {"init_values": 1.0, "block_chunks": 0} | changes))


def dinov2_subject(model, **changes):
    blocks = [block for block in model.modules() if type(block).__name__ == "NestedTensorBlock"]
    return watched(model, blocks=blocks, prefix=1 + model.num_register_tokens, **changes)


@case("DINOv2", "dinov2")
def dinov2(checkouts):
    model = dinov2_model(checkouts)
    return Made(dinov2_subject(model), torch_file(lambda state: state()))


@case("DINOv2", "dinov2")
def dinov2_registers(checkouts):
    """On a smaller image than it is made for; models with registers resize positions with antialiasing."""
    model = dinov2_model(checkouts, num_register_tokens=3, interpolate_antialias=True, interpolate_offset=0.0)
    image = (3 * PATCH, 3 * PATCH)
    return Made(
        dinov2_subject(model, image=image), torch_file(lambda state: state()), options={"input_size": list(image)}
    )


@case("DINOv2", "dinov2")
def dinov2_gated(checkouts):
    """The giant's perceptron, on a larger image; models without registers resize positions with an offset of 0.1."""
    model = dinov2_model(checkouts, ffn_layer="swiglufused", mlp_ratio=3)
    image = (6 * PATCH, 6 * PATCH)
    return Made(
        dinov2_subject(model, image=image), torch_file(lambda state: state()), options={"input_size": list(image)}
    )


@case("DINOv2", "dinov2")
def dinov2_training(checkouts):
    """As the training leaves its teacher: blocks in chunks, and two heads."""
    head = checkouts.load("dinov2", "dinov2.layers.dino_head").DINOHead
    model = dinov2_model(checkouts, depth=2 * DEPTH, block_chunks=2, num_register_tokens=2)
    heads = {name: head(WIDTH, 6, hidden_dim=8, bottleneck_dim=4) for name in ("dino_head", "ibot_head")}
    teacher = nn.ModuleDict({"backbone": model} | heads)
    return Made(
        dinov2_subject(model),
        torch_file(lambda state: {"teacher": state(teacher)}),
        modules=[teacher],
    )


def dinov3_model(checkouts, **changes):
    transformers = checkouts.load("dinov3", "dinov3.models.vision_transformer")
    ratio = {"ffn_ratio": tiny["mlp_ratio"]}
    keywords = {name: value for name, value in tiny.items() if name != "mlp_ratio"} | ratio | {
        "pos_embed_rope_rescale_coords": 2, "pos_embed_rope_dtype": "fp32", "layerscale_init": 1e-5,
        "norm_layer": "layernormbf16", "n_storage_tokens": 4, "mask_k_bias": True,
    } | changes  # fmt: skip
    model = transformers.DinoVisionTransformer(**keywords)
    model.init_weights()
    # The type that angles are computed in; all else is set to double as well.
    model.rope_embed.dtype = torch.float64
    return model


def dinov3_subject(model, **changes):
    # The intermediate layers of a single image; the plain call computes on lists.
    forward = lambda images: model.get_intermediate_layers(images, n=DEPTH)  # noqa: E731
    return watched(model, forward, prefix=5, **changes)


@case("DINOv3", "dinov3")
def dinov3(checkouts):
    """On a grid of 3 x 5. The keys' bias is not zero, but a buffer of zeros and ones takes it away."""
    model = dinov3_model(checkouts)
    return Made(
        dinov3_subject(model, image=(9, 15)), torch_file(lambda state: state()), epsilon=1e-5,
        options={"input_size": [9, 15]},
    )  # fmt: skip


@case("DINOv3", "dinov3")
def dinov3_gated(checkouts):
    """The perceptron of the `plus` models, and the second norm of the largest, which only their training uses."""
    model = dinov3_model(checkouts, ffn_layer="swiglu", ffn_ratio=3, untie_global_and_local_cls_norm=True)
    return Made(
        dinov3_subject(model), torch_file(lambda state: state()), epsilon=1e-5, options={"input_size": [SIDE, SIDE]}
    )
