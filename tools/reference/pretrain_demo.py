"""Pretrains the demo's encoder: a small masked autoencoder on the cluttered-digits training scenes.

Only the pixels of DATA/train are seen; labels and DATA/val are not. The objective is that of "Masked
Autoencoders Are Scalable Vision Learners" (He et al., arXiv 2111.06377): a quarter of the patches is
encoded, a light decoder predicts the others, the loss is the squared error on pixels normalised per
patch. Writes the encoder (timm's names, half precision) and its config.json into OUT, and keeps a
training state there, from which the same command goes on after an interruption.

    swift run -c release cluttered-digits demo/images
    python tools/reference/pretrain_demo.py demo/images demo/pretrain --steps 1000
    python tools/reference/pretrain_demo.py demo/images demo/pretrain --probe

`--probe` trains linear heads on the frozen tokens and prints their accuracies on DATA/val.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import save_file
from torch import nn

SIDE, PATCH, MASKED = 64, 16, 0.75
MEAN = torch.tensor([0.485, 0.456, 0.406])
DEVIATION = torch.tensor([0.229, 0.224, 0.225])


def load_scenes(folder: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """All scenes as uint8 [N, 3, 64, 64], and their labels."""
    paths = sorted(folder.glob("*/*.jpg"))
    if not paths:
        raise SystemExit(f"{folder}: no scenes; write them with cluttered-digits first")
    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])
    labels = torch.tensor([int(path.parent.name) for path in paths])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels


def position_embedding(width: int, grid: int) -> torch.Tensor:
    """The fixed 2-d sine-cosine embedding of MAE with a zero row for [cls], [1, 1 + grid^2, width]."""
    frequencies = 1 / 10000 ** (torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    rows, columns = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
    parts = []
    for place in (columns, rows):
        angles = place.flatten()[:, None].double() * frequencies
        parts += [angles.sin(), angles.cos()]
    embedding = torch.cat(parts, dim=1)
    return torch.cat([torch.zeros(1, width), embedding.float()])[None]


def patchify(images: torch.Tensor) -> torch.Tensor:
    """[N, 3, 64, 64] to [N, 64, 192]: the pixels of each patch."""
    count, _, height, width = images.shape
    grid = images.reshape(count, 3, height // PATCH, PATCH, width // PATCH, PATCH)
    return grid.permute(0, 2, 4, 3, 5, 1).reshape(count, -1, PATCH * PATCH * 3)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        count, length, width = tokens.shape
        shape = (count, length, 3, self.heads, width // self.heads)
        query, key, value = self.qkv(tokens).reshape(shape).permute(2, 0, 3, 1, 4).unbind(0)
        # Written out: at 17 tokens PyTorch's fused attention is slower on processors.
        weights = (query * query.shape[-1] ** -0.5 @ key.transpose(-2, -1)).softmax(dim=-1)
        mixed = weights.to(value.dtype) @ value
        return self.proj(mixed.transpose(1, 2).reshape(count, length, width))


class Block(nn.Module):
    """A pre-norm transformer block whose parameters have timm's names."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Module()
        self.mlp.fc1 = nn.Linear(width, 4 * width)
        self.mlp.fc2 = nn.Linear(4 * width, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.attn(self.norm1(tokens))
        return tokens + self.mlp.fc2(F.gelu(self.mlp.fc1(self.norm2(tokens))))


class Encoder(nn.Module):
    """A pre-norm ViT whose parameters have timm's names."""

    def __init__(self, width: int, depth: int, heads: int):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(position_embedding(width, SIDE // PATCH), requires_grad=False)
        self.patch_embed = nn.Module()
        self.patch_embed.proj = nn.Conv2d(3, width, PATCH, PATCH)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.apply(initialise)
        nn.init.xavier_uniform_(self.patch_embed.proj.weight.view(width, -1))
        nn.init.normal_(self.cls_token, std=0.02)

    def forward(self, images: torch.Tensor, kept: torch.Tensor | None = None) -> torch.Tensor:
        """The last block's output before the final norm, [N, 1 + patches, width]."""
        tokens = self.patch_embed.proj(images).flatten(2).transpose(1, 2) + self.pos_embed[:, 1:]
        if kept is not None:
            tokens = tokens.gather(1, kept[:, :, None].expand(-1, -1, tokens.shape[2]))
        prefix = (self.cls_token + self.pos_embed[:, :1]).expand(len(tokens), -1, -1)
        tokens = torch.cat([prefix, tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        return tokens


class Decoder(nn.Module):
    """Predicts the pixels of all patches from the tokens of those that were kept."""

    def __init__(self, encoder_width: int, width: int, depth: int, heads: int):
        super().__init__()
        self.embed = nn.Linear(encoder_width, width)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width))
        self.register_buffer("pos_embed", position_embedding(width, SIDE // PATCH), persistent=False)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.predict = nn.Linear(width, PATCH * PATCH * 3)
        self.apply(initialise)
        nn.init.normal_(self.mask_token, std=0.02)

    def forward(self, tokens: torch.Tensor, restore: torch.Tensor) -> torch.Tensor:
        tokens = self.embed(tokens)
        count, kept, width = tokens.shape
        filler = self.mask_token.to(tokens.dtype).expand(count, restore.shape[1] - kept + 1, -1)
        patches = torch.cat([tokens[:, 1:], filler], dim=1)
        patches = patches.gather(1, restore[:, :, None].expand(-1, -1, width))
        tokens = torch.cat([tokens[:, :1], patches], dim=1) + self.pos_embed
        for block in self.blocks:
            tokens = block(tokens)
        return self.predict(self.norm(tokens))[:, 1:]


def initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)


class MaskedAutoencoder(nn.Module):
    def __init__(self, options: argparse.Namespace):
        super().__init__()
        self.encoder = Encoder(options.width, options.depth, options.heads)
        self.decoder = Decoder(options.width, options.decoder_width, options.decoder_depth, 2)

    def forward(self, images: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """The mean squared error over the masked patches. `noise` [N, patches] chooses them."""
        kept_count = round(noise.shape[1] * (1 - MASKED))
        order = noise.argsort(dim=1)
        restore = order.argsort(dim=1)
        prediction = self.decoder(self.encoder.norm(self.encoder(images, order[:, :kept_count])), restore)
        target = patchify(images)
        mean, variance = target.mean(-1, keepdim=True), target.var(-1, keepdim=True)
        target = (target - mean) / (variance + 1e-6) ** 0.5
        error = ((prediction.float() - target) ** 2).mean(-1)
        return error[restore >= kept_count].mean()


def augment(scenes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Shifts, scales and turns a little and swaps colours; never mirrors, as digits must not be."""
    count, device = len(scenes), scenes.device

    def uniform(low: float, high: float) -> torch.Tensor:
        return torch.rand(count, generator=generator, device=device) * (high - low) + low

    scale, angle = uniform(0.75, 1.1), uniform(-0.15, 0.15)
    room = (1 - scale).clamp(min=0.05)
    rows = [
        torch.stack([scale * angle.cos(), -scale * angle.sin(), uniform(-1, 1) * room], dim=1),
        torch.stack([scale * angle.sin(), scale * angle.cos(), uniform(-1, 1) * room], dim=1),
    ]
    grid = F.affine_grid(torch.stack(rows, dim=1), [count, 3, SIDE, SIDE], align_corners=False)
    images = F.grid_sample(
        scenes.float() / 255, grid, padding_mode="reflection", align_corners=False
    )
    channels = torch.rand(count, 3, generator=generator, device=device).argsort(dim=1)
    images = images.gather(1, channels[:, :, None, None].expand(-1, -1, SIDE, SIDE))
    return images


def normalise(images: torch.Tensor) -> torch.Tensor:
    return (images - MEAN.to(images.device)[:, None, None]) / DEVIATION.to(images.device)[:, None, None]


def learning_rate(step: int, options: argparse.Namespace) -> float:
    """Linear warm-up over a twentieth of the steps, then half a cosine."""
    warm_up = max(1, options.steps // 20)
    if step < warm_up:
        return options.lr * step / warm_up
    return options.lr * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (options.steps - warm_up)))


def pretrain(options: argparse.Namespace) -> None:
    device = torch.device(options.device)
    torch.manual_seed(options.seed)
    scenes = load_scenes(options.data / "train")[0].to(device)
    model = MaskedAutoencoder(options).to(device)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": 0.05},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        betas=(0.9, 0.95),
    )
    generator = torch.Generator(device).manual_seed(options.seed)
    state_path = options.output / "state.pt"
    first, history = 0, []
    if state_path.exists():
        state = torch.load(state_path, map_location="cpu", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        generator.set_state(state["generator"])
        first, history = state["step"], state["history"]
        print(f"going on after step {first}", flush=True)

    forward = torch.compile(model) if options.compile else model
    started, losses = time.time(), []
    for step in range(first, options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options)
        chosen = torch.randint(len(scenes), (options.batch_size,), generator=generator, device=device)
        images = normalise(augment(scenes[chosen], generator))
        noise = torch.rand(options.batch_size, (SIDE // PATCH) ** 2, generator=generator, device=device)
        with torch.autocast(device.type, torch.bfloat16, enabled=options.bfloat16):
            loss = forward(images, noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        losses.append(loss.detach())
        if (step + 1) % options.report_every == 0 or step + 1 == options.steps:
            mean = torch.stack(losses).mean().item()
            rate = options.batch_size * len(losses) / (time.time() - started)
            print(f"step {step + 1} loss {mean:.4f} {rate:.0f} scenes/s", flush=True)
            history.append([step + 1, round(mean, 5)])
            started, losses = time.time(), []
            save(model, optimizer, generator, step + 1, history, options)


def save(model, optimizer, generator, step: int, history: list, options: argparse.Namespace) -> None:
    """Writes the encoder, its configuration and the training state."""
    options.output.mkdir(parents=True, exist_ok=True)
    encoder = {name: value.detach().half().cpu() for name, value in model.encoder.state_dict().items()}
    metadata = {
        "format": "pt",
        "objective": "masked autoencoder, mask ratio 0.75, loss on pixels normalised per patch",
        "data": "cluttered-digits, training scenes, no labels",
        "steps": str(step),
        "batch_size": str(options.batch_size),
        "loss": f"{history[-1][1]:.4f}",
        "license": "apache-2.0",
    }
    save_file(encoder, options.output / "encoder.safetensors", metadata=metadata)
    (options.output / "config.json").write_text(json.dumps(configuration(options), indent=2) + "\n")
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "generator": generator.get_state(),
        "step": step,
        "history": history,
    }
    torch.save(state, options.output / "state.partial")
    (options.output / "state.partial").replace(options.output / "state.pt")


def configuration(options: argparse.Namespace) -> dict:
    """As timm writes it beside a checkpoint."""
    return {
        "architecture": "vit_cluttered_digits_patch16_64",
        "num_classes": 0,
        "num_features": options.width,
        "global_pool": "token",
        "model_args": {
            "img_size": SIDE,
            "patch_size": PATCH,
            "embed_dim": options.width,
            "depth": options.depth,
            "num_heads": options.heads,
            "mlp_ratio": 4,
            "class_token": True,
        },
        "pretrained_cfg": {
            "input_size": [3, SIDE, SIDE],
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "mean": MEAN.tolist(),
            "std": DEVIATION.tolist(),
            "num_classes": 0,
            "license": "apache-2.0",
        },
    }


class ClassPooling(nn.Module):
    def __init__(self, _: int):
        super().__init__()

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens[:, 0]


class MeanPooling(ClassPooling):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return tokens[:, 1:].mean(dim=1)


class AttentionPooling(nn.Module):
    """AbMILP of depth 1: softmax over all tokens of one linear logit each, then the weighted sum."""

    def __init__(self, width: int):
        super().__init__()
        self.attention = nn.Linear(width, 1)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return (self.attention(tokens).softmax(dim=1) * tokens).sum(dim=1)


def probe(options: argparse.Namespace) -> None:
    """Linear probes on frozen tokens, before and after pretraining, by AdamW."""
    torch.manual_seed(options.seed)
    model = MaskedAutoencoder(options)
    untrained = copy.deepcopy(model.encoder)
    state = torch.load(options.output / "state.pt", weights_only=True)
    model.load_state_dict(state["model"])
    print(f"step {state['step']}, loss {state['history'][-1][1]}")
    parts = [load_scenes(options.data / name) for name in ("train", "val")]
    for name, encoder in (("pretrained", model.encoder), ("untrained", untrained)):
        encoder.eval()
        with torch.no_grad():
            tokens = [
                torch.cat([encoder.norm(encoder(normalise(chunk / 255))) for chunk in scenes.split(256)])
                for scenes, _ in parts
            ]
        for pooling in (ClassPooling, MeanPooling, AttentionPooling):
            accuracies = train_head(pooling, tokens, [labels for _, labels in parts], options)
            print(f"{name} {pooling.__name__}: train {accuracies[0]:.1%}, val {accuracies[1]:.1%}", flush=True)


def train_head(pooling, tokens, labels, options: argparse.Namespace) -> list[float]:
    """Pooling, batch norm without affine, linear; the accuracies on both parts."""
    torch.manual_seed(options.seed)
    width = tokens[0].shape[2]
    head = nn.Sequential(
        pooling(width), nn.BatchNorm1d(width, affine=False, eps=1e-6), nn.Linear(width, 10)
    )
    epochs, batch = options.probe_epochs, 256
    optimizer = torch.optim.AdamW(head.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in range(epochs):
        for chosen in torch.randperm(len(tokens[0])).split(batch)[:-1]:
            loss = F.cross_entropy(head(tokens[0][chosen]), labels[0][chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    head.eval()
    with torch.no_grad():
        return [(head(t).argmax(1) == l).float().mean().item() for t, l in zip(tokens, labels)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="the folder that cluttered-digits wrote")
    parser.add_argument("output", type=Path)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--depth", type=int, default=6)
    parser.add_argument("--heads", type=int, default=2)
    parser.add_argument("--decoder-width", type=int, default=64)
    parser.add_argument("--decoder-depth", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--bfloat16", action="store_true", help="compute in bfloat16")
    parser.add_argument("--compile", action="store_true", help="compile the model first")
    parser.add_argument("--report-every", type=int, default=100, help="steps between saved states")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--probe", action="store_true", help="evaluate instead of training")
    parser.add_argument("--probe-epochs", type=int, default=60)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.probe:
        probe(options)
    else:
        pretrain(options)


if __name__ == "__main__":
    main()
