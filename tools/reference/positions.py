"""Writes Tests/Fixtures/checkpoints/positions.safetensors: what becomes of positions on other grids than the trained one.

    python tools/reference/positions.py          (torch 2.13, scipy)

`NAME.ROWSxCOLUMNS` is the position embedding, or the table of relative positions, of the checkpoint NAME in
Tests/Fixtures/families on a grid of so many patches, resized as the model's own code does it:

- dinov2: `interpolate(scale_factor=(n + 0.1) / trained, mode="bicubic")`, as DINO and DINOv2 do
- dinov2_registers: `interpolate(size, mode="bicubic", antialias=True)`
- transformers_siglip2: `interpolate(size, mode="bilinear", antialias=True)`
- beit_pretraining: BEiT's way, an interpolating cubic spline through places whose distances grow geometrically. BEiT
  uses scipy.interpolate.interp2d, which newer versions do not have; RectBivariateSpline is the same spline (FITPACK).

Compared within 1e-5, as sums are ordered differently in single precision.
"""

from pathlib import Path

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from scipy.interpolate import RectBivariateSpline

fixtures = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures"
GRIDS = [(2, 2), (3, 5), (7, 7), (9, 4)]


def embedding(name: str, key: str) -> torch.Tensor:
    """[1, N, D]"""
    path = fixtures / "families" / name
    if path.is_dir():
        return load_file(path / "model.safetensors")[key].float()[None]
    state = torch.load(path.with_suffix(".pth"), weights_only=False)
    return state.get("model", state)[key].float()


def resized(values: torch.Tensor, rows: int, columns: int, **how) -> torch.Tensor:
    """An embedding whose patches are a square, their prefix kept."""
    side = int(values.shape[1] ** 0.5)
    prefix = values.shape[1] - side**2
    grid = values[:, prefix:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    if how.pop("offset", False):
        how["scale_factor"] = ((rows + 0.1) / side, (columns + 0.1) / side)
    else:
        how["size"] = (rows, columns)
    grid = F.interpolate(grid, align_corners=False, **how)
    assert grid.shape[2:] == (rows, columns)
    return torch.cat([values[:, :prefix], grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1).contiguous()


def places(old: int, new: int) -> numpy.ndarray:
    """Where `old` distances lie among `new` ones, whole numbers from -(new // 2) on: steps grow by the ratio with which
    they just reach the last one, found by halving as BEiT does."""
    low, high = 1.01, 1.5
    while high - low > 1e-6:
        ratio = (low + high) / 2
        if (1 - ratio ** (old // 2)) / (1 - ratio) > new // 2:
            high = ratio
        else:
            low = ratio
    ratio = (low + high) / 2
    side = numpy.cumsum([ratio**step for step in range(old // 2)])
    return numpy.concatenate([-side[::-1], [0], side])


def relative(table: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    old = int((len(table) - 3) ** 0.5)
    new_rows, new_columns = 2 * rows - 1, 2 * columns - 1
    y, x = places(old, new_rows), places(old, new_columns)
    heads = []
    for head in table[:-3].T:
        spline = RectBivariateSpline(y, x, head.reshape(old, old).double().numpy(), s=0)
        grid = spline(numpy.arange(new_rows) - new_rows // 2, numpy.arange(new_columns) - new_columns // 2)
        heads.append(torch.from_numpy(grid).flatten().float())
    return torch.cat([torch.stack(heads, dim=1), table[-3:].float()]).contiguous()


def main() -> None:
    tensors = {}
    ways = [
        ("dinov2", "pos_embed", {"mode": "bicubic", "offset": True}),
        ("dinov2_registers", "pos_embed", {"mode": "bicubic", "antialias": True}),
        ("transformers_siglip2", "embeddings.position_embedding.weight",
         {"mode": "bilinear", "antialias": True}),
    ]  # fmt: skip
    for name, key, how in ways:
        values = embedding(name, key)
        for rows, columns in GRIDS:
            tensors[f"{name}.{rows}x{columns}"] = resized(values, rows, columns, **dict(how))
    table = embedding("beit_pretraining", "rel_pos_bias.relative_position_bias_table")
    for rows, columns in GRIDS:
        tensors[f"beit_pretraining.{rows}x{columns}"] = relative(table, rows, columns)
    save_file(tensors, fixtures / "checkpoints" / "positions.safetensors")


if __name__ == "__main__":
    main()
