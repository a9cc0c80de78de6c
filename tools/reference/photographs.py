"""Writes FOLDER/digests.txt: what Pillow and torchvision make of the photographs in a folder, for PhotographTests.

    python tools/reference/photographs.py FOLDER
    PATCHBANK_PHOTOGRAPHS=FOLDER tools/test --filter PhotographTests

A line a photograph: its name, the SHA-256 of its RGB bytes, and that of the input that Resize(256, bicubic),
CenterCrop(224), ToTensor and Normalize make of it, [3, 224, 224] in float32. torchvision's rules for PIL images are
written out below, as they are few.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


def network_input(image):
    width, height = image.size
    short, long = min(width, height), max(width, height)
    if short != 256:
        other = int(256 * long / short)
        image = image.resize((256, other) if width <= height else (other, 256), Image.BICUBIC)
    left, top = (int(round((side - 224) / 2.0)) for side in image.size)
    pixels = np.asarray(image.crop((left, top, left + 224, top + 224))).astype(np.float32)
    return np.ascontiguousarray(((pixels / np.float32(255) - MEAN) / DEVIATION).transpose(2, 0, 1))


def digest(array):
    return hashlib.sha256(array.tobytes()).hexdigest()


def main():
    folder = Path(sys.argv[1])
    lines = []
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            image = Image.open(path).convert("RGB")
            lines.append(f"{path.name}\t{digest(np.asarray(image))}\t{digest(network_input(image))}\n")
    (folder / "digests.txt").write_text("".join(lines))


if __name__ == "__main__":
    main()
