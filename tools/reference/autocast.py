"""Writes Tests/Fixtures/heads/autocast.safetensors: the cases of heads.py trained by PyTorch's autocast to bfloat16.

From the initial weights, batches and learning rates of the fixtures that heads.py has written. For each case the loss of
every batch. Rounded operands make another run of it, which drifts away from the one in double precision as training goes
on; how far is no property of ours. So PatchBank with operands in bfloat16 may be as far from double precision as PyTorch is
with them: autocast rounds results of products, too, which PatchBank does not.
"""

import json

import torch
from safetensors.torch import load_file, save_file

import heads


def losses(case, arrays):
    head = heads.head_for(case).float()
    prefix = f"{case['name']}.initial."
    head.load_state_dict({name[len(prefix) :]: a for name, a in arrays.items() if name.startswith(prefix)})
    labels, order = arrays["labels"].long(), arrays["order"].long()
    found, _ = heads.train(
        head, case, arrays["tokens"].float(), labels, order, lambda: torch.autocast("cpu", torch.bfloat16))
    return torch.tensor(found)


def main():
    found = {}
    for file, cases in (("heads", "cases"), ("attentive", "attentive")):
        arrays = load_file(heads.FOLDER / f"{file}.safetensors")
        for case in json.loads((heads.FOLDER / f"{cases}.json").read_text()):
            found[f"{case['name']}.losses"] = losses(case, arrays)
    save_file(found, heads.FOLDER / "autocast.safetensors")


if __name__ == "__main__":
    main()
