"""Probe heads in PyTorch: as published, and as fast as they can be written.

Every peer is a function from what `chosen` gives of a batch of tokens, and labels [B], to a training step: forward,
backward and LARS.
"""

import importlib
import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional

sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1] / "reference"))

import attentive
import heads


def chosen(case, tokens):
    """What a head sees of tokens [N, T, D], close together in memory: [N, T', D], or of [cls] alone [N, D]."""
    if case["features"] == "cls":
        return tokens[:, 0].contiguous()
    # AbMILP chooses by itself, as the seed has it.
    return tokens[:, 1:].contiguous() if case["content"] == "patch" and case["features"] != "abmilp" else tokens


# As published


def checkout(folder, module):
    """A module of a checkout, whose own imports are found there."""
    sys.path.insert(0, str(folder))
    return importlib.import_module(module)


def seed_pooling(case, width, grid, folder):
    head = checkout(folder, "abmilp").ABMILPHead(
        width, case["sa"], case["act"], case["depth"], case["cond"], case["content"], grid[0] * grid[1])
    # Its probe trains every parameter of the head.
    return head.requires_grad_()


def published_pooling(case, width, grid, folder):
    """efficient-probing's module of a case, made as its probe_heads.py makes it."""
    places = {
        "ep": ("ep", "EfficientProbing"), "simpool": ("simpool", "SimPool"),
        "aim": ("aim", "AttentionPoolingClassifier"), "jepa": ("jepa.attentive_pooler", "AttentivePooler"),
        "siglip": ("clip.attention_pool", "AttentionPoolLatent"), "clip": ("clip.attention_pool2d", "AttentionPool2d"),
        "coca": ("coca_pytorch", "CrossAttention"), "cae": ("cae_att", "CAEAttentiveBlock"),
        "cait": ("other_pool", "CAPooling"), "cbam": ("cbam", "CbamPooling"),
        "dolg": ("dolg.dolg", "SpatialAttention2d"),
    }  # fmt: skip
    place, name = places[case["features"]]
    create = getattr(checkout(folder, f"poolings.{place}"), name)
    token_count = grid[0] * grid[1] + (case["content"] == "all")
    arguments = {
        "ep": lambda: {"dim": width, "num_queries": case["queries"], "d_out": case.get("d_out", 1)},
        "simpool": lambda: {"dim": width, "num_heads": 1},
        "aim": lambda: {"dim": width, "num_heads": case["heads"], "num_queries": case.get("queries", 1)},
        "jepa": lambda: {"embed_dim": width, "num_heads": case["heads"]},
        "siglip": lambda: {"in_features": width, "num_heads": case.get("heads", 8)},
        "clip": lambda: {"in_features": width, "feat_size": (1, token_count), "num_heads": case.get("heads", 4)},
        "coca": lambda: {"dim": width, "heads": case.get("heads", 8), "dim_head": case.get("head_width", 64),
                         "num_img_queries": case.get("queries", 196)},
        "cae": lambda: {"dim": width, "num_heads": case.get("heads", 8)},
        "cait": lambda: {"embed_dim": width, "num_heads": case.get("heads", 4)},
        "cbam": lambda: {"channels": width, "spatial_kernel_size": 7},
        "dolg": lambda: {"in_c": width, "s3_dim": width, "with_aspp": False},
    }  # fmt: skip
    # SimPool's constructor puts a constant that it does not use on a GPU.
    tensor, torch.tensor = torch.tensor, lambda *values, device=None, **more: tensor(*values, **more)
    try:
        return create(**arguments[case["features"]]())
    finally:
        torch.tensor = tensor


def probe(pooling, features, classes):
    """Pooling, where there is one, batch norm and classifier, as both repositories stack them."""
    norm = nn.BatchNorm1d(features, affine=False, eps=1e-6)
    return nn.Sequential(*([] if pooling is None else [pooling]), norm, nn.Linear(features, classes))


def as_published(case, width, grid, classes, folder, autocast):
    """A step of the published module."""
    kind = case["features"]
    pooling = None
    if kind == "abmilp":
        pooling = seed_pooling(case, width, grid, folder)
    elif kind != "cls":
        pooling = published_pooling(case, width, grid, folder)
    head = probe(pooling, width // case.get("d_out", 1), classes)
    optimizer = heads.LARS(head.parameters(), lr=0.1, momentum=0.9, weight_decay=0)

    def step(tokens, labels):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = functional.cross_entropy(head(tokens).float(), labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


# The best that can be written: projections of keys are folded into queries and projections of values come after pooling,
# so that a token costs its queries and not D x D; products in bfloat16; many heads are one batched product.


class Classifiers(nn.Module):
    """Batch norm and a linear classifier for each of M heads, [B, M, D] -> the sum of their losses."""

    def __init__(self, count, features, classes):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(count, features, classes) / features**0.5)
        self.bias = nn.Parameter(torch.zeros(count, 1, classes))
        self.register_buffer("mean", torch.zeros(count * features))
        self.register_buffer("variance", torch.ones(count * features))

    def forward(self, features, labels):
        count = len(self.weight)
        normal = functional.batch_norm(features.flatten(1), self.mean, self.variance, training=True, eps=1e-6)
        normal = normal.unflatten(1, (count, -1)).transpose(0, 1).bfloat16()
        logits = torch.baddbmm(self.bias.bfloat16(), normal, self.weight.bfloat16()).float()
        return functional.cross_entropy(logits.flatten(0, 1), labels.repeat(count), reduction="sum") / len(labels)


def pooled(scores, tokens):
    """Scores [B, T, M] of tokens [B, T, D] -> [B, M, D] in single precision."""
    return torch.bmm(scores.float().softmax(dim=1).bfloat16().mT, tokens).float()


class FoldedAbMILP(nn.Module):
    def __init__(self, case, width, count):
        super().__init__()
        self.act, self.sa = torch.tanh if case["act"] == "tanh" else torch.relu, case["sa"]
        if self.sa != "none":
            self.qkv = nn.Parameter(torch.randn(3, width, width) / width**0.5)
            self.proj = nn.Parameter(torch.randn(width, width) / width**0.5)
            self.shift = nn.Parameter(torch.zeros(width))
        if case["depth"] == 2:
            self.hidden = nn.Parameter(torch.randn(width, width) / width**0.5)
            self.hidden_bias = nn.Parameter(torch.zeros(width))
        self.deep = case["depth"] == 2
        self.score = nn.Parameter(torch.randn(width, count) / width**0.5)

    def forward(self, tokens):
        if self.sa != "none":
            return self.behind_attention(tokens)
        scored = self.act(tokens @ self.hidden.bfloat16() + self.hidden_bias.bfloat16()) if self.deep else tokens
        return pooled(scored @ self.score.bfloat16(), tokens)

    def behind_attention(self, tokens):
        """Depth 1: queries times keys is one matrix; a score is linear in the values, which are scored beforehand."""
        queries, keys, values = self.qkv
        form = (queries.mT @ keys / tokens.shape[-1] ** 0.5).bfloat16()
        mixing = torch.bmm(tokens @ form, tokens.mT).float().softmax(dim=-1)
        value_score = values.mT @ (self.proj.mT @ self.score)
        scores = mixing @ (tokens @ value_score.bfloat16()).float()
        attention = scores.softmax(dim=1)
        if self.sa == "map":
            return torch.bmm(attention.bfloat16().mT, tokens).float()
        mixed = torch.bmm((attention.mT @ mixing).bfloat16(), tokens).float()
        return mixed @ values.mT @ self.proj.mT + self.shift


class FoldedEP(nn.Module):
    def __init__(self, case, width):
        super().__init__()
        self.queries = nn.Parameter(0.02 * torch.randn(width, case["queries"]))
        features = width // case.get("d_out", 1)
        self.values = nn.Parameter(torch.randn(case["queries"], width, features // case["queries"]) / width**0.5)

    def forward(self, tokens):
        found = pooled(tokens @ (self.queries / tokens.shape[-1] ** 0.5).bfloat16(), tokens)
        return torch.einsum("bqd,qdm->bqm", found, self.values).flatten(1).unsqueeze(1)


def folded_attend(query, key_weight, value_weight, tokens, heads):
    """As attentive.attend on projected tokens, for a query [1 or B, 1, D'] of each image, without projecting them."""
    count, width = query.shape[0], tokens.shape[-1]
    query = query.unflatten(-1, (heads, -1))[:, 0] / (query.shape[-1] // heads) ** 0.5
    keys = torch.einsum("bhd,hdw->bwh", query, key_weight.unflatten(0, (heads, -1))).bfloat16()
    scores = tokens @ keys[0] if count == 1 else torch.bmm(tokens, keys)
    found = pooled(scores, tokens)
    if value_weight is None:
        return found
    return torch.einsum("bhw,hdw->bhd", found, value_weight.unflatten(0, (heads, -1))).flatten(1).unsqueeze(1)


class FoldedAIM(attentive.AIM):
    def forward(self, tokens):
        normal = self.bn(tokens.flatten(0, 1)).view_as(tokens).bfloat16()
        return folded_attend(self.cls_token, self.k.weight, self.v.weight, normal, self.heads)


class FoldedSimPool(attentive.SimPool):
    def forward(self, tokens):
        normal = functional.layer_norm(
            tokens, tokens.shape[-1:], self.norm_patches.weight.bfloat16(), self.norm_patches.bias.bfloat16(), 1e-6)
        query = self.wq(tokens.mean(dim=1, keepdim=True, dtype=torch.float32))
        return folded_attend(query, self.wk.weight, None, normal, heads=1)


class FoldedJEPA(attentive.JEPA):
    def forward(self, tokens):
        block = self.cross_attention_block
        normal = functional.layer_norm(
            tokens, tokens.shape[-1:], block.norm1.weight.bfloat16(), block.norm1.bias.bfloat16())
        attention = block.xattn
        # The keys' bias adds the same to all scores of a head.
        keys, values = attention.kv.weight.chunk(2)
        found = folded_attend(attention.q(self.query_tokens), keys, values, normal, attention.heads)
        query = self.query_tokens + attention.proj(found + attention.kv.bias.chunk(2)[1])
        return query + block.mlp(block.norm2(query))


def folded_pooling(case, width, count):
    if case["features"] == "abmilp":
        return FoldedAbMILP(case, width, count)
    if count > 1:
        raise SystemExit("only abmilp1 is written for many heads at once")
    folded = {
        "ep": lambda: FoldedEP(case, width), "simpool": lambda: FoldedSimPool(width),
        "aim": lambda: FoldedAIM(width, case["heads"]), "jepa": lambda: FoldedJEPA(width, case["heads"]),
    }  # fmt: skip
    return folded[case["features"]]()


def best(case, width, classes, count, compiled):
    """A step of `count` heads, in bfloat16."""
    pooling = nn.Identity() if case["features"] == "cls" else folded_pooling(case, width, count)
    classifiers = Classifiers(count, width // case.get("d_out", 1), classes)

    def loss_of(tokens, labels):
        features = tokens.float().unsqueeze(1) if case["features"] == "cls" else pooling(tokens)
        return classifiers(features, labels)

    loss_of = torch.compile(loss_of) if compiled else loss_of
    optimizer = ManyLARS(pooling.parameters(), classifiers)

    def step(tokens, labels):
        optimizer.zero_grad()
        loss = loss_of(tokens, labels)
        loss.backward()
        optimizer.step()
        return loss

    return step


class ManyLARS:
    """LARS of M heads, whose classifiers have a trust ratio each: [M, D, C] and, without ratios, [M, 1, C].

    What little else there is costs the same with one ratio for all heads, and has that.
    """

    def __init__(self, parameters, classifiers):
        parameters = list(parameters)
        settings = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0}
        self.others = heads.LARS(parameters, **settings) if parameters else None
        self.classifiers = [classifiers.weight, classifiers.bias]
        self.velocities = [torch.zeros_like(parameter) for parameter in self.classifiers]

    def zero_grad(self):
        if self.others:
            self.others.zero_grad()
        for parameter in self.classifiers:
            parameter.grad = None

    @torch.no_grad()
    def step(self):
        if self.others:
            self.others.step()
        weight, bias = self.classifiers
        sizes = [values.norm(dim=(1, 2), keepdim=True) for values in (weight, weight.grad)]
        weight.grad.mul_(0.001 * sizes[0] / sizes[1].clamp_min(1e-30))
        for parameter, velocity in zip(self.classifiers, self.velocities):
            velocity.mul_(0.9).add_(parameter.grad)
            parameter.sub_(velocity, alpha=0.1)
