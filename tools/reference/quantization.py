"""Writes Tests/Fixtures/tokens: tokens rounded to 8 bits by numpy, one single-precision operation after the other.

q, the scales of tokens and the widened values must be equal to the bit: every operation on the way is correctly rounded
by IEEE 754 in numpy and in the kernels alike. So must the scales of channels, whose sums of squares are exact here: the
sample's values are whole numbers of 1/64.
"""

from pathlib import Path

import numpy
from safetensors.numpy import save_file

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "tokens"
TOKENS, WIDTH = 37, 61
random = numpy.random.default_rng(7)

sizes = numpy.exp(random.normal(0, 1.5, WIDTH))
sizes[[5, 17]] = 300, 1e-4
sample = (numpy.round(random.normal(0, 1, (60, WIDTH)) * sizes * 64) / 64).astype(numpy.float32)
sums = (sample.astype(numpy.float64) ** 2).sum(0)
least = numpy.sqrt(sums.sum() / sample.size) / 1024
size = numpy.maximum(numpy.sqrt(sums / len(sample)), least)
channel_scales = numpy.sqrt(size * numpy.sqrt(size)).astype(numpy.float32)

values = (random.normal(0, 1, (TOKENS, WIDTH)) * sizes * numpy.exp(random.normal(0, 1, (TOKENS, 1)))).astype("<f4")
values[3] = 0
values[4] *= numpy.float32(1e-35)  # next to nothing: zeros
values[5] *= numpy.float32(1e-20)
values[6] = numpy.round(values[6])  # halves to be rounded to even, with scales of 1
channel_scales[:8] = 1
values[7] = 0
values[7, :8] = 127, 0.5, 1.5, 2.5, -0.5, -1.5, -2.5, -127

scaled = values * (numpy.float32(1) / channel_scales)
largest = numpy.abs(scaled).max(1)
is_zero = largest < numpy.float32(2.0**-100)
token_scales = numpy.where(is_zero, 0, largest / numpy.float32(127)).astype(numpy.float32)
factor = numpy.where(is_zero, 0, numpy.float32(127) / numpy.where(is_zero, 1, largest)).astype(numpy.float32)
quantized = numpy.rint(scaled * factor[:, None]).astype(numpy.int8)
widened = quantized.astype(numpy.float32) * token_scales[:, None] * channel_scales
assert scaled.dtype == widened.dtype == numpy.float32 and quantized[7, :8].tolist() == [127, 0, 2, 2, 0, -2, -2, -127]

FOLDER.mkdir(parents=True, exist_ok=True)
save_file({
    "sample": sample, "sample_scales": numpy.sqrt(size * numpy.sqrt(size)).astype(numpy.float32), "values": values,
    "channel_scales": channel_scales, "quantized": quantized, "token_scales": token_scales, "widened": widened,
}, FOLDER / "quantization.safetensors")
