"""Writes Tests/Fixtures/families: a tiny random Vision Transformer of each family, in the family's own kind of file.

    pip install torch==2.15.0 timm==1.0.31 transformers==5.24.0 open_clip_torch==3.3.0 safetensors scipy
    python tools/reference/families --checkouts DIR [NAME ...]

DIR has a checkout of each source that is no package; `--sources` prints where they come from. NAME are cases; without
any, all are made. For each, NAME.pth or NAME/ is the checkpoint with all that such files have besides, and
NAME.expected.safetensors what the family's own forward pass, in float64, makes of the image in it:

    pixels                [C, height, width]
    tokens                [L, T, D], the output of every block, before the final norm; [cls], registers, then patches
    normalized            [T, D], the last block's output after the final norm, where the model has one
    attention_statistics  [L, H, 8], as Tests/Fixtures/encoder has them; the ones of [cls] are NaN where there is none
    magnitudes            [L, 2]; the same
    class_attention       [H, P], where the model has [cls]
    center_attention      [4, P]

Its metadata tell what a user must say beside the file's name, and `facts` that a reader finds out. cases.json lists
all. Attention is recorded while the family's own code runs: softmax and scaled_dot_product_attention are replaced by
ones that keep what they compute, and hooks keep what goes in and out of blocks and attention layers. Nothing of a
forward pass is written anew. No weight is left at an initial value that would hide an error, such as a bias of zero.
"""

import argparse
import json
import warnings
from pathlib import Path

import torch

import checkouts as sources
import contrastive  # noqa: F401
import distilled  # noqa: F401
import masked  # noqa: F401
import timm_models  # noqa: F401
import transformers_models  # noqa: F401
from cases import CASES, produce
from full_size import FULL_SIZE
from refused import produce_refused

FOLDER = Path(__file__).resolve().parents[3] / "Tests" / "Fixtures" / "families"


def update_inventory(folder: Path, entries: list[dict]) -> None:
    """The inventory, in the order of CASES, with these entries new."""
    path = folder / "cases.json"
    known = {entry["name"]: entry for entry in json.loads(path.read_text())} if path.exists() else {}
    known |= {entry["name"]: entry for entry in entries}
    ordered = [known[case.name] for case in CASES if case.name in known]
    path.write_text(json.dumps(ordered, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="cases; by default all, and the refused architectures")
    parser.add_argument("--checkouts", type=Path, help="folder with a checkout of each source")
    parser.add_argument("--sources", action="store_true", help="print where the checkouts come from, and stop")
    parser.add_argument("--full-size", choices=FULL_SIZE, action="append", help="a whole ViT-B instead, into --output")
    parser.add_argument("--output", type=Path, default=FOLDER)
    options = parser.parse_args()
    print(sources.describe())
    if options.sources:
        return
    if options.checkouts is None:
        parser.error("--checkouts is needed")
    if options.full_size and options.output == FOLDER:
        parser.error("--full-size is for a folder of its own: --output")
    unknown = set(options.names) - {case.name for case in CASES}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")

    warnings.filterwarnings("ignore")
    options.output.mkdir(parents=True, exist_ok=True)
    checkouts = sources.Checkouts(options.checkouts.resolve())
    chosen = [case for case in CASES if not options.names or case.name in options.names]
    entries = []
    for case in [FULL_SIZE[name] for name in options.full_size] if options.full_size else chosen:
        entries.append(produce(case, checkouts, options.output))
        print("wrote", case.name)
    if options.full_size:
        print(json.dumps(entries, indent=1))
        return
    update_inventory(options.output, entries)
    if not options.names:
        produce_refused(checkouts, options.output)


if __name__ == "__main__":
    torch.set_num_threads(1)
    main()
