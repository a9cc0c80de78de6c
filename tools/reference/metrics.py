"""Writes Tests/Fixtures/metrics: what scikit-learn and PyTorch measure of some logits.

Everything is computed in double precision from scores that single precision holds exactly, so that metrics must agree but
for the rounding of exponentials: 1e-5 for losses and confidences, and exactly for what only counts. Ties are part of the
scores of several labels, where scikit-learn says what they mean; those of one label have none.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    recall_score,
    top_k_accuracy_score,
)

FOLDER = Path(__file__).resolve().parents[2] / "Tests" / "Fixtures" / "metrics"
IMAGES, CLASSES, BINS = 203, 19, 15


def calibration_error(confidence, right):
    """Guo et al. 2017, equation 3; bin m holds what is in ((m - 1) / M, m / M]."""
    error = 0.0
    for low in range(BINS):
        inside = (confidence > low / BINS) & (confidence <= (low + 1) / BINS)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


def one_label(generator):
    labels = torch.randint(0, CLASSES - 1, (IMAGES,), generator=generator)  # the last class does not occur
    logits = 2 * torch.randn(IMAGES, CLASSES, generator=generator)
    logits[torch.arange(IMAGES), labels] += 2
    double, truth, classes = logits.double(), labels.numpy(), np.arange(CLASSES)
    confidence, best = (array.numpy() for array in double.softmax(dim=1).max(dim=1))
    measured = {
        "loss": torch.nn.functional.cross_entropy(double, labels).item(),
        "top1": top_k_accuracy_score(truth, double.numpy(), k=1, labels=classes),
        "top5": top_k_accuracy_score(truth, double.numpy(), k=5, labels=classes),
        "mean_class_accuracy": balanced_accuracy_score(truth, best),
        "calibration_error": calibration_error(confidence, best == truth),
    }
    arrays = {f"one.{name}": torch.tensor([value], dtype=torch.float64) for name, value in measured.items()}
    return arrays | {
        "one.logits": logits,
        "one.labels": labels.int(),
        "one.confidence": torch.tensor(confidence).float(),
        "one.confusion": torch.tensor(confusion_matrix(truth, best, labels=classes)).int(),
    }


def several_labels(generator):
    truth = (torch.rand(IMAGES, CLASSES, generator=generator) < 0.15).double()
    truth[:, -1] = 0  # a class that does not occur
    truth[:3] = 0  # images without a label
    logits = torch.randn(IMAGES, CLASSES, generator=generator) + 2 * truth.float() - 1
    logits = (logits * 4).round() / 4  # many ties, and zeros
    double, occurs = logits.double(), truth.sum(dim=0) > 0
    measured = {
        "loss": torch.nn.functional.binary_cross_entropy_with_logits(double, truth).item(),
        "mean_average_precision": average_precision_score(truth[:, occurs], double[:, occurs], average="macro"),
        "mean_class_accuracy": recall_score(truth[:, occurs], double[:, occurs] > 0, average="macro"),
    }
    arrays = {f"several.{name}": torch.tensor([value], dtype=torch.float64) for name, value in measured.items()}
    return arrays | {"several.logits": logits, "several.labels": truth.to(torch.uint8)}


generator = torch.Generator().manual_seed(4)
FOLDER.mkdir(parents=True, exist_ok=True)
arrays = one_label(generator) | several_labels(generator)
save_file({name: array.contiguous() for name, array in arrays.items()}, FOLDER / "metrics.safetensors")
