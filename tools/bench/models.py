"""The encoders that are compared, and what an image costs them."""

WIDTH_AND_DEPTH = {
    "vit_tiny_patch16_224": (192, 12),
    "vit_small_patch16_224": (384, 12),
    "vit_base_patch16_224": (768, 12),
    "vit_large_patch16_224": (1024, 24),
}
HEAD_WIDTH = 64


def architecture(name):
    """The model's sizes, under the names that a cache's manifest has for them."""
    width, depth = WIDTH_AND_DEPTH[name]
    return {
        "name": name, "image_height": 224, "image_width": 224, "patch_height": 16, "patch_width": 16, "width": width,
        "depth": depth, "head_count": width // HEAD_WIDTH, "mlp_width": 4 * width, "activation": "gelu",
        "layer_norm_epsilon": 1e-6, "has_class_token": True, "prefix_token_count": 1,
    }  # fmt: skip


def flops_per_image(model):
    """Floating-point operations of the matrix products, two for a multiplication and its addition.

    Norms, softmax, activations and statistics are left out, so that a share of the ceiling is of useful products alone.
    """
    patches = (model["image_height"] // model["patch_height"]) * (model["image_width"] // model["patch_width"])
    tokens, width = model["prefix_token_count"] + patches, model["width"]
    embedding = patches * 3 * model["patch_height"] * model["patch_width"] * width
    linear = tokens * width * (3 * width + width + 2 * model["mlp_width"])
    attention = 2 * tokens * tokens * width
    return 2 * (embedding + model["depth"] * (linear + attention))
