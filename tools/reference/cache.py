"""Write Tests/Fixtures/cache: HDF5 files that are shards but for one thing each, which a reader must refuse.

Usage: python tools/reference/cache.py. Deterministic; needs h5py and numpy. No numbers are compared, so there are no
tolerances. `good.h5` is the one that is read; what is wrong with another is in its name.
"""

import pathlib

import h5py
import numpy

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "cache"
TOKENS = numpy.arange(24, dtype="<f2").reshape(2, 3, 4)


def text_type(size, character_set=h5py.h5t.CSET_UTF8):
    created = h5py.h5t.C_S1.copy()
    created.set_size(size)
    created.set_cset(character_set)
    created.set_strpad(h5py.h5t.STR_NULLPAD)
    return created


def write_attribute(file, name, kind, value, shape=None):
    space = h5py.h5s.create(h5py.h5s.SCALAR) if shape is None else h5py.h5s.create_simple(shape)
    h5py.h5a.create(file.id, name.encode(), kind, space).write(value, mtype=kind)


def write_text(file, name, value):
    write_attribute(file, name, text_type(len(value)), numpy.array(value, dtype=f"S{len(value)}"))


def write_integer(file, name, value):
    write_attribute(file, name, h5py.h5t.STD_U64LE, numpy.array(value, dtype="<u8"))


ATTRIBUTES = {
    "schema": lambda file: write_text(file, "schema", b"patchbank-token-cache"),
    "schema_version": lambda file: write_integer(file, "schema_version", 1),
    "config_json": lambda file: write_text(file, "config_json", b'{"model":{}}'),
    "shard_index": lambda file: write_integer(file, "shard_index", 3),
    "row_start": lambda file: write_integer(file, "row_start", 6),
}


def write_tokens(file):
    file.create_dataset("tokens", data=TOKENS)


def write(name, tokens=write_tokens, attributes=None, libver=("v108", "v110"), **options):
    """Writes a shard of two rows, some parts of which the arguments replace."""
    path = FOLDER / name
    with h5py.File(path, "w", libver=libver, **options) as file:
        tokens(file)
        if "ids" not in file:
            kind = text_type(6)
            ids = h5py.h5d.create(file.id, b"ids", kind, h5py.h5s.create_simple((2,)))
            ids.write(h5py.h5s.ALL, h5py.h5s.ALL, numpy.array([b"a.png", b"\xc3\xa4.png"], dtype="S6"), mtype=kind)
        if "row_state" not in file:
            file.create_dataset("row_state", data=numpy.array([1, 2], dtype="u1"))
        for write_one in {**ATTRIBUTES, **(attributes or {})}.values():
            write_one(file)
    return path


def write_links(file):
    write_tokens(file)
    for index in range(600):
        file[f"link{index}"] = file["tokens"]


def write_virtual(file):
    layout = h5py.VirtualLayout(shape=(2, 3, 4), dtype="<f2")
    layout[:] = h5py.VirtualSource("other.h5", "tokens", shape=(2, 3, 4))
    file.create_virtual_dataset("tokens", layout)


def write_compact(file):
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_layout(h5py.h5d.COMPACT)
    kind = h5py.h5t.py_create(TOKENS.dtype)
    dataset = h5py.h5d.create(file.id, b"tokens", kind, h5py.h5s.create_simple((2, 3, 4)), dcpl=properties)
    dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, TOKENS)


def write_everything_twice(file):
    write_tokens(file)
    file["tokens_block_00"] = file["tokens"]


def hostile_datasets():
    shape = (2, 3, 4)
    yield "soft-link.h5", lambda file: file.__setitem__("tokens", h5py.SoftLink("/elsewhere"))
    yield "external-link.h5", lambda file: file.__setitem__("tokens", h5py.ExternalLink("other.h5", "/tokens"))
    yield "chunked.h5", lambda file: file.create_dataset("tokens", data=TOKENS, chunks=(1, 3, 4))
    yield "gzip.h5", lambda file: file.create_dataset("tokens", data=TOKENS, compression="gzip")
    yield "compact.h5", write_compact
    yield "virtual.h5", write_virtual
    yield "external-storage.h5", lambda file: file.create_dataset(
        "tokens", shape, "<f2", external=[("/etc/passwd", 0, 48)])
    yield "unallocated.h5", lambda file: file.create_dataset("tokens", shape, "<f2")
    yield "huge.h5", lambda file: file.create_dataset("tokens", (1 << 40, 1 << 20), "<f2")
    yield "overflowing.h5", lambda file: file.create_dataset("tokens", (1 << 31, 1 << 31), "<f2")
    yield "no-rows.h5", lambda file: file.create_dataset("tokens", (0, 3, 4), "<f2")
    yield "big-endian.h5", lambda file: file.create_dataset("tokens", data=TOKENS.astype(">f2"))
    yield "float64.h5", lambda file: file.create_dataset("tokens", data=TOKENS.astype("<f8"))
    yield "compound.h5", lambda file: file.create_dataset("tokens", shape, [("a", "<f2")], data=numpy.zeros(shape, [("a", "<f2")]))
    yield "variable-text.h5", lambda file: file.create_dataset("tokens", data=["a", "b"], dtype=h5py.string_dtype())
    yield "ascii-text.h5", lambda file: h5py.h5d.create(
        file.id, b"tokens", text_type(4, h5py.h5t.CSET_ASCII), h5py.h5s.create_simple((2,)))
    yield "long-text.h5", lambda file: h5py.h5d.create(
        file.id, b"tokens", text_type(5000), h5py.h5s.create_simple((2,)))
    yield "scalar.h5", lambda file: file.create_dataset("tokens", data=numpy.float16(1))
    yield "five-dimensions.h5", lambda file: file.create_dataset("tokens", data=TOKENS.reshape(2, 3, 2, 2, 1))
    yield "group.h5", lambda file: file.create_group("tokens")
    yield "long-name.h5", lambda file: file.create_dataset("t" * 100, data=TOKENS)
    yield "many-links.h5", write_links
    yield "overlapping.h5", write_everything_twice


def hostile_attributes():
    yield "no-schema.h5", "schema", lambda file: None
    yield "no-config.h5", "config_json", lambda file: None
    yield "variable-config.h5", "config_json", lambda file: file.attrs.__setitem__("config_json", "{}")
    yield "config-not-utf8.h5", "config_json", lambda file: write_text(file, "config_json", b"{\xff}")
    yield "signed-index.h5", "shard_index", lambda file: file.attrs.__setitem__("shard_index", numpy.int32(3))
    yield "array-index.h5", "shard_index", lambda file: file.attrs.__setitem__("shard_index", numpy.zeros(3, "<u8"))


def replace_once(path, old, new):
    bytes_ = path.read_bytes()
    assert bytes_.count(old) == 1, path
    path.write_bytes(bytes_.replace(old, new))


def write_lies():
    """The oldest format has no checksums over its headers, so a place and a size can be changed."""
    for name, change in [("lying-offset.h5", (1 << 40, 0)), ("lying-end.h5", (None, 0)), ("lying-size.h5", (0, 40))]:
        path = write(name, libver=("earliest", "v110"))
        with h5py.File(path) as file:
            offset = file["tokens"].id.get_offset()
        place, size = change
        moved = path.stat().st_size - 10 if place is None else offset + place
        pack = lambda *values: b"".join(value.to_bytes(8, "little") for value in values)
        replace_once(path, pack(offset, 48), pack(moved, size or 48))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    good = write("good.h5").read_bytes()
    for name, tokens in hostile_datasets():
        write(name, tokens)
    for name, attribute, write_one in hostile_attributes():
        write(name, attributes={attribute: write_one})
    write("user-block.h5", userblock_size=512)
    write_lies()
    (FOLDER / "truncated.h5").write_bytes(good[: len(good) // 2])
    (FOLDER / "signature-only.h5").write_bytes(good[:8])


if __name__ == "__main__":
    main()
