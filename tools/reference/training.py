"""Writes Tests/Fixtures/training: what heads are built and trained from, computed by PyTorch in double precision.

- `block.*`: x + fc2(GELU(fc1(LayerNorm(x)))) over 9 rows, and the gradients of sum(output * direction);
- `loss.*`: cross entropy of labels, with and without smoothing; binary cross entropy; of each the losses of the rows and the
  gradient of their mean;
- `optimizer.*`: 20 steps of a weight and a bias along given gradients.

Every input is a value that single precision holds, so that the reference's own rounding is no part of the difference.
PatchBank computes in single precision: a product over 24 numbers is right to about 1e-6, and a weight after 20 steps to
20 roundings of 6e-8 and what the moments carry on, well below 1e-5 (relative).
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "training"
ROWS, WIDTH, HIDDEN, CLASSES, STEPS = 9, 24, 40, 11, 20


def draw(*shape):
    """Values that single precision holds."""
    return torch.randn(*shape).double()


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, eps=1e-6)
        self.fc1 = nn.Linear(WIDTH, HIDDEN)
        self.fc2 = nn.Linear(HIDDEN, WIDTH)

    def forward(self, x):
        return x + self.fc2(functional.gelu(self.fc1(self.norm(x))))


def block():
    model = Block().double()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(draw(*parameter.shape) * 0.25)
    x, direction = draw(ROWS, WIDTH).requires_grad_(), draw(ROWS, WIDTH)
    output = model(x)
    (output * direction).sum().backward()
    arrays = {"input": x, "direction": direction, "output": output, "input_gradient": x.grad}
    for name, parameter in model.named_parameters():
        arrays |= {name: parameter, f"gradient.{name}": parameter.grad}
    return {f"block.{name}": array for name, array in arrays.items()}


def losses():
    logits = 3 * draw(ROWS, CLASSES)
    labels = torch.randint(CLASSES, (ROWS,))
    several = torch.randint(2, (ROWS, CLASSES)).double()
    rows = {
        "plain": lambda x: functional.cross_entropy(x, labels, reduction="none"),
        "smoothed": lambda x: functional.cross_entropy(x, labels, reduction="none", label_smoothing=0.125),
        "binary": lambda x: functional.binary_cross_entropy_with_logits(x, several, reduction="none").mean(dim=1),
    }
    arrays = {"logits": logits, "labels": labels.int(), "several": several}
    for name, loss in rows.items():
        x = logits.clone().requires_grad_()
        values = loss(x)
        values.mean().backward()
        arrays |= {f"{name}.rows": values, f"{name}.gradient": x.grad}
    return {f"loss.{name}": array for name, array in arrays.items()}


class LARS(torch.optim.Optimizer):
    """As in heads.py, with Nesterov's momentum as torch.optim.SGD has it."""

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for parameter in group["params"]:
                update = parameter.grad
                if parameter.ndim > 1:
                    update = update + group["weight_decay"] * parameter
                    update = update * (0.001 * parameter.norm() / update.norm())
                velocity = self.state[parameter].setdefault("velocity", torch.zeros_like(parameter))
                velocity.mul_(group["momentum"]).add_(update)
                parameter.sub_(group["lr"] * (update + group["momentum"] * velocity))


def optimizers():
    start = [draw(6, 5), draw(6)]
    gradients = [draw(STEPS, 6, 5), draw(STEPS, 6)]
    kinds = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.125, momentum=0.875, weight_decay=0.0625, nesterov=True),
        "lars": lambda p: LARS(p, {"lr": 4.0, "momentum": 0.875, "weight_decay": 0.0625}),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.125, betas=(0.75, 0.9375), weight_decay=0.0625),
    }
    arrays = {"start.weight": start[0], "start.bias": start[1]}
    arrays |= {"gradients.weight": gradients[0], "gradients.bias": gradients[1]}
    for name, make in kinds.items():
        parameters = [nn.Parameter(array.clone()) for array in start]
        optimizer = make(parameters)
        for step in range(STEPS):
            for parameter, gradient in zip(parameters, gradients):
                parameter.grad = gradient[step].clone()
            optimizer.step()
        arrays |= {f"{name}.weight": parameters[0], f"{name}.bias": parameters[1]}
    return {f"optimizer.{name}": array for name, array in arrays.items()}


def main():
    torch.manual_seed(0)
    arrays = block() | losses() | optimizers()
    arrays = {
        name: (array if array.dtype == torch.int32 else array.detach().float()).contiguous()
        for name, array in arrays.items()
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    save_file(arrays, FOLDER / "training.safetensors")


if __name__ == "__main__":
    main()
