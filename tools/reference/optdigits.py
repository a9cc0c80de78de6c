"""Writes tools/cluttered-digits/optdigits.txt: the 1,797 handwritten digits that scikit-learn ships.

One line per digit, in scikit-learn's order: the label, then the 8 x 8 pixels row by row, each one
character 0-9a-g for the ink counts 0 to 16. Deterministic; nothing is rounded.

    python tools/reference/optdigits.py

Data: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning
Repository, https://doi.org/10.24432/C50P49, CC BY 4.0.
"""

from pathlib import Path

from sklearn.datasets import load_digits

CHARACTERS = "0123456789abcdefg"


def main() -> None:
    digits = load_digits()
    path = Path(__file__).parent.parent / "cluttered-digits" / "optdigits.txt"
    with path.open("w", encoding="ascii", newline="\n") as file:
        for pixels, label in zip(digits.data.astype(int), digits.target):
            assert pixels.shape == (64,) and 0 <= pixels.min() and pixels.max() <= 16
            file.write(f"{label}{''.join(CHARACTERS[value] for value in pixels)}\n")
    print(f"{path}: {len(digits.target)} digits, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
