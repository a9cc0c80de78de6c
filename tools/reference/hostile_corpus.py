"""Writes the seeds of Tests/Fixtures/hostile-corpus: small good files of each format, and files that lie.

    python tools/reference/hostile_corpus.py          (torch 2.13, safetensors)

Each folder is one reader's (UntrustedReader.swift). Fuzzing starts from these files, and tests read them all. What fuzzing
has found beside them is called finding-*; this script leaves that alone.
"""

import collections
import io
import json
import pickle
import struct
import zipfile
import zlib
from pathlib import Path

import python2_pickle
import torch
from safetensors.torch import save

corpus = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "hostile-corpus"


def write(reader: str, name: str, data: bytes | str) -> None:
    (corpus / reader).mkdir(parents=True, exist_ok=True)
    (corpus / reader / name).write_bytes(data.encode() if isinstance(data, str) else data)


def encoder() -> dict[str, torch.Tensor]:
    """A Vision Transformer of width 1, one block and one patch, under timm's names."""
    one = torch.ones(1)
    weights = {"cls_token": torch.ones(1, 1, 1), "pos_embed": torch.ones(1, 2, 1),
               "patch_embed.proj.weight": torch.ones(1, 3, 1, 1), "patch_embed.proj.bias": one}
    for norm in ["blocks.0.norm1", "blocks.0.norm2", "norm"]:
        weights |= {f"{norm}.weight": one, f"{norm}.bias": one}
    for layer, size in [("attn.qkv", 3), ("attn.proj", 1), ("mlp.fc1", 1), ("mlp.fc2", 1)]:
        weights |= {f"blocks.0.{layer}.weight": torch.ones(size, 1), f"blocks.0.{layer}.bias": torch.ones(size)}
    return weights


def torch_file(value, **options) -> bytes:
    file = io.BytesIO()
    torch.save(value, file, **options)
    return file.getvalue()


# MARK: zip

def zip_file(entries: dict[str, bytes], checksums: bool = True) -> bytes:
    """A file as torch.save writes it. Without checksums, a change of an entry stays unnoticed."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    data = bytearray(file.getvalue())
    position = data.find(b"PK\1\2")
    while not checksums and position >= 0:
        data[position + 16 : position + 20] = bytes(4)
        position = data.find(b"PK\1\2", position + 4)
    return bytes(data)


def zip_64(data: bytes, offset: int) -> bytes:
    """One entry whose sizes stand in 64-bit fields."""
    name, crc = b"a/data.pkl", zlib.crc32(data)
    local = b"PK\3\4" + struct.pack("<HHHHHIIIHH", 45, 0, 0, 0, 0, crc, len(data), len(data), len(name), 0) + name
    extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), offset)
    most = 0xFFFFFFFF
    record = (b"PK\1\2" + struct.pack("<HHHHHHIIIHHHHHII", 45, 45, 0, 0, 0, 0, crc, most, most, len(name), len(extra),
                                      0, 0, 0, 0, most) + name + extra)
    start = len(local) + len(data)
    end64 = b"PK\6\6" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, 1, 1, len(record), start)
    locator = b"PK\6\7" + struct.pack("<IQI", 0, start + len(record), 1)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, most, most, 0)
    return local + data + record + end64 + locator + end


def write_zips() -> None:
    good = zip_file({"a/data.pkl": b"\x80\2N.", "a/data/0": b"1234", "a/version": b"3\n"})
    write("zip", "good", good)
    write("zip", "64-bit", zip_64(b"\x80\2N.", 0))
    write("zip", "64-bit-elsewhere", zip_64(b"\x80\2N.", 1 << 62))
    write("zip", "no-checksums", zip_file({"a": b"b", "b": b""}, checksums=False))
    write("zip", "no-entries", b"PK\5\6" + bytes(18))
    write("zip", "many-empty", zip_file({str(index): b"" for index in range(100)}))
    # A directory inside the comment of another.
    write("zip", "comment", good[:-2] + struct.pack("<H", len(good)) + good)
    # Records of 46 bytes that all mean one entry.
    start = good.find(b"PK\1\2")
    record = good[start : good.find(b"PK\1\2", start + 1)]
    for name, records, count in [("repeated", record * 20, 20), ("miscounted", record, 65535)]:
        end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(records), start, 0)
        write("zip", name, good[:start] + records + end)


# MARK: pickles

def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def write_pickles() -> None:
    values = {"numbers": [0, 1, -1, 300, 1 << 40, 1 << 80, 0.5, True, None], "text": "é" * 200,
              "nested": [(), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [[]], {"a": {"b": 1}}, {1, 2}, frozenset([1])],
              "bytes": [b"", b"1" * 300, bytearray(b"2")], "ordered": collections.OrderedDict(a=1, b=2)}
    for protocol in range(2, 6):
        write("pickle", f"values-{protocol}", pickle.dumps(values, protocol))
    write("pickle", "python-2", python2_pickle.dumps(values | {"old": python2_pickle.OldStyleObject()}))
    for protocol in [2, 4]:
        with zipfile.ZipFile(io.BytesIO(torch_file({"model": encoder(), "epoch": 3}, pickle_protocol=protocol))) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            write("pickle", f"tensors-{protocol}", archive.read(name))
    for name, instructions in {
        "deep": b")" + b"\x85" * 4000 + b".",
        "deep-marks": b"(" * 2000 + b"t" * 2000 + b".",
        "doubled": b")" + b"2\x86" * 1000 + b".",
        "kept": b"N" + b"\x94" * 4000 + b".",
        "in-itself": b"}q\0" + text("a") + b"h\0s.",
        "list-in-itself": b"]q\0h\0a.",
        "shared-pairs": b"ccollections\nOrderedDict\nq\0](NN\x86q\2" + b"h\2" * 500 + b"e\x85q\x010" + b"h\0h\1R0" * 500 + b"N.",
        "names": text("a" * 120) + b"q\0" + text("b" * 120) + b"q\1" + b"h\0h\1\x93" * 500 + b".",
        "calls": b"ctorch._utils\n_rebuild_tensor_v2\n(KNK\0))tR0ctorch._tensor\n_rebuild_from_type_v2\n"
                 b"(ctorch._utils\n_rebuild_parameter\nctorch\nTensor\n)}tR.",
        "frame": b"\x95" + b"\xff" * 8 + b".",
        "length": b"\x8d" + b"\xff" * 8 + b".",
        "numbers": b"(I00\nI01\nI-5\nI99999999999999999999\nt.",
        "new-objects": b"cos\nsystem\n)\x81}b0cos\nsystem\n)}\x920(cos\nsystem\nNo0\x8f(N\x90.",
        "storage": b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\1(" + text("v")
                   + b"K\0K\1ttQ.",
        "module": b"(" + text("module") + b"cos\nsystem\nNNtQ)R.",
    }.items():
        write("pickle", name, b"\x80\2" + instructions)


# MARK: files of torch.save

def rezip(data: bytes) -> bytes:
    """Without the alignment of storages, which is most of a small file, and without checksums."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = {name: archive.read(name) for name in archive.namelist() if not name.split("/")[1].startswith(".")}
    return zip_file(entries, checksums=False)


def views() -> dict[str, torch.Tensor]:
    flat = torch.arange(24.0)
    return {"transposed": flat.view(4, 6).t(), "part": flat[3:9], "steps": flat[::2], "expanded": flat[:1].expand(9),
            "scalar": flat[5], "empty": flat[:0], "cube": flat.view(2, 3, 4).permute(2, 0, 1)}


def of_every_type() -> dict[str, torch.Tensor]:
    types = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
             torch.uint8, torch.bool, torch.complex64, torch.float8_e4m3fn]
    return {str(type): torch.zeros(2, dtype=type) for type in types}


def write_torch_files() -> None:
    values = {"views": views(), "types": of_every_type(),
              "parameter": {"a": torch.nn.Parameter(torch.ones(1)), "b": torch.ones(1)}}
    for name, value in values.items():
        write("torch", name, rezip(torch_file(value)))
        if name != "types":
            write("torch", f"{name}-old", torch_file(value, _use_new_zipfile_serialization=False))
    old = torch_file({"views": views()}, _use_new_zipfile_serialization=False, pickle_module=python2_pickle)
    write("torch", "python-2", old)
    write("torch", "old-cut", old[:-5])
    write("torch", "old-big-endian", old.replace(b"little_endian\x71\x02\x88", b"little_endian\x71\x02\x89"))
    write("torch", "old-protocol-4", torch_file({"a": torch.ones(1)}, _use_new_zipfile_serialization=False, pickle_protocol=4))


# MARK: safetensors and JSON

def header(fields, data: bytes = b"") -> bytes:
    content = fields if isinstance(fields, str) else json.dumps(fields)
    return struct.pack("<Q", len(content)) + content.encode() + data


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def write_safetensors() -> None:
    types = {name: tensor for name, tensor in of_every_type().items() if "complex" not in name and "float8" not in name}
    write("safetensors", "types", save(types, {"format": "pt", "text": "\n\"\\é😀"}))
    for name, fields, data in [
        ("escapes", '{"\\ud83d\\ude00\\/\\b\\f\\n\\r\\t\\u00e9":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"1"),
        ("huge-shape", {"a": entry([1 << 62, 1 << 62, 0], 0, 0)}, b""),
        ("overlap", {"a": entry([1], 0, 4), "b": entry([1], 2, 6)}, b"123456"),
        ("gap", {"a": entry([1], 4, 8)}, b"12345678"),
        ("behind-the-end", {"a": entry([1], 0, 4)}, b""),
        ("many-axes", {"a": entry([1] * 64, 0, 4)}, b"1234"),
        ("many-empty", {str(index): entry([0], 0, 0) for index in range(50)}, b""),
        ("twice", '{"a":{},"a":{}}', b""),
        ("numbers", '{"a":{"dtype":"F32","shape":[-1,1.5,1e9,99999999999999999999],"data_offsets":[0,4]}}', b"1234"),
        ("half-a-pair", '{"\\ud83d":{}}', b""),
        ("metadata", '{"__metadata__":{"config":"{}","a":"b"},"__metadata__":{}}', b""),
    ]:
        write("safetensors", name, header(fields, data))
    write("safetensors", "long-header", struct.pack("<Q", 1 << 47) + b"{}")
    write("index", "good", json.dumps({"metadata": {"total_size": 8096}, "weight_map": {"a": "1-of-2", "b": "2-of-2"}}))
    for name, content in {
        "deep": '{"metadata":' + "[" * 2000 + "]" * 2000 + ',"weight_map":{"a":"b"}}',
        "all-values": '{"metadata":[1,-1.5e+3,true,false,null,"\\u00e9",{"a":{}},[]],"weight_map":{"a":"b"}}',
        "elsewhere": '{"weight_map":{"a":"../b","b":"/etc/passwd"}}', "twice": '{"weight_map":{"a":"b","a":"b"}}',
        "no-text": '{"weight_map":{"a":1}}', "unclosed": '{"weight_map":{"a":"b"', "words": '{"a":nan,"b":0x10}',
        "many": json.dumps({"weight_map": {str(index): str(index) for index in range(200)}}),
    }.items():
        write("index", name, content)


def configuration() -> dict:
    return {"architecture": "vit_tiny_patch16_224", "num_classes": 0,
            "model_args": {"embed_dim": 1, "depth": 1, "num_heads": 1, "patch_size": [1, 1], "img_size": 1, "act_layer": "gelu"},
            "pretrained_cfg": {"input_size": [3, 1, 1], "interpolation": "bicubic", "crop_pct": 0.9, "mean": [0.5, 0.5, 0.5],
                               "std": [0.5, 0.5, 0.5]}}


def write_configurations() -> None:
    good = json.dumps(configuration())
    write("configuration", "timm", good)
    write("configuration", "timm-flat", json.dumps({"architecture": "vit"} | configuration()["pretrained_cfg"]))
    for name, content in {
        "deep": '{"a":' + "[" * 2000 + "]" * 2000 + "}", "deep-objects": '{"a":' * 1000 + "1" + "}" * 1000,
        "huge-numbers": good.replace("0.9", "1e999").replace("[3, 1, 1]", "[3, 1e30, -99999999999999999999]"),
        "twice": '{"model_args":{"depth":1,"depth":2},"model_args":{"depth":"x"}}', "null": "null", "list": "[1,2,3]",
        "text": '"\\ud800"', "not-utf-8": b'{"architecture":"\xff\xfe"}', "utf-16": good.encode("utf-16"), "nan": '{"crop_pct":NaN}',
        "long-list": '{"mean":[' + ",".join(["0"] * 2000) + "]}", "unclosed": good[:-3],
    }.items():
        write("configuration", name, content)


# MARK: whole checkpoints

def write_checkpoints() -> None:
    weights = encoder()
    write("checkpoint", "zip", rezip(torch_file({"model": weights, "epoch": 3})))
    write("checkpoint", "old", torch_file({"state_dict": {f"module.{name}": value for name, value in weights.items()}},
                                          _use_new_zipfile_serialization=False))
    write("checkpoint", "python-2", torch_file(collections.OrderedDict(weights), _use_new_zipfile_serialization=False,
                                               pickle_module=python2_pickle))
    separate = {name: value.clone() for name, value in weights.items()}
    write("checkpoint", "safetensors", save(separate, {"config": json.dumps(configuration())}))
    write("checkpoint", "mae", save(separate | {"mask_token": torch.ones(1, 1, 1), "decoder_embed.weight": torch.ones(1, 1)}))
    # One number in the file for many in memory.
    wide = weights | {"pos_embed": torch.ones(1).expand(1, 1 << 24, 1)}
    write("checkpoint", "expanded", rezip(torch_file(wide)))
    write("checkpoint", "expanded-far", rezip(torch_file(weights | {"blocks.0.mlp.fc1.weight": torch.ones(1).expand(1 << 24, 1)})))
    write("checkpoint", "far-block", save(separate | {"blocks.4095.norm1.bias": torch.ones(1)}))
    write("checkpoint", "not-finite", save(separate | {"norm.bias": torch.tensor([float("nan")])}))
    write("checkpoint", "web-page", "<!DOCTYPE html><html></html>")


def main() -> None:
    for file in corpus.glob("*/*"):
        if not file.name.startswith("finding-"):
            file.unlink()
    write_zips()
    write_pickles()
    write_torch_files()
    write_safetensors()
    write_configurations()
    write_checkpoints()


if __name__ == "__main__":
    main()
