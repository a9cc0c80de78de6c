"""Writes Tests/Fixtures/heads: probe heads trained for 20 steps by PyTorch, to be followed step by step.

For each case: the initial and the final state dictionary, the learning rate and the loss of every step, and the logits of
the trained head. Everything is computed in double precision from values that single precision holds exactly, so that the
reference's own rounding is no part of the difference. PatchBank computes in single precision; over 20 steps its losses
and weights must stay within 1e-4 (relative), about a thousand roundings of 6e-8.

The seed's protocol: pooling -> BatchNorm1d(affine=False, eps=1e-6) -> Linear; cross entropy; LARS, SGD or AdamW; linear
warm-up and half-cycle cosine, set per step. Every parameter of the head is trained: with cond = "pe" the position
embedding, too.
"""

import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "heads"
IMAGES, GRID, WIDTH, CLASSES = 48, 4, 24, 5
BATCH, STEPS, STEPS_AN_EPOCH, EPOCHS, WARMUP = 16, 20, 5, 4, 1


def sine_cosine_embedding(width, grid_height, grid_width, prefix):
    """[1, prefix + grid_height * grid_width, width]: sines and cosines of the column, then of the row."""
    frequency = 1 / 10000 ** (torch.arange(width // 4, dtype=torch.float64) / (width // 4))
    rows = []
    for row in range(grid_height):
        for column in range(grid_width):
            parts = [f(position * frequency) for position in (column, row) for f in (torch.sin, torch.cos)]
            rows.append(torch.cat(parts))
    embedding = torch.cat([torch.zeros(prefix, width, dtype=torch.float64), torch.stack(rows)])
    return embedding.float().double().unsqueeze(0)


class Fixed(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = features

    def forward(self, tokens):
        cls, mean = tokens[:, 0], tokens[:, 1:].mean(dim=1)
        return {"cls": cls, "pos": mean, "both": torch.cat([cls, mean], dim=1)}[self.features]


class AbMILP(nn.Module):
    def __init__(self, depth, act, content, cond):
        super().__init__()
        self.content, self.cond = content, cond
        prefix = 0 if content == "patch" else 1
        self.pos_embed = nn.Parameter(sine_cosine_embedding(WIDTH, GRID, GRID, prefix))
        layers = []
        for _ in range(depth - 1):
            layers += [nn.Linear(WIDTH, WIDTH), nn.Tanh() if act == "tanh" else nn.ReLU()]
        self.attention_predictor = nn.Sequential(*layers, nn.Linear(WIDTH, 1))

    def forward(self, tokens):
        if self.content == "patch":
            tokens = tokens[:, 1:]
        scored = tokens + self.pos_embed if self.cond == "pe" else tokens
        attention = self.attention_predictor(scored).softmax(dim=1)
        return (attention * tokens).sum(dim=1)


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


def head_for(case):
    if case["features"] == "abmilp":
        pooling, width = [AbMILP(case["depth"], case["act"], case["content"], case["cond"])], WIDTH
    else:
        pooling, width = [], WIDTH * (2 if case["features"] == "both" else 1)
    norm = nn.BatchNorm1d(width, affine=False, eps=1e-6)
    head = nn.Sequential(*pooling, norm, nn.Linear(width, CLASSES))
    return head.float().double()  # initial weights that single precision holds


def state(head):
    return {
        name: (value if value.dtype == torch.int64 else value.float()).clone()
        for name, value in head.state_dict().items()
    }


def run(case, tokens, labels, order):
    head = head_for(case)
    initial = state(head)
    features = (lambda x: x) if case["features"] == "abmilp" else Fixed(case["features"])
    optimizer = optimizer_for(case, head.parameters())
    losses, rates = [], []
    for step in range(STEPS):
        rate = learning_rate(case["peak"], step / STEPS_AN_EPOCH)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        for part in range(case["accumulation"]):
            rows = order[step * case["accumulation"] + part]
            loss = nn.functional.cross_entropy(head(features(tokens[rows])), labels[rows])
            (loss / case["accumulation"]).backward()
            losses.append(loss.item())
        optimizer.step()
        rates.append(rate)
    head.eval()
    with torch.no_grad():
        logits = head(features(tokens))
    arrays = {
        "losses": torch.tensor(losses, dtype=torch.float64),
        "rates": torch.tensor(rates, dtype=torch.float64),
        "logits": logits.float(),
    }
    arrays |= {f"initial.{name}": value for name, value in initial.items()}
    arrays |= {f"final.{name}": value for name, value in state(head).items()}
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
    arrays = {"tokens": tokens, "labels": labels.int(), "order": order.int()}
    arrays["rectangular_embedding"] = sine_cosine_embedding(16, 2, 3, 1).float()
    for case in cases():
        arrays |= run(case, tokens.double(), labels, order)
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file(arrays, FOLDER / "heads.safetensors")
    (FOLDER / "cases.json").write_text(json.dumps(cases(), indent=2) + "\n")


if __name__ == "__main__":
    main()
