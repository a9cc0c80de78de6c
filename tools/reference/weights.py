"""Writes Tests/Fixtures/heads/weights.safetensors: what tokens weigh in the trained heads of heads.py's first two files.

For each case [images, rows, 1 + patches], in the order query, attention head, with 0 for [cls] where a head looks at
patches alone, and in `own` [images, rows] what a head's own token weighs (CaiT, CLIP). Softmaxes, and the gates and scores of
CBAM and DOLG, are caught while PyTorch computes them in evaluation mode and double precision. Where AbMILP's features are
made of a self-attention's output, sum over t of a_t u_t with u_t = sum over s of P_ts x_s, a token weighs the sum over t of
a_t P_ts. PatchBank computes in single precision: weights, which are at most 1, must agree to 1e-5.
"""

import json

import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional

import heads

IMAGES_SHOWN = 6


class Caught:
    """The results of softmax, sigmoid and softplus, in the order of their calls."""

    def __enter__(self):
        self.softmaxes, self.gates = [], []
        self.originals = torch.Tensor.softmax, torch.Tensor.sigmoid, functional.softplus
        softmax, sigmoid, softplus = self.originals
        torch.Tensor.softmax = lambda *values, **more: self.keep(self.softmaxes, softmax(*values, **more))
        torch.Tensor.sigmoid = lambda *values: self.keep(self.gates, sigmoid(*values))
        functional.softplus = lambda *values: self.keep(self.gates, softplus(*values))
        return self

    def __exit__(self, *exception):
        torch.Tensor.softmax, torch.Tensor.sigmoid, functional.softplus = self.originals

    @staticmethod
    def keep(results, result):
        results.append(result)
        return result


def weights(case, caught):
    """[B, rows, tokens that take part], and the own token's share where there is one."""
    kind = case["features"]
    if kind == "abmilp":
        attention = caught.softmaxes[-1].mT
        return attention @ caught.softmaxes[0].squeeze(1) if case.get("sa") == "both" else attention, None
    if kind in ("cbam", "dolg"):
        values = caught.gates[-1].flatten(1).unsqueeze(1)
        return values / values.shape[-1] if kind == "dolg" else values, None
    rows = caught.softmaxes[-1]
    if rows.ndim == 4:  # [B, heads, queries, tokens]
        rows = rows.transpose(1, 2).flatten(1, 2)
    return (rows[..., 1:], rows[..., 0]) if kind in ("cait", "clip") else (rows, None)


def case_weights(cases_name, file_name):
    described = json.loads((heads.FOLDER / f"{cases_name}.json").read_text())
    file, arrays = load_file(heads.FOLDER / f"{file_name}.safetensors"), {}
    tokens = file["tokens"][:IMAGES_SHOWN].double()
    for case in described:
        name = case["name"]
        if case["features"] in ("cls", "pos", "both"):
            continue
        head = heads.head_for(case | {"noise": 0})
        prefix = f"{name}.final."
        head.load_state_dict({key.removeprefix(prefix): file[key] for key in file if key.startswith(prefix)})
        head.eval()
        with torch.no_grad(), Caught() as caught:
            head(tokens)
        rows, own = weights(case, caught)
        rows = functional.pad(rows, (tokens.shape[1] - rows.shape[-1], 0))
        arrays[name] = rows.float().contiguous()
        if own is not None:
            arrays[f"{name}.own"] = own.float().contiguous()
    return arrays


def main():
    arrays = case_weights("cases", "heads") | case_weights("attentive", "attentive")
    save_file(arrays, heads.FOLDER / "weights.safetensors")


if __name__ == "__main__":
    main()
