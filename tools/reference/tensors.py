"""Writes Tests/Fixtures/tensors: a file by the safetensors library itself, to be read and reproduced exactly."""

from pathlib import Path

import torch
from safetensors.torch import save_file

folder = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "tensors"
folder.mkdir(parents=True, exist_ok=True)

counting = torch.arange(6).reshape(2, 3)
tensors = {
    f"{name}.values": (counting - 2).to(dtype)
    for name, dtype in {
        "float64": torch.float64,
        "float32": torch.float32,
        "float16": torch.float16,
        "bfloat16": torch.bfloat16,
        "int64": torch.int64,
        "int32": torch.int32,
        "int16": torch.int16,
        "int8": torch.int8,
        "bool": torch.bool,
    }.items()
}
tensors["uint8.values"] = counting.to(torch.uint8)
tensors["scalar"] = torch.tensor(0.5)
tensors["empty"] = torch.zeros(3, 0)
tensors['a "quoted" näme\n'] = torch.tensor([1.5])
save_file(tensors, folder / "every-type.safetensors", metadata={"format": "pt"})
