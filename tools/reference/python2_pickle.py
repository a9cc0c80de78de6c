"""Pickles as Python 2's cPickle wrote them in protocol 2, for torch.save(..., pickle_module=python2_pickle).

What differs from Python 3 in the same protocol: text is a string of bytes, whole numbers beyond 32 bits are decimal text,
an OrderedDict is a call with the list of its pairs, an old-style object has an instruction of its own. Tensors that begin
inside a storage see a part of it, as PyTorch had it before 0.4.
"""

import collections
import io
import pickle
import struct

import numpy as np
import torch


class OldStyleObject:
    """Stands for an instance of a class that has no base, which Python 3 does not know."""


class Pickler(pickle._Pickler):
    dispatch = pickle._Pickler.dispatch.copy()

    def __init__(self, file, protocol=2):
        super().__init__(file, 2)
        self.part = None

    def save_string(self, value):
        data = value.encode() if isinstance(value, str) else value
        short = len(data) < 256
        self.write((pickle.SHORT_BINSTRING + bytes([len(data)]) if short else
                    pickle.BINSTRING + struct.pack("<i", len(data))) + data)
        self.memoize(value)

    dispatch[str] = dispatch[bytes] = save_string

    def save_integer(self, value):
        if -(1 << 31) <= value < 1 << 31:
            self.save_long(value)
        elif value < 1 << 63:
            self.write(b"I%d\n" % value)
        else:
            self.save_long(value)

    dispatch[int] = save_integer

    def save_old_style(self, value):
        self.write(pickle.MARK + pickle.GLOBAL + b"logging\nRecord\n" + b"o")
        self.memoize(value)
        self.save(vars(value))
        self.write(pickle.BUILD)

    dispatch[OldStyleObject] = save_old_style

    def save_pers(self, identifier):
        if self.part:
            offset, count = self.part
            identifier = (*identifier[:5], (f"{identifier[2]}:{offset}", offset, count))
        super().save_pers(identifier)

    def save_reduce(self, func, args, state=None, *rest, **named):
        super().save_reduce(func, args, state, *rest, **named)
        self.part = None

    def reducer_override(self, value):
        if isinstance(value, collections.OrderedDict):
            return collections.OrderedDict, ([list(pair) for pair in value.items()],)
        if isinstance(value, torch.Tensor):
            offset = value.storage_offset()
            self.part = (offset, value.numel()) if offset else None
            return torch._utils._rebuild_tensor, (value._typed_storage(), 0, tuple(value.shape), value.stride())
        if isinstance(value, np.generic):
            return np.core.multiarray.scalar, (value.dtype, value.tobytes())
        return NotImplemented


def dump(value, file, protocol=2):
    Pickler(file).dump(value)


def dumps(value, protocol=2):
    file = io.BytesIO()
    dump(value, file)
    return file.getvalue()
