"""Writes Tests/Fixtures/baselines: k-nearest neighbours as DINO votes, ridge and logistic regression by scikit-learn.

Everything is computed in double precision from features that single precision holds exactly. What counts must agree
exactly; scores of ridge regression to 1e-5; the optimum of logistic regression in its loss to 1e-6 (relative), as the
minimum is flat: weights then agree to 1e-3.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "baselines"
TRAIN, VALIDATION, WIDTH, CLASSES = 150, 60, 20, 7
NEIGHBOURS, TEMPERATURES = [1, 3, 10, 20, 150], [0.01, 0.07, 1.0]
PENALTIES = [1e-4, 1e-2, 1.0]


def draw(generator):
    centres = 0.7 * torch.randn(CLASSES, WIDTH, generator=generator)
    scales = torch.logspace(-2, 2, WIDTH)

    def features(count):
        labels = torch.randint(0, CLASSES, (count,), generator=generator)
        values = centres[labels] + torch.randn(count, WIDTH, generator=generator)
        return values, labels

    (train, train_labels), (validation, validation_labels) = features(TRAIN), features(VALIDATION)
    # Offsets and scales that regressions must standardise; neighbours see the plain features.
    return {
        "train": train,
        "train_labels": train_labels.int(),
        "validation": validation,
        "validation_labels": validation_labels.int(),
        "scaled_train": train * scales + 5 * scales.flip(0),
        "scaled_validation": validation * scales + 5 * scales.flip(0),
    }


def neighbours(data):
    """`knn_classifier` of facebookresearch/dino's eval_knn.py, in its own formulas; [k, T, 2]: top-1 and top-5."""
    train, queries = (torch.nn.functional.normalize(data[name].double()) for name in ("train", "validation"))
    one_hot = torch.nn.functional.one_hot(data["train_labels"].long(), CLASSES).double()
    labels = data["validation_labels"].long()
    result = []
    for k in NEIGHBOURS:
        similarity, rows = (queries @ train.T).topk(k, dim=1)
        for temperature in TEMPERATURES:
            weights = ((similarity - similarity[:, :1]) / temperature).exp()
            votes = (weights.unsqueeze(2) * one_hot[rows]).sum(dim=1)
            order = votes.argsort(dim=1, descending=True, stable=True)
            right = order == labels.unsqueeze(1)
            result.append([right[:, : min(n, k)].sum().item() / VALIDATION for n in (1, 5)])
    return torch.tensor(result, dtype=torch.float64)


def regressions(data):
    scaler = StandardScaler().fit(data["scaled_train"].double().numpy())
    train, validation = (scaler.transform(data[f"scaled_{n}"].double().numpy()) for n in ("train", "validation"))
    labels = data["train_labels"].long()
    targets = torch.nn.functional.one_hot(labels, CLASSES).double().numpy()
    arrays = {}
    for index, penalty in enumerate(PENALTIES):
        ridge = Ridge(alpha=TRAIN * penalty).fit(train, targets)
        arrays[f"ridge.{index}"] = torch.tensor(ridge.predict(validation)).float()
        logistic = LogisticRegression(C=1 / (TRAIN * penalty), tol=1e-10, max_iter=100_000).fit(train, labels)
        scores = torch.tensor(logistic.decision_function(train))
        loss = torch.nn.functional.cross_entropy(scores, labels).item()
        loss += penalty / 2 * (logistic.coef_**2).sum()
        arrays[f"logistic.{index}"] = torch.tensor(logistic.decision_function(validation)).float()
        arrays[f"logistic_loss.{index}"] = torch.tensor([loss], dtype=torch.float64)
    return arrays


data = draw(torch.Generator().manual_seed(2))
FOLDER.mkdir(parents=True, exist_ok=True)
arrays = data | {"neighbours": neighbours(data)} | regressions(data)
save_file({name: array.contiguous() for name, array in arrays.items()}, FOLDER / "baselines.safetensors")
