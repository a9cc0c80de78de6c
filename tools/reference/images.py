"""Writes Tests/Fixtures/images: image files of every kind, and what Pillow and torchvision make of them.

    python tools/reference/images.py          (Pillow 13, torchvision 0.29, timm 1.0.31)

decoding.safetensors
    file/NAME      the bytes of an image file
    rgb/NAME       [height, width, 3], PIL.Image.open(file).convert("RGB")
    whole/NAME     for some files: whether Pillow decodes the file's first 0, 1, 2, ... bytes
preprocessing.safetensors
    crop/HEIGHTxWIDTH-RESIZE-CROP-INTERPOLATION
                   [CROP, CROP, 3], Resize(RESIZE) and CenterCrop(CROP) of the pattern that `pattern` defines
    input/...      [3, CROP, CROP], the same after ToTensor and Normalize with the ImageNet mean and deviation
    values         [3, 256], ToTensor and Normalize of every byte
crops.safetensors
    HEIGHTxWIDTH-CROPHEIGHTxCROPWIDTH-CROPPCT-MODE-INTERPOLATION
                   [CROPHEIGHT, CROPWIDTH, 3], what timm's evaluation transform makes of the pattern, MODE its crop_mode
views.safetensors
    boxes          [N, 10]: seed, image, view, height and width of an image, then top, left, height and width of the box
                   that the seed's RandomResizedCrop draws for it, and whether RandomHorizontalFlip mirrors it; both
                   draw from the numbers that our generator has for that seed, image and view
    crop/HEIGHTxWIDTH-TOP-LEFT-BOXHEIGHTxBOXWIDTH-CROP-INTERPOLATION[-mirrored]
                   [CROP, CROP, 3], the box of the pattern cut out, resized and mirrored as torchvision does it

Everything is compared bit for bit. JPEG pixels are libjpeg-turbo's: another libjpeg may round differently.
"""

import io
import math
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.numpy import save_file

try:
    import torchvision
except RuntimeError:
    # A torchvision built for another torch lacks its compiled operators. The transforms need none of them, but the
    # package declares their shapes while it is imported.
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import torchvision
from timm.data.transforms_factory import transforms_imagenet_eval
from torchvision import transforms
from torchvision.transforms import functional

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "images"
MEAN = (0.485, 0.456, 0.406)
STANDARD_DEVIATION = (0.229, 0.224, 0.225)


def pattern(height, width):
    """Rings of every frequency, in integers: the tests make the same image."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(3 * x * x + 5 * y * y + 7 * x * y + 85 * c) // 8 % 256 for c in range(3)], axis=-1).astype(np.uint8)


def scene(height, width, channels=3, seed=0):
    """Smooth colours with an edge and a little noise, as photographs have them."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [128 + 100 * np.sin(3 * x * (c + 1) + 5 * y + c) for c in range(channels)]
    image = np.stack(planes, axis=-1) + random.normal(0, 8, (height, width, channels))
    image[height // 3 : height // 2] += 60
    return np.clip(image, 0, 255).astype(np.uint8)


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **{"quality": 80, **options})
    return buffer.getvalue()


def jpeg_files():
    rgb = Image.fromarray(scene(37, 43))
    gray = rgb.convert("L")
    cmyk = Image.fromarray(scene(21, 26, 4), "CMYK")
    for name, subsampling in (("420", 2), ("422", 1), ("444", 0)):
        yield f"rgb-{name}.jpg", jpeg(rgb, subsampling=subsampling)
        yield f"rgb-{name}-progressive.jpg", jpeg(rgb, subsampling=subsampling, progressive=True)
    yield "rgb-rough.jpg", jpeg(rgb, quality=5)
    yield "rgb-fine.jpg", jpeg(rgb, quality=100, optimize=True)
    yield "rgb-restarts.jpg", jpeg(rgb, restart_marker_blocks=2)
    yield "rgb-untransformed.jpg", jpeg(rgb, keep_rgb=True)
    yield "gray.jpg", jpeg(gray)
    yield "gray-progressive.jpg", jpeg(gray, progressive=True)
    yield "cmyk.jpg", jpeg(cmyk)
    yield "cmyk-progressive.jpg", jpeg(cmyk, progressive=True)
    # The Adobe marker's last byte says how four components are to be read: 2 is YCCK.
    bytes_of_cmyk = jpeg(cmyk)
    at = bytes_of_cmyk.index(b"Adobe") + 11
    yield "ycck.jpg", bytes_of_cmyk[:at] + b"\2" + bytes_of_cmyk[at + 1 :]
    without_marker = bytes_of_cmyk[: at - 15] + bytes_of_cmyk[at + 1 :]
    yield "cmyk-without-marker.jpg", without_marker
    exif = Image.Exif()
    exif[0x0112] = 6
    yield "rotated-by-exif.jpg", jpeg(rgb, exif=exif)
    yield "profile.jpg", jpeg(rgb, icc_profile=b"not a profile" * 20)
    for height, width in ((1, 1), (1, 40), (40, 1), (3, 200), (8, 8), (17, 16)):
        yield f"size-{height}x{width}.jpg", jpeg(Image.fromarray(scene(height, width)))
    whole = jpeg(rgb)
    yield "junk-after.jpg", whole + b"junk" * 9
    # Damage inside the pixels' data, which libjpeg decodes around with a warning.
    middle = len(whole) - 300
    yield "damaged-pixels.jpg", whole[:middle] + b"\x12\x34\x56" + whole[middle + 3 :]
    yield "damaged-restart.jpg", jpeg(rgb, restart_marker_blocks=1).replace(b"\xff\xd3", b"\xff\xd6", 1)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def packed_rows(samples, bit_depth):
    """Rows of a filter byte (cycling through all five filters' decoders by way of 'none' and 'up') and their samples."""
    height, width = samples.shape[:2]
    rows = []
    previous = None
    for y in range(height):
        flat = samples[y].reshape(-1)
        if bit_depth == 16:
            row = flat.astype(">u2").tobytes()
        elif bit_depth == 8:
            row = flat.astype(np.uint8).tobytes()
        else:
            bits = (flat[:, None] >> np.arange(bit_depth - 1, -1, -1)) & 1
            row = np.packbits(bits.reshape(-1).astype(np.uint8)).tobytes()
        row = np.frombuffer(row, np.uint8)
        use_up = previous is not None and y % 2 == 1
        stored = row - previous if use_up else row
        rows.append(bytes([2 if use_up else 0]) + stored.tobytes())
        previous = row
    return b"".join(rows) if width else b""


ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def png(samples, color_type, bit_depth, interlaced=False, before=(), after=()):
    height, width = samples.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, int(interlaced))
    if interlaced:
        passes = [samples[y0::dy, x0::dx] for y0, x0, dy, dx in ADAM7]
        data = b"".join(packed_rows(part, bit_depth) for part in passes if part.size)
    else:
        data = packed_rows(samples, bit_depth)
    chunks = [chunk(b"IHDR", header), *before, chunk(b"IDAT", zlib.compress(data, 9)), *after, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PNG_KINDS = {
    "gray": (0, 1, (1, 2, 4, 8, 16)),
    "rgb": (2, 3, (8, 16)),
    "palette": (3, 1, (1, 2, 4, 8)),
    "gray-alpha": (4, 2, (8, 16)),
    "rgba": (6, 4, (8, 16)),
}


def png_files():
    random = np.random.default_rng(1)
    for kind, (color_type, channels, depths) in PNG_KINDS.items():
        for depth in depths:
            samples = random.integers(0, 1 << depth, (11, 13, channels))
            if kind == "gray" and depth == 16:
                samples[::2] //= 300  # values that survive, as Pillow cuts off at 255
            before = []
            if kind == "palette":
                palette = random.integers(0, 256, (min(200, 1 << depth), 3)).astype(np.uint8)
                before.append(chunk(b"PLTE", palette.tobytes()))
            for interlaced in (False, True):
                suffix = "-interlaced" if interlaced else ""
                yield f"{kind}-{depth}{suffix}.png", png(samples, color_type, depth, interlaced, before)
            if kind in ("gray", "rgb", "palette"):
                transparent = (
                    bytes(random.integers(0, 256, len(palette), dtype=np.uint8))
                    if kind == "palette"
                    else struct.pack(f">{channels}H", *samples[0, 0])
                )
                yield f"{kind}-{depth}-transparent.png", png(
                    samples, color_type, depth, False, [*before, chunk(b"tRNS", transparent)])
    for height, width in ((1, 1), (1, 40), (40, 1), (3, 3), (5, 2)):
        samples = random.integers(0, 256, (height, width, 3))
        yield f"size-{height}x{width}.png", png(samples, 2, 8)
        yield f"size-{height}x{width}-interlaced.png", png(samples, 2, 8, True)
    # As encoders write it, with all filters.
    buffer = io.BytesIO()
    Image.fromarray(scene(31, 29)).save(buffer, "PNG", optimize=True)
    written = buffer.getvalue()
    yield "filters.png", written
    samples = random.integers(0, 256, (6, 7, 3))
    chunks = [chunk(b"gAMA", struct.pack(">I", 45455)), chunk(b"tEXt", b"Comment\0text"), chunk(b"zzZz", b"unknown")]
    yield "chunks.png", png(samples, 2, 8, False, chunks, [chunk(b"tIME", b"\x07\xea\x0b\x18\x02\x00\x00")])
    plain = png(samples, 2, 8)
    yield "junk-after.png", plain + b"junk" * 9
    yield "without-end.png", plain[:-12]
    at = plain.index(b"IEND") - 8
    yield "wrong-checksum-of-pixels.png", plain[:at] + b"\0\0\0\0" + plain[at + 4 :]


def decoded(contents):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(Image.open(io.BytesIO(contents)).convert("RGB"))


def is_decodable(contents):
    try:
        decoded(contents)
        return 1
    except Exception:
        return 0


TRUNCATED = ("rgb-420.jpg", "rgb-420-progressive.jpg", "size-8x8.jpg", "rgb-8.png", "palette-4-interlaced.png")


def write_decoding():
    tensors = {}
    for name, contents in [*jpeg_files(), *png_files()]:
        tensors["file/" + name] = np.frombuffer(contents, np.uint8)
        tensors["rgb/" + name] = decoded(contents)
        if name in TRUNCATED:
            whole = [is_decodable(contents[:count]) for count in range(len(contents) + 1)]
            tensors["whole/" + name] = np.array(whole, np.uint8)
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, FOLDER / "decoding.safetensors")


PREPROCESSING = (
    # height, width, resize, crop
    (1, 1, 9, 7), (1, 50, 8, 8), (50, 1, 8, 8), (2, 300, 12, 9), (3, 200, 36, 32), (200, 3, 36, 32),
    (32, 32, 36, 32), (32, 32, 32, 32), (32, 45, 32, 32), (20, 30, 20, 24), (20, 30, 10, 24), (9, 40, 11, 24),
    (40, 9, 11, 23), (100, 100, 37, 32), (101, 99, 36, 32), (375, 500, 36, 31), (500, 375, 37, 31), (480, 640, 73, 64),
    (2000, 31, 29, 24), (17, 33, 36, 33), (1000, 1500, 20, 20), (16, 17, 255, 12),
)  # fmt: skip


def write_preprocessing():
    tensors = {}
    modes = transforms.InterpolationMode
    for height, width, resize, crop in PREPROCESSING:
        for interpolation in (modes.BICUBIC, modes.BILINEAR):
            image = Image.fromarray(pattern(height, width))
            steps = [transforms.Resize(resize, interpolation), transforms.CenterCrop(crop)]
            name = f"{height}x{width}-{resize}-{crop}-{interpolation.value}"
            tensors["crop/" + name] = np.asarray(transforms.Compose(steps)(image))
            if (height, width) in ((9, 40), (375, 500)):
                steps += [transforms.ToTensor(), transforms.Normalize(MEAN, STANDARD_DEVIATION)]
                tensors["input/" + name] = transforms.Compose(steps)(image).numpy()
    every_byte = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    steps = [transforms.ToTensor(), transforms.Normalize(MEAN, STANDARD_DEVIATION)]
    tensors["values"] = transforms.Compose(steps)(Image.fromarray(every_byte)).numpy()[:, 0]
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, FOLDER / "preprocessing.safetensors")


def write_crops():
    """Oblong inputs, and images that do not keep their proportions."""
    tensors = {}
    for height, width in ((61, 90), (90, 40), (8, 9), (1, 30), (41, 41)):
        image = Image.fromarray(pattern(height, width))
        for crop, crop_pct, mode in (
            ((24, 40), 0.875, "center"), ((40, 12), 1.0, "center"), ((24, 24), 0.9, "squash"), ((16, 40), 1.0, "squash"),
        ):  # fmt: skip
            for interpolation in ("bicubic", "bilinear"):
                transform = transforms_imagenet_eval(
                    crop, crop_pct=crop_pct, crop_mode=mode, interpolation=interpolation, normalize=False)
                name = f"{height}x{width}-{crop[0]}x{crop[1]}-{crop_pct}-{mode}-{interpolation}"
                tensors[name] = transform(image).permute(1, 2, 0).numpy()
    save_file(
        {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, FOLDER / "crops.safetensors")


class Generator:
    """Compute/SeededGenerator.swift: xoshiro256**, filled by splitmix64."""

    MASK = (1 << 64) - 1

    def __init__(self, seed, stream=None):
        if stream is not None:
            seed ^= Generator(stream ^ 0xD1B54A32D192ED03).next()
        self.state = []
        for _ in range(4):
            seed = (seed + 0x9E3779B97F4A7C15) & self.MASK
            z = ((seed ^ seed >> 30) * 0xBF58476D1CE4E5B9) & self.MASK
            z = ((z ^ z >> 27) * 0x94D049BB133111EB) & self.MASK
            self.state.append(z ^ z >> 31)

    def next(self):
        def rotate(x, k):
            return (x << k | x >> (64 - k)) & self.MASK

        s = self.state
        result = rotate(s[1] * 5 & self.MASK, 7) * 9 & self.MASK
        t = s[1] << 17 & self.MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotate(s[3], 45)
        return result

    def uniform(self, low=0.0, high=1.0):
        return low + (high - low) * ((self.next() >> 11) * 2.0**-53)

    def integer(self, bound):
        while True:
            product = self.next() * bound
            if product & self.MASK >= (1 << 64) % bound:
                return product >> 64


def random_resized_crop(width, height, random, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3)):
    """RandomResizedCrop.get_params of the seed's util/crop.py (which is MAE's), with numbers from `random` instead of
    torch's, in double precision, and with boxes of at least one pixel, as resizing an empty one is an error."""
    target_area = height * width * random.uniform(*scale)
    aspect_ratio = math.exp(random.uniform(math.log(ratio[0]), math.log(ratio[1])))
    w = min(max(1, int(round(math.sqrt(target_area * aspect_ratio)))), width)
    h = min(max(1, int(round(math.sqrt(target_area / aspect_ratio)))), height)
    i = random.integer(height - h + 1)
    j = random.integer(width - w + 1)
    return i, j, h, w


def drawn_boxes():
    sizes = ((375, 500), (500, 375), (32, 32), (1, 1), (1, 2), (2, 1), (1, 900), (900, 1), (3, 5000), (6000, 2), (7, 7))
    for seed in (0, 1, 2**64 - 1):
        for image, (height, width) in enumerate((*sizes, *sizes)):
            for view in (0, 1, 2, 65535):
                index = image if image < len(sizes) else 2**40 + image
                random = Generator(seed, index << 16 | view)
                box = random_resized_crop(width, height, random)
                yield [seed, index, view, height, width, *box, int(random.uniform() < 0.5)]


BOXES = (
    # height, width, (top, left, height, width), crop
    (375, 500, (10, 20, 200, 150), 24), (375, 500, (0, 0, 375, 500), 21), (100, 100, (60, 70, 40, 30), 24),
    (32, 32, (4, 5, 16, 16), 16), (30, 30, (10, 11, 3, 5), 24), (64, 64, (63, 63, 1, 1), 9), (1, 1, (0, 0, 1, 1), 8),
    (1, 50, (0, 10, 1, 7), 16), (50, 1, (10, 0, 7, 1), 16), (900, 40, (5, 3, 800, 30), 20),
    (40, 900, (3, 5, 30, 800), 20), (200, 300, (199, 0, 1, 300), 16), (200, 300, (0, 299, 200, 1), 16),
)  # fmt: skip


def write_views():
    tensors = {"boxes": np.array(list(drawn_boxes()), np.uint64).view(np.int64)}
    modes = transforms.InterpolationMode
    for height, width, (top, left, box_height, box_width), crop in BOXES:
        for interpolation in (modes.BICUBIC, modes.BILINEAR):
            image = Image.fromarray(pattern(height, width))
            view = functional.resized_crop(image, top, left, box_height, box_width, [crop, crop], interpolation)
            name = f"crop/{height}x{width}-{top}-{left}-{box_height}x{box_width}-{crop}-{interpolation.value}"
            tensors[name] = np.asarray(view)
            if interpolation == modes.BICUBIC:
                tensors[name + "-mirrored"] = np.asarray(functional.hflip(view))
    save_file({name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}, FOLDER / "views.safetensors")


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    write_decoding()
    write_preprocessing()
    write_crops()
    write_views()
