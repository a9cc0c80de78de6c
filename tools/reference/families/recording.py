"""What a model's own forward pass computes on the way: tokens, attention, and what the attention adds to its input."""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
import torch.nn.functional as F
from torch import Tensor, nn

sys.path.append(str(Path(__file__).resolve().parents[1]))
from encoder import central_range, measure  # noqa: E402

_softmax = Tensor.softmax


@dataclass
class Subject:
    """A model and where to look in it."""

    model: nn.Module  # Computes; all of what it needs is in double precision.
    forward: Callable[[Tensor], object]  # From [1, C, H, W] to what the family makes of it.
    blocks: list[nn.Module]
    attentions: list[nn.Module]  # Whose output is the attention branch, in front of layer scale.
    norm: Callable[[Tensor], Tensor] | None  # The final norm, where there is one.
    heads: int
    image: tuple[int, int]
    patch: tuple[int, int]
    prefix: int = 1  # Tokens in front of the patches.
    has_class: bool = True
    tokens_first: bool = False  # The blocks' tensors are [T, 1, D], not [1, T, D].

    @property
    def grid(self) -> tuple[int, int]:
        return self.image[0] // self.patch[0], self.image[1] // self.patch[1]


class Recorder:
    def __init__(self, subject: Subject):
        self.subject = subject
        self.inputs, self.outputs, self.branches, self.attention = [], [], [], []
        self.inside = False

    def tokens(self, value) -> Tensor:
        """[T, D], of a module's first argument or result."""
        if isinstance(value, (tuple, list)):
            value = value[0]
        return (value[:, 0] if self.subject.tokens_first else value[0]).clone()

    def softmax(self, scores, dim=None, _stacklevel=3, dtype=None, **_):
        # Some models ask for float32 here, whatever the type of the rest.
        result = _softmax(scores, dim, dtype=dtype if dtype and dtype.itemsize > scores.dtype.itemsize else None)
        if self.inside:
            self.attention.append(result.reshape(-1, *result.shape[-2:]).clone())
        return result

    def scaled_dot_product_attention(
        self, query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **_
    ):
        assert dropout_p == 0 and not is_causal
        scores = query @ key.transpose(-2, -1) * (query.shape[-1] ** -0.5 if scale is None else scale)
        if attn_mask is not None:
            scores = scores + attn_mask
        return self.softmax(scores, dim=-1) @ value

    def enter(self, *_):
        self.inside = True

    def leave(self, module, arguments, result):
        self.inside = False
        self.branches.append(self.tokens(result))

    @contextmanager
    def watching(self):
        hooks = []
        for block in self.subject.blocks:
            hooks.append(block.register_forward_pre_hook(self.block_begins, with_kwargs=True))
            hooks.append(block.register_forward_hook(lambda _, __, result: self.outputs.append(self.tokens(result))))
        for attention in self.subject.attentions:
            hooks.append(attention.register_forward_pre_hook(self.enter))
            hooks.append(attention.register_forward_hook(self.leave))
        fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with (
                mock.patch.object(Tensor, "softmax", lambda *a, **k: self.softmax(*a, **k)),
                mock.patch.object(torch, "softmax", self.softmax),
                mock.patch.object(F, "softmax", self.softmax),
                mock.patch.object(F, "scaled_dot_product_attention", self.scaled_dot_product_attention),
            ):
                yield
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)
            for hook in hooks:
                hook.remove()

    def block_begins(self, module, arguments, keywords):
        self.inputs.append(self.tokens(arguments or next(iter(keywords.values()))))


@torch.no_grad()
def record(subject: Subject, pixels: Tensor) -> dict[str, Tensor]:
    """The fixture's tensors for one image, [C, H, W], under the names that __main__.py tells."""
    subject.model.double().eval()
    recorder = Recorder(subject)
    with recorder.watching():
        subject.forward(pixels.double()[None])
    depth, prefix, grid = len(subject.blocks), subject.prefix, subject.grid
    patches = grid[0] * grid[1]
    for found in (recorder.inputs, recorder.outputs, recorder.branches, recorder.attention):
        assert len(found) == depth, f"{len(found)} of {depth} blocks"
    for attention in recorder.attention:
        assert attention.shape == (subject.heads, prefix + patches, prefix + patches), attention.shape
        assert attention.dtype == torch.float64

    tokens = torch.stack(recorder.outputs)
    absent = torch.tensor(float("nan"), dtype=torch.float64)
    statistics, magnitudes = [], []
    for before, branch, attention in zip(recorder.inputs, recorder.branches, recorder.attention, strict=True):
        statistics.append(measure(attention, prefix, subject.has_class))
        ratio = branch.norm(dim=1) / (before.norm(dim=1) + 1e-6)
        magnitudes.append(torch.stack([ratio[0] if subject.has_class else absent, ratio[prefix:].mean()]))
    last = recorder.attention[-1]
    rows = last.mean(dim=0)[prefix:, prefix:].reshape(*grid, -1)
    center = [
        rows[list(central_range(side, grid[0]))][:, list(central_range(side, grid[1]))].mean(dim=(0, 1))
        for side in (1, 2, 3, 4)
    ]
    result = {
        "tokens": tokens,
        "attention_statistics": torch.stack(statistics),
        "magnitudes": torch.stack(magnitudes),
        "center_attention": torch.stack(center),
    }
    if subject.has_class:
        result["class_attention"] = last[:, 0, prefix:]
    if subject.norm is not None:
        result["normalized"] = subject.norm(tokens[-1][None])[0]
    for name, value in result.items():
        assert value.dtype == torch.float64, name
        allowed = name in ("attention_statistics", "magnitudes") and not subject.has_class
        assert allowed or value.isfinite().all(), name
    # Attention that is even, or all on one token, would hide errors.
    uneven = last.amax(dim=2).mean() * last.shape[2]
    assert 1.5 < uneven < 0.97 * last.shape[2], uneven
    assert tokens.abs().mean() < 50, tokens.abs().mean()
    return {name: value.float().contiguous() for name, value in result.items()}
