"""Writes Tests/Fixtures/heads: probe heads trained for 20 steps by PyTorch, to be followed step by step.

For each case: the initial and the final state dictionary, the learning rate and the loss of every step, and the logits of
the trained head. Everything is computed in double precision from values that single precision holds exactly, so that the
reference's own rounding is no part of the difference. PatchBank computes in single precision; over 20 steps its losses
and weights must stay within 1e-4 (relative), about a thousand roundings of 6e-8. PyTorch in single precision stays within
2e-5 on all cases of attentive.json: settings under which training itself multiplies rounding are not among them. A case's
`without_gradient` names the parameters that its loss does not depend on; only rounding moves them.

heads.safetensors holds the seed's features, attentive.safetensors the attentive heads (tools/reference/attentive.py), and
gradients.safetensors, of awkward sizes, the loss, features, logits and every parameter's gradient of one pass, again
computed in double precision: features and logits must agree to 1e-5.

The seed's protocol: pooling -> BatchNorm1d(affine=False, eps=1e-6) -> Linear; cross entropy; LARS, SGD or AdamW; linear
warm-up and half-cycle cosine, set per step. Every parameter of the head is trained: with cond = "pe" the position
embedding, too.
"""

import contextlib
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

import attentive

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "heads"
IMAGES, GRID, WIDTH, CLASSES = 48, 4, 24, 5
BATCH, STEPS, STEPS_AN_EPOCH, EPOCHS, WARMUP = 16, 20, 5, 4, 1
# Of the gradients: nothing that vectors or blocks of a kernel divide.
ODD_GRID, ODD_WIDTH, ODD_BATCH = (3, 5), 20, 7

class Fixed(nn.Module):
    def __init__(self, features, prefix=1):
        super().__init__()
        self.features, self.prefix = features, prefix

    def forward(self, tokens):
        cls, mean = tokens[:, 0], tokens[:, self.prefix :].mean(dim=1)
        return {"cls": cls, "pos": mean, "both": torch.cat([cls, mean], dim=1)}[self.features]


class LARS(torch.optim.Optimizer):
    """You, Gitman and Ginsburg 2017, as MAE's linear probe has it."""

    def __init__(self, parameters, lr, momentum, weight_decay):
        super().__init__(parameters, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                update = parameter.grad
                if parameter.ndim > 1:
                    update = update + group["weight_decay"] * parameter
                    norms = parameter.norm(), update.norm()
                    if norms[0] > 0 and norms[1] > 0:
                        update = update * (0.001 * norms[0] / norms[1])
                velocity = self.state[parameter].setdefault("velocity", torch.zeros_like(parameter))
                velocity.mul_(group["momentum"]).add_(update)
                parameter.sub_(group["lr"] * velocity)


def optimizer_for(case, parameters):
    settings = {"lr": 0.0, "weight_decay": case["weight_decay"]}
    if case["optimizer"] == "adamw":
        return torch.optim.AdamW(parameters, **settings)
    kind = LARS if case["optimizer"] == "lars" else torch.optim.SGD
    return kind(parameters, momentum=case["momentum"], **settings)


def learning_rate(peak, epoch):
    if epoch < WARMUP:
        return peak * epoch / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * (epoch - WARMUP) / (EPOCHS - WARMUP)))


class TrainedPart(nn.Sequential):
    """Pooling, where it has parameters, batch norm and classifier: what a run's file of a head holds."""

    def __init__(self, case, width, grid):
        if case["features"] in ("cls", "pos", "both"):
            pooling, features = [], width * (2 if case["features"] == "both" else 1)
            choose = Fixed(case["features"])
        else:
            module, features, choose = attentive.pooling(case, width, grid, prefix=1)
            pooling = [module]
        norm = nn.BatchNorm1d(features, affine=False, eps=1e-6)
        super().__init__(*pooling, norm, nn.Linear(features, CLASSES))
        # Outside the list of modules, which is what names the parameters.
        object.__setattr__(self, "choose", choose)

    def forward(self, tokens):
        return super().forward(self.choose(tokens))


def head_for(case, width=WIDTH, grid=(GRID, GRID)):
    head = TrainedPart(case, width, grid)
    if case.get("noise"):
        # Published initial values are zeros and ones here and there, which would hide one mistake in two.
        with torch.no_grad():
            for parameter in head.parameters():
                parameter.add_(case["noise"] * torch.randn_like(parameter))
    return head.float().double()  # initial weights that single precision holds


def state(head):
    return {
        name: (value if value.dtype == torch.int64 else value.float()).clone()
        for name, value in head.state_dict().items()
    }


def train(head, case, tokens, labels, order, arithmetic=contextlib.nullcontext):
    """The losses of all batches and the learning rates of all steps; products are made in the context `arithmetic`."""
    optimizer = optimizer_for(case, head.parameters())
    losses, rates = [], []
    for step in range(STEPS):
        rate = learning_rate(case["peak"], step / STEPS_AN_EPOCH)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        for part in range(case["accumulation"]):
            rows = order[step * case["accumulation"] + part]
            with arithmetic():
                loss = nn.functional.cross_entropy(head(tokens[rows]), labels[rows])
            (loss / case["accumulation"]).backward()
            losses.append(loss.item())
        optimizer.step()
        rates.append(rate)
    return losses, rates


def run(case, tokens, labels, order):
    head = head_for(case)
    initial = state(head)
    losses, rates = train(head, case, tokens, labels, order)
    head.eval()
    with torch.no_grad():
        logits = head(tokens)
    arrays = {
        "losses": torch.tensor(losses, dtype=torch.float64),
        "rates": torch.tensor(rates, dtype=torch.float64),
        "logits": logits.float(),
    }
    arrays |= {f"initial.{name}": value for name, value in initial.items()}
    arrays |= {f"final.{name}": value for name, value in state(head).items()}
    case["without_gradient"] = [name for name, p in head.named_parameters() if is_unseen(p)]
    return {f"{case['name']}.{name}": value.contiguous() for name, value in arrays.items()}


def is_unseen(parameter):
    """Whether the loss does not depend on it: a softmax and a batch norm cancel what they are shifted by."""
    return parameter.grad is None or parameter.grad.abs().max() < 1e-12


def gradients(case, tokens, labels):
    """One pass in training mode over a batch that nothing divides."""
    head = head_for(case, ODD_WIDTH, ODD_GRID)
    arrays = {f"parameter.{name}": value for name, value in state(head).items()}
    features = []
    head[-2].register_forward_hook(lambda module, inputs, output: features.append(inputs[0]))
    logits = head(tokens)
    loss = nn.functional.cross_entropy(logits, labels)
    loss.backward()
    case["without_gradient"] = [name for name, p in head.named_parameters() if is_unseen(p)]
    # Parameters that nothing uses have none at all.
    arrays |= {f"gradient.{name}": p.grad.float() for name, p in head.named_parameters() if p.grad is not None}
    arrays |= {f"after.{name}": value.float() for name, value in head.named_buffers() if name.endswith(("mean", "var"))}
    arrays |= {"loss": loss.detach(), "logits": logits.detach().float(), "features": features[0].detach().float()}
    return {f"{case['name']}.{name}": value.contiguous() for name, value in arrays.items()}


def cases():
    plain = {"depth": 1, "act": "relu", "content": "all", "cond": "none", "accumulation": 1}
    lars = {"optimizer": "lars", "momentum": 0.9, "weight_decay": 0.0, "peak": 4.0}
    decayed = lars | {"weight_decay": 0.01}
    sgd = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.001, "peak": 0.5}
    momentum = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0, "peak": 0.05}
    adamw = {"optimizer": "adamw", "momentum": 0.0, "weight_decay": 0.05, "peak": 0.01}
    abmilp = {"features": "abmilp"}
    table = {
        "cls-lars": {"features": "cls"} | lars,
        "pos-sgd": {"features": "pos"} | sgd,
        "both-adamw": {"features": "both"} | adamw,
        "cls-momentum": {"features": "cls"} | momentum,
        "pos-accumulated": {"features": "pos", "accumulation": 2} | lars,
        "abmilp1-all-lars": abmilp | lars,
        "abmilp1-patch-sgd": abmilp | sgd | {"content": "patch"},
        "abmilp1-pe-lars": abmilp | decayed | {"cond": "pe"},
        "abmilp1-patch-pe-adamw": abmilp | adamw | {"content": "patch", "cond": "pe"},
        "abmilp2-relu-lars": abmilp | decayed | {"depth": 2},
        "abmilp2-tanh-pe-lars": abmilp | lars | {"depth": 2, "act": "tanh", "cond": "pe"},
        "abmilp2-tanh-patch-momentum": abmilp | momentum | {"depth": 2, "act": "tanh", "content": "patch"},
        "abmilp2-accumulated": abmilp | adamw | {"depth": 2, "accumulation": 2},
        "abmilp3-relu-patch-pe-sgd": abmilp | sgd | {"depth": 3, "content": "patch", "cond": "pe"},
        "abmilp3-tanh-adamw": abmilp | adamw | {"depth": 3, "act": "tanh"},
    }
    return [plain | case | {"name": name} for name, case in table.items()]


LARS_SETTINGS = {"optimizer": "lars", "momentum": 0.9, "weight_decay": 0.0, "peak": 2.0}
DECAYED_LARS = LARS_SETTINGS | {"weight_decay": 0.01}
# For heads with biases that their batch norm cancels, which rounding moves, times the learning rate, into its statistics.
SLOW_LARS = LARS_SETTINGS | {"peak": 0.5}
SGD = {"optimizer": "sgd", "momentum": 0.0, "weight_decay": 0.001, "peak": 0.2}
MOMENTUM = {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.0, "peak": 0.05}
# Only for heads all of whose parameters matter: what a softmax or a batch norm does not see, such as the keys' bias, has
# no gradient but rounding, of which AdamW makes whole steps.
ADAMW = {"optimizer": "adamw", "momentum": 0.0, "weight_decay": 0.05, "peak": 0.01}


def attentive_case(name, features, **more):
    plain = {
        "name": name, "features": features, "content": "all" if "-all" in name else "patch", "queries": 1, "heads": 1,
        "head_width": 1, "d_out": 1, "depth": 1, "act": "relu", "cond": "none", "sa": "none", "accumulation": 1,
        "noise": 0.05,
    }  # fmt: skip
    return plain | more


def attentive_cases():
    case = attentive_case
    return [
        case("ep3-patch-lars", "ep", queries=3, **LARS_SETTINGS),
        case("ep8-all-adamw", "ep", queries=8, **ADAMW),
        case("ep3-half-patch-sgd", "ep", queries=3, d_out=2, **SGD),
        case("ep24-all-momentum", "ep", queries=24, **MOMENTUM),
        case("ep1-patch-accumulated", "ep", accumulation=2, **DECAYED_LARS),
        case("simpool-patch-lars", "simpool", **LARS_SETTINGS),
        case("simpool-all-momentum", "simpool", **MOMENTUM),
        case("aim-patch-lars", "aim", heads=4, **DECAYED_LARS),
        case("aim-all-momentum", "aim", heads=3, **MOMENTUM),
        case("aim2-patch-accumulated", "aim", heads=2, queries=2, accumulation=2, **ADAMW),
        case("jepa-patch-lars", "jepa", heads=4, **SLOW_LARS),
        case("jepa-all-sgd", "jepa", heads=2, **SGD),
        case("abmilp1-map-all-lars", "abmilp", sa="map", **LARS_SETTINGS),
        case("abmilp1-both-patch-decayed", "abmilp", sa="both", **DECAYED_LARS),
        case("abmilp1-both-pe-all-momentum", "abmilp", sa="both", cond="pe", **MOMENTUM),
        case("abmilp1-map-pe-patch-sgd", "abmilp", sa="map", cond="pe", **SGD),
        case("abmilp2-both-tanh-all-lars", "abmilp", sa="both", depth=2, act="tanh", **SLOW_LARS),
        case("abmilp2-map-relu-pe-patch-sgd", "abmilp", sa="map", depth=2, cond="pe", **SGD),
        case("siglip-patch-lars", "siglip", heads=8, **SLOW_LARS),
        case("siglip-all-momentum", "siglip", heads=2, **MOMENTUM),
        case("clip-patch-lars", "clip", heads=4, **SLOW_LARS),
        case("clip-all-sgd", "clip", heads=2, **SGD),
        case("coca-patch-lars", "coca", heads=3, head_width=5, queries=4, **DECAYED_LARS),
        case("coca-all-adamw", "coca", heads=2, head_width=8, queries=2, **ADAMW),
        case("cae-patch-lars", "cae", heads=8, **SLOW_LARS),
        case("cae-all-sgd", "cae", heads=2, **SGD),
        case("cait-patch-lars", "cait", heads=4, noise=0.2, **SLOW_LARS | {"peak": 0.1}),
        case("cait-all-momentum", "cait", heads=2, noise=0.2, **MOMENTUM),
        case("cbam-patch-lars", "cbam", **LARS_SETTINGS),
        case("cbam-patch-adamw", "cbam", **ADAMW),
        case("dolg-patch-lars", "dolg", **SLOW_LARS),
        case("dolg-all-sgd", "dolg", **SGD),
    ]


def gradient_cases():
    case = attentive_case
    return [
        case("ep5-patch", "ep", queries=5),
        case("ep5-half-all", "ep", queries=5, d_out=2),
        case("simpool-patch", "simpool"),
        case("simpool-all", "simpool"),
        case("aim3-patch", "aim", heads=5, queries=3),
        case("aim-all", "aim", heads=4),
        case("jepa-patch", "jepa", heads=5),
        case("jepa-all", "jepa", heads=1),
        case("abmilp1-all", "abmilp"),
        case("abmilp3-tanh-pe-patch", "abmilp", depth=3, act="tanh", cond="pe"),
        case("abmilp1-map-pe-all", "abmilp", sa="map", cond="pe"),
        case("abmilp1-both-patch", "abmilp", sa="both"),
        case("abmilp2-map-tanh-patch", "abmilp", sa="map", depth=2, act="tanh"),
        case("abmilp3-both-pe-all", "abmilp", sa="both", depth=3, cond="pe"),
        case("siglip-patch", "siglip", heads=5),
        case("clip-all", "clip", heads=4),
        case("coca-patch", "coca", heads=3, head_width=7, queries=3),
        case("cae-all", "cae", heads=5),
        case("cait-patch", "cait", heads=4),
        case("cbam-patch", "cbam"),
        case("dolg-all", "dolg"),
    ]


def write(name, cases_name, arrays, described):
    save_file(arrays, FOLDER / f"{name}.safetensors")
    (FOLDER / f"{cases_name}.json").write_text(json.dumps(described, indent=2) + "\n")


def main():
    torch.manual_seed(0)
    labels = torch.arange(IMAGES) % CLASSES
    # A few patches tell the class, the rest is noise, and float16 holds every value.
    tokens = torch.randn(IMAGES, 1 + GRID * GRID, WIDTH)
    signs = torch.randn(CLASSES, WIDTH)
    for image in range(IMAGES):
        tokens[image, 1 + torch.randint(GRID * GRID, (2,))] += signs[labels[image]]
    tokens = tokens.half()
    order = torch.stack([torch.randperm(IMAGES)[:BATCH] for _ in range(2 * STEPS)])
    shared = {"tokens": tokens, "labels": labels.int(), "order": order.int()}
    arrays = {"rectangular_embedding": attentive.sine_cosine_embedding(16, 2, 3, 1).float()}
    FOLDER.mkdir(parents=True, exist_ok=True)
    described = cases()
    for case in described:
        arrays |= run(case, tokens.double(), labels, order)
    write("heads", "cases", shared | arrays, described)
    described, arrays = attentive_cases(), {}
    for case in described:
        arrays |= run(case, tokens.double(), labels, order)
    write("attentive", "attentive", shared | arrays, described)
    tokens = torch.randn(ODD_BATCH, 1 + ODD_GRID[0] * ODD_GRID[1], ODD_WIDTH).half()
    labels = torch.arange(ODD_BATCH) % CLASSES
    shared, described, arrays = {"tokens": tokens, "labels": labels.int()}, gradient_cases(), {}
    for case in described:
        arrays |= gradients(case, tokens.double(), labels)
    write("gradients", "gradients", shared | arrays, described)


if __name__ == "__main__":
    main()
