"""Hugging Face transformers' models, saved by the library itself, under the names that its hub's files have."""

import copy
import json
from pathlib import Path

import torch
import transformers as library
from safetensors.torch import load_file, save_file
from torch import nn

from cases import DEPTH, HEADS, PATCH, SIDE, WIDTH, Made, case, torch_file, watched

library.utils.logging.disable_progress_bar()
library.utils.logging.set_verbosity_error()
sizes = {
    "hidden_size": WIDTH, "num_hidden_layers": DEPTH, "num_attention_heads": HEADS, "image_size": SIDE,
    "patch_size": PATCH,
}  # fmt: skip
vit_sizes = sizes | {"intermediate_size": 24}


def preprocessor(mean, std, **more) -> dict:
    """preprocessor_config.json."""
    return {
        "do_normalize": True, "do_rescale": True, "do_resize": True, "image_mean": mean, "image_std": std,
        "resample": 3, "rescale_factor": 1 / 255, "size": {"height": SIDE, "width": SIDE},
    } | more  # fmt: skip


def library_folder(model, preprocessing: dict, more=lambda state: {}):
    """Writes NAME/ as save_pretrained does. `more` are weights that files of older versions have besides."""

    def write(path: Path, state) -> str:
        # A copy, as the model itself goes on in double precision.
        copied = copy.deepcopy(model).float()
        copied.save_pretrained(path)
        weights = path / "model.safetensors"
        save_file(load_file(weights) | more(copied), weights, {"format": "pt"})
        (path / "preprocessor_config.json").write_text(json.dumps(preprocessing, indent=2) + "\n")
        return path.name

    return write


def attentions(blocks, name="attention"):
    return [getattr(block, name) for block in blocks]


def made(model, encoder, blocks, attention, norm, preprocessing=None, forward=None, more=lambda state: {}, **changes):
    epsilon, activation = changes.pop("epsilon", 1e-12), changes.pop("activation", "gelu")
    changes = {"prefix": 1, "has_class": True} | changes
    subject = watched(
        encoder, forward, blocks=list(blocks), attentions=attentions(blocks, attention), norm=norm,
        **changes,
    )  # fmt: skip
    half = preprocessor([0.5] * 3, [0.5] * 3)
    write = library_folder(model, half if preprocessing is None else preprocessing, more)
    return Made(subject, write, modules=[model], epsilon=epsilon, activation=activation)


imagenet = preprocessor([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@case("ViT", "transformers-vit")
def transformers_vit(checkouts):
    model = library.ViTModel(library.ViTConfig(**vit_sizes, layer_norm_eps=1e-12))
    return made(model, model, model.layers, "attention", model.layernorm)


@case("ViT", "transformers-vit")
def transformers_vit_split(checkouts):
    """In several files with an index."""
    model = library.ViTModel(library.ViTConfig(**vit_sizes), add_pooling_layer=False)

    def write(path: Path, state) -> str:
        copy.deepcopy(model).float().save_pretrained(path, max_shard_size="10KB")
        return path.name

    subject = watched(model, blocks=list(model.layers), attentions=attentions(model.layers), norm=model.layernorm)
    return Made(subject, write, epsilon=1e-12)


@case("ViT", "transformers-vit")
def transformers_vit_state(checkouts):
    """The state dict, under the names that the library's version 5 has in memory."""
    model = library.ViTModel(library.ViTConfig(**vit_sizes, layer_norm_eps=1e-6), add_pooling_layer=False)
    subject = watched(model, blocks=list(model.layers), attentions=attentions(model.layers), norm=model.layernorm)
    return Made(subject, torch_file(lambda state: state()), options={"layer_norm_eps": 1e-6})


@case("ViT", "transformers-vit")
def transformers_vit_classifier(checkouts):
    """With a head, under `vit.`, and no bias of queries, keys and values."""
    configuration = library.ViTConfig(**vit_sizes, qkv_bias=False, num_labels=3, layer_norm_eps=1e-6)
    model = library.ViTForImageClassification(configuration)
    return made(model, model.vit, model.vit.layers, "attention", model.vit.layernorm, epsilon=1e-6)


@case("MAE", "transformers-mae")
def transformers_mae(checkouts):
    decoder = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    configuration = library.ViTMAEConfig(**vit_sizes, **{f"decoder_{key}": value for key, value in decoder.items()})
    model = library.ViTMAEForPreTraining(configuration)
    vit = model.vit

    def forward(images):
        # Everything is visible, in its own order.
        vit.config.mask_ratio = 0.0
        return vit(images, noise=torch.arange(float((SIDE // PATCH) ** 2))[None])

    return made(model, vit, vit.layers, "attention", vit.layernorm, preprocessing=imagenet, forward=forward)


@case("DINOv2", "transformers-dinov2")
def transformers_dinov2(checkouts):
    model = library.Dinov2Model(library.Dinov2Config(**sizes, mlp_ratio=1))
    crop = preprocessor(
        imagenet["image_mean"], imagenet["image_std"], do_center_crop=True, crop_size={"height": SIDE, "width": SIDE},
        size={"shortest_edge": 18},
    )  # fmt: skip
    return made(model, model, model.encoder.layer, "attention", model.layernorm, preprocessing=crop, epsilon=1e-6)


@case("DINOv2", "transformers-dinov2-registers")
def transformers_dinov2_registers(checkouts):
    """With registers, and the giant's perceptron."""
    configuration = library.Dinov2WithRegistersConfig(**sizes, mlp_ratio=3, num_register_tokens=3, use_swiglu_ffn=True)
    model = library.Dinov2WithRegistersModel(configuration)
    return made(
        model, model, model.encoder.layer, "attention", model.layernorm, preprocessing=imagenet, prefix=4, epsilon=1e-6
    )


def beit_index(model) -> torch.Tensor:
    relation = next(module for module in model.modules() if "RelativePositionBias" in type(module).__name__)
    return relation.generate_relative_position_index((SIDE // PATCH, SIDE // PATCH))


@case("BEiT", "transformers-beit")
def transformers_beit(checkouts):
    """The pretrained model: one relative position bias for all blocks."""
    configuration = library.BeitConfig(
        **vit_sizes, use_shared_relative_position_bias=True, use_mask_token=True, vocab_size=12
    )
    model = library.BeitForMaskedImageModeling(configuration)
    beit = model.beit
    index = {"beit.encoder.relative_position_bias.relative_position_index": beit_index(model)}
    # The final norm belongs to the head, beside the model.
    return made(model, beit, beit.layers, "attention", model.layernorm, more=lambda _: index)


@case("BEiT", "transformers-beit")
def transformers_beit_classifier(checkouts):
    """The fine-tuned model: a bias of each block, mean-pooled."""
    configuration = library.BeitConfig(**vit_sizes, use_relative_position_bias=True, num_labels=3)
    model = library.BeitForImageClassification(configuration)
    beit = model.beit
    name = "beit.encoder.layer.{}.attention.attention.relative_position_bias.relative_position_index"
    more = {name.format(block): beit_index(model).clone() for block in range(DEPTH)}
    return made(model, beit, beit.layers, "attention", None, more=lambda _: more)


@case("data2vec", "transformers-beit")
def transformers_data2vec(checkouts):
    """The bare model: its names are those of BEiT."""
    configuration = library.Data2VecVisionConfig(
        **vit_sizes, use_shared_relative_position_bias=True, use_mask_token=True
    )
    model = library.Data2VecVisionModel(configuration)
    index = {"encoder.relative_position_bias.relative_position_index": beit_index(model)}
    return made(model, model, model.encoder.layer, "attention", None, more=lambda _: index)


@case("data2vec", "transformers-data2vec")
def transformers_data2vec_classifier(checkouts):
    """Under `data2vec_vision.`, with a bias of each block."""
    configuration = library.Data2VecVisionConfig(**vit_sizes, use_relative_position_bias=True, num_labels=3)
    model = library.Data2VecVisionForImageClassification(configuration)
    encoder = model.data2vec_vision
    return made(model, encoder, encoder.encoder.layer, "attention", None)


@case("I-JEPA", "transformers-ijepa")
def transformers_ijepa(checkouts):
    configuration = library.IJepaConfig(**vit_sizes, layer_norm_eps=1e-6)
    model = library.IJepaModel(configuration, add_pooling_layer=False)
    return made(
        model, model, model.layers, "attention", model.layernorm, prefix=0, has_class=False, epsilon=1e-6,
        preprocessing=imagenet,
    )  # fmt: skip


@case("DeiT", "transformers-deit")
def transformers_deit(checkouts):
    model = library.DeiTForImageClassificationWithTeacher(library.DeiTConfig(**vit_sizes, num_labels=3))
    deit = model.deit
    return made(model, deit, deit.layers, "attention", deit.layernorm, prefix=2)


clip_text = {
    "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 12,
    "max_position_embeddings": 6, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1,
}  # fmt: skip
clip_pixels = preprocessor(
    [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711], do_center_crop=True,
    crop_size={"height": SIDE, "width": SIDE}, size={"shortest_edge": SIDE},
)  # fmt: skip


@case("CLIP", "transformers-clip")
def transformers_clip(checkouts):
    """Both towers, and the numbers of positions that files of older versions have."""
    model = library.CLIPModel(
        library.CLIPConfig(
            text_config=clip_text, vision_config=vit_sizes | {"hidden_act": "quick_gelu"}, projection_dim=4
        )
    )
    vision = model.vision_model
    numbers = {
        "text_model.embeddings.position_ids": torch.arange(6)[None],
        "vision_model.embeddings.position_ids": torch.arange((SIDE // PATCH) ** 2 + 1)[None],
    }
    return made(
        model, vision, vision.encoder.layers, "self_attn", vision.post_layernorm, preprocessing=clip_pixels,
        more=lambda _: numbers, epsilon=1e-5, activation="quickGelu",
    )  # fmt: skip


@case("CLIP", "transformers-clip")
def transformers_clip_vision(checkouts):
    """The image tower alone, with the GELU of models that open_clip trained."""
    model = library.CLIPVisionModelWithProjection(
        library.CLIPVisionConfig(**vit_sizes, hidden_act="gelu", projection_dim=4)
    )
    vision = model.vision_model
    return made(
        model,
        vision,
        vision.encoder.layers,
        "self_attn",
        vision.post_layernorm,
        preprocessing=clip_pixels,
        epsilon=1e-5,
    )


@case("SigLIP", "transformers-siglip")
def transformers_siglip(checkouts):
    text = clip_text | {"projection_size": WIDTH}
    model = library.SiglipModel(library.SiglipConfig(text_config=text, vision_config=vit_sizes))
    vision = model.vision_model
    return made(
        model, vision, vision.encoder.layers, "self_attn", vision.post_layernorm, prefix=0, has_class=False,
        epsilon=1e-6, activation="geluTanh",
    )  # fmt: skip


@case("SigLIP 2", "transformers-siglip2")
def transformers_siglip2(checkouts):
    """For images of any shape: it takes patches, [P, patch * patch * C], and embeds them by a matrix."""
    sides = SIDE // PATCH
    keywords = {name: value for name, value in vit_sizes.items() if name != "image_size"}
    configuration = library.Siglip2VisionConfig(**keywords, num_patches=sides**2)
    model = library.Siglip2VisionModel(configuration)

    def forward(images):
        patches = images.reshape(1, 3, sides, PATCH, sides, PATCH).permute(0, 2, 4, 3, 5, 1).reshape(1, sides**2, -1)
        everything = torch.ones(1, sides**2, dtype=torch.long)
        return model(patches, pixel_attention_mask=everything, spatial_shapes=torch.tensor([[sides, sides]]))

    vision = getattr(model, "vision_model", model)
    return made(
        model, model, vision.encoder.layers, "self_attn", vision.post_layernorm, forward=forward, prefix=0,
        has_class=False, epsilon=1e-6, activation="geluTanh",
    )  # fmt: skip


@case("AIMv2", "transformers-aimv2")
def transformers_aimv2(checkouts):
    model = library.Aimv2VisionModel(library.Aimv2VisionConfig(**vit_sizes, rms_norm_eps=1e-5, use_head=True))
    # Its norm turns everything to float32 first, which is for models in half precision.
    norms = [module for module in model.modules() if type(module).__name__ == "Aimv2RMSNorm"]
    type(norms[0]).forward = lambda norm, x: nn.functional.rms_norm(x, x.shape[-1:], norm.weight, norm.variance_epsilon)
    return made(
        model, model, model.encoder.layers, "attention", model.rms_norm, prefix=0, has_class=False, epsilon=1e-5,
        preprocessing=clip_pixels,
    )  # fmt: skip


@case("DINOv3", "transformers-dinov3")
def transformers_dinov3(checkouts):
    """A gated perceptron; keys have no bias."""
    configuration = library.DINOv3ViTConfig(
        **vit_sizes, num_register_tokens=4, use_gated_mlp=True, hidden_act="silu", layer_norm_eps=1e-5
    )
    model = library.DINOv3ViTModel(configuration)
    blocks = model.model.layer if hasattr(model, "model") else model.layer
    return made(model, model, blocks, "attention", model.norm, preprocessing=imagenet, prefix=5, epsilon=1e-5)
