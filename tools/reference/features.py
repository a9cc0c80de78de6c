"""Writes Tests/Fixtures/features: features without trained parameters, of grids square and not, with and without registers.

The seed's definitions (models_vit.py, forward_features), in double precision, from tokens and attention rows that every
stored type holds exactly: tokens are whole sixteenths, the largest value of each 127/16, so that they are numbers of 8 bits
times one scale; attention is rounded to float16, as caches store it. TokenCut (Wang et al. 2022) has its eigenvector
from scipy; no cosine is nearer than 1e-3 to its threshold, nor any component nearer than 1e-6 to the mean that it is cut at.

PatchBank sums up to 24 products in single precision: 1e-6 of the largest value of the sum covers it; after the token norm,
whose own roundings come in, 4e-6.
"""

import math
from pathlib import Path

import numpy as np
import scipy.linalg
import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "features"
IMAGES, HEADS, OTHER_HEADS = 2, 3, 2
# Rows and columns of the grid, prefix tokens, width.
CASES = {
    "square": (4, 4, 1, 16),
    "wide": (3, 5, 1, 20),
    "tall_registers": (6, 4, 5, 7),
    "two": (2, 2, 5, 24),
    "one": (1, 1, 1, 16),
}
EPSILON = 1e-6


def sixteenths(values):
    """The tokens, scaled so that the largest value of each is 127/16, in whole sixteenths."""
    return np.round(values / np.abs(values).max(axis=-1, keepdims=True) * 127) / 16


def tokens_of(generator, rows, columns, prefix, width):
    """Patches about two centres, so that there is a foreground to be found: a disc off the middle, and what is around it."""
    centres = generator.normal(size=(2, width))
    row, column = np.mgrid[:rows, :columns]
    distance = (row - 0.4 * rows) ** 2 + (column - 0.6 * columns) ** 2
    is_object = (distance < 0.1 * rows * columns).reshape(-1)
    patches = centres[is_object.astype(int)]
    patches = patches + 0.8 * generator.normal(size=patches.shape)
    others = generator.normal(size=(prefix, width))
    return sixteenths(np.concatenate([others, patches]))


def attention_of(generator, count, patches):
    """[count, patches]: what of a softmax over [cls] and the patches goes to the patches, in float16."""
    logits = generator.normal(size=(count, patches + 1)) * generator.uniform(0.5, 3, size=(count, 1))
    weights = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return weights[:, 1:].astype(np.float16)


def central(side, count):
    """The seed's slice of an axis; what is outside of the axis is cut, down to one patch."""
    start = max(0, count // 2 - math.ceil(side / 2))
    return start, max(start + 1, min(count, count // 2 + math.floor(side / 2)))


def token_cut(patches, margin=1e-3, tau=0.2, epsilon=1e-5):
    """[P], whether a patch is in the foreground; None where the choice hangs on rounding, as no cosine may be nearer than the
    margin to its threshold."""
    unit = patches / np.linalg.norm(patches, axis=1, keepdims=True)
    cosines = unit @ unit.T
    off_diagonal = ~np.eye(len(patches), dtype=bool)
    alike = cosines >= tau
    if np.abs(cosines - tau).min() < margin:
        return None
    if not alike[off_diagonal].any() or alike[off_diagonal].all():
        return np.ones(len(patches), dtype=bool)
    edges = np.where(alike, 1.0, epsilon)
    degrees = np.diag(edges.sum(axis=1))
    values, vectors = scipy.linalg.eigh(degrees - edges, degrees, subset_by_index=[1, min(2, len(patches) - 1)])
    vector = vectors[:, 0] / np.abs(vectors[:, 0]).max()
    if len(values) > 1 and values[1] - values[0] < 1e-6:
        return None
    if np.abs(vector - vector.mean()).min() < 1e-6:
        return None
    seed = int(np.argmax(np.abs(vector) >= 1 - 1e-6))
    side = vector > vector.mean()
    return side if side[seed] else ~side


NAMES = (
    ["cls", "pos", "both", "raw"]
    + [f"{kind}{side}" for side in (1, 2, 3, 4) for kind in ("cp", "ca")]
    + ["attn-lcte", "attn-mn", "dino", "tcut"]
)


def feature(name, tokens, rows, columns, prefix, attention=None, center_attention=None, other_attention=None,
            margin=1e-3):  # fmt: skip
    """An image's vector, from tokens [T, D] and those attention rows that it needs; None where the token cut is not clear."""
    cls, patches = tokens[0], tokens[prefix:]
    if name == "cls":
        return cls
    if name == "pos":
        return patches.mean(axis=0)
    if name == "both":
        return np.concatenate([cls, patches.mean(axis=0)])
    if name == "raw":
        return tokens.reshape(-1)
    if name == "tcut":
        foreground = token_cut(patches, margin)
        return None if foreground is None else patches[foreground].mean(axis=0)
    if name == "dino":
        return (patches[None] * other_attention.astype(np.float64)[:, :, None]).mean(axis=(0, 1))
    if name.startswith("cp"):
        (top, bottom), (left, right) = central(int(name[2:]), rows), central(int(name[2:]), columns)
        return patches.reshape(rows, columns, -1)[top:bottom, left:right].mean(axis=(0, 1))
    if name.startswith("ca"):
        weights = center_attention.astype(np.float64)[int(name[2:]) - 1]
        weights = weights / (weights.sum() + 1e-6)
        return (patches * weights[:, None]).mean(axis=0)
    attention = attention.astype(np.float64)
    adjusted = attention / (attention.sum(axis=1, keepdims=True) + 1e-6)
    entropy = -(adjusted * np.log(adjusted + 1e-6)).sum(axis=1)
    weights = attention[entropy.argmin()] if name == "attn-lcte" else attention.mean(axis=0)
    # What rounded to nothing counts as even.
    weights = weights / weights.sum() if weights.sum() > 0 else np.full(len(patches), 1 / len(patches))
    return (patches * weights[:, None]).sum(axis=0)


def features_of(tokens, rows, columns, prefix, *attentions):
    """Each feature's vector, or None where the token cut is not clear."""
    foreground = token_cut(tokens[prefix:])
    if foreground is None:
        return None
    result = {name: feature(name, tokens, rows, columns, prefix, *attentions) for name in NAMES}
    result["foreground"] = foreground.astype(np.float64)
    return result


def normalized(tokens, weight, bias):
    mean = tokens.mean(axis=1, keepdims=True)
    variance = tokens.var(axis=1, keepdims=True)
    return (tokens - mean) / np.sqrt(variance + np.float32(EPSILON).astype(np.float64)) * weight + bias


def write_case(name, seed, rows, columns, prefix, width):
    generator = np.random.default_rng(seed)
    weight = generator.uniform(0.5, 1.5, size=width).astype(np.float32)
    bias = generator.normal(size=width).astype(np.float32)
    tensors = {"norm_weight": weight, "norm_bias": bias}
    collected = []
    while len(collected) < IMAGES:
        tokens = tokens_of(generator, rows, columns, prefix, width)
        attentions = [attention_of(generator, count, rows * columns) for count in (HEADS, 4, OTHER_HEADS)]
        plain = features_of(tokens, rows, columns, prefix, *attentions)
        normed = features_of(
            normalized(tokens, weight.astype(np.float64), bias.astype(np.float64)), rows, columns, prefix, *attentions
        )
        if plain is None or normed is None:
            continue
        # Of several patches some are to be left out.
        if rows * columns == 1 or (plain["foreground"].min() == 0 and normed["foreground"].min() == 0):
            collected.append((tokens, attentions, plain, normed))
    tensors["tokens"] = np.stack([c[0] for c in collected]).astype(np.float32)
    for index, key in enumerate(["attention", "center_attention", "other_attention"]):
        tensors[key] = np.stack([c[1][index] for c in collected])
    for feature in collected[0][2]:
        tensors[f"none.{feature}"] = np.stack([c[2][feature] for c in collected]).astype(np.float32)
        tensors[f"final.{feature}"] = np.stack([c[3][feature] for c in collected]).astype(np.float32)
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: torch.from_numpy(np.ascontiguousarray(value)) for key, value in tensors.items()},
        FOLDER / f"{name}.safetensors",
        metadata={"grid_height": str(rows), "grid_width": str(columns), "prefix_tokens": str(prefix)},
    )


if __name__ == "__main__":
    for index, (name, sizes) in enumerate(CASES.items()):
        write_case(name, 100 + index, *sizes)
