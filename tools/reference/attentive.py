"""The attentive pooling heads of the field, written from their formulas in docs/heads.md.

Parameters have the names and shapes of the published modules, so that state dictionaries go both ways with
`load_state_dict(strict=True)`. Every module takes tokens [B, T, D], of which the caller has chosen the patches or all,
and returns features [B, D'].
"""

import torch
from torch import nn
from torch.nn import functional


def split(vectors, heads):
    """[B, N, heads * d] -> [B, heads, N, d]"""
    return vectors.unflatten(-1, (heads, -1)).transpose(1, 2)


def attend(queries, keys, values, heads):
    """[B, Q, D], [B, T, D], [B, T, D] -> [B, Q, D]: a softmax over the tokens for each query and head."""
    queries, keys, values = split(queries, heads), split(keys, heads), split(values, heads)
    scores = queries @ keys.mT / queries.shape[-1] ** 0.5
    return (scores.softmax(dim=-1) @ values).transpose(1, 2).flatten(2)


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


class SelfAttention(nn.Module):
    """One head; the query, key and value projections have no bias."""

    def __init__(self, width):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens):
        return self.proj(attend(*self.qkv(tokens).chunk(3, dim=-1), heads=1))


class AbMILP(nn.Module):
    """Attention-based multiple-instance learning; with `sa`, behind a self-attention.

    `content` is chosen here and not by the caller, as the seed does it.
    """

    def __init__(self, width, grid, depth=1, act="tanh", content="all", cond="none", sa="none"):
        super().__init__()
        self.content, self.cond, self.sa = content, cond, sa
        self.pos_embed = nn.Parameter(sine_cosine_embedding(width, *grid, prefix=0 if content == "patch" else 1))
        if sa != "none":
            self.self_attn = SelfAttention(width)
        layers = []
        for _ in range(depth - 1):
            layers += [nn.Linear(width, width), nn.Tanh() if act == "tanh" else nn.ReLU()]
        self.attention_predictor = nn.Sequential(*layers, nn.Linear(width, 1))

    def forward(self, tokens):
        if self.content == "patch":
            tokens = tokens[:, 1:]
        mixed = tokens if self.sa == "none" else self.self_attn(tokens)
        scored = mixed + self.pos_embed if self.cond == "pe" else mixed
        pooled = mixed if self.sa == "both" else tokens
        return (self.attention_predictor(scored).softmax(dim=1) * pooled).sum(dim=1)


class EfficientProbing(nn.Module):
    """Each query pools its own slice of the values' channels; the tokens are their own keys."""

    def __init__(self, width, queries=32, d_out=1):
        super().__init__()
        self.v = nn.Linear(width, width // d_out, bias=False)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, queries, width))

    def forward(self, tokens):
        scores = self.cls_token @ tokens.mT / tokens.shape[-1] ** 0.5
        values = split(self.v(tokens), heads=self.cls_token.shape[1])
        return (scores.softmax(dim=-1).unsqueeze(2) @ values).flatten(1)


class SimPool(nn.Module):
    """The mean of the tokens is the query, and normalised tokens are keys and values."""

    def __init__(self, width):
        super().__init__()
        self.norm_patches = nn.LayerNorm(width, eps=1e-6)
        self.wq = nn.Linear(width, width, bias=False)
        self.wk = nn.Linear(width, width, bias=False)

    def forward(self, tokens):
        normal = self.norm_patches(tokens)
        return attend(self.wq(tokens.mean(dim=1, keepdim=True)), self.wk(normal), normal, heads=1).squeeze(1)


class AIM(nn.Module):
    """Batch norm over all tokens of a batch comes first; the queries' results are averaged."""

    def __init__(self, width, heads=12, queries=1):
        super().__init__()
        self.heads = heads
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, queries, width))
        self.bn = nn.BatchNorm1d(width, affine=False, eps=1e-6)

    def forward(self, tokens):
        normal = self.bn(tokens.mT).mT
        queries = self.cls_token.expand(len(tokens), -1, -1)
        return attend(queries, self.k(normal), self.v(normal), self.heads).mean(dim=1)


class Perceptron(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, features):
        return self.fc2(functional.gelu(self.fc1(features)))


class CrossAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, queries, tokens):
        return self.proj(attend(self.q(queries), *self.kv(tokens).chunk(2, dim=-1), self.heads))


class CrossAttentionBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.xattn = CrossAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Perceptron(width)

    def forward(self, queries, tokens):
        queries = queries + self.xattn(queries, self.norm1(tokens))
        return queries + self.mlp(self.norm2(queries))


class JEPA(nn.Module):
    """V-JEPA's attentive pooler of depth 1: a cross-attention block with one learned query."""

    def __init__(self, width, heads=12):
        super().__init__()
        self.query_tokens = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.cross_attention_block = CrossAttentionBlock(width, heads)

    def forward(self, tokens):
        return self.cross_attention_block(self.query_tokens.expand(len(tokens), -1, -1), tokens).squeeze(1)


class SigLIP(nn.Module):
    """Multi-head attention pooling. Nothing is normalised, and the query is not added to what it finds."""

    def __init__(self, width, heads=8):
        super().__init__()
        self.heads = heads
        self.latent = nn.Parameter(width**-0.5 * torch.randn(1, 1, width))
        self.q = nn.Linear(width, width)
        self.kv = nn.Linear(width, 2 * width)
        self.proj = nn.Linear(width, width)
        self.mlp = Perceptron(width)

    def forward(self, tokens):
        queries = self.q(self.latent.expand(len(tokens), -1, -1))
        pooled = self.proj(attend(queries, *self.kv(tokens).chunk(2, dim=-1), self.heads))
        return (pooled + self.mlp(pooled)).squeeze(1)


class CLIP(nn.Module):
    """The normalised tokens' mean attends to itself and to them, with a learned position each."""

    def __init__(self, width, token_count, heads=4):
        super().__init__()
        self.heads = heads
        self.pos_embed = nn.Parameter(width**-0.5 * torch.randn(token_count + 1, width))
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        nn.init.trunc_normal_(self.qkv.weight, std=width**-0.5)
        nn.init.zeros_(self.qkv.bias)

    def forward(self, tokens):
        normal = self.norm(tokens)
        positioned = torch.cat([normal.mean(dim=1, keepdim=True), normal], dim=1) + self.pos_embed
        queries, keys, values = self.qkv(positioned).chunk(3, dim=-1)
        # The published module lets every token attend and drops all but the mean's result.
        return self.proj(attend(queries[:, :1], keys, values, self.heads)).squeeze(1)


class ScaledLayerNorm(nn.Module):
    """A layer norm with a scale alone; its shift is a buffer of zeros."""

    def __init__(self, width):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))
        self.register_buffer("beta", torch.zeros(width))

    def forward(self, features):
        return functional.layer_norm(features, features.shape[-1:], self.gamma, self.beta)


class CoCa(nn.Module):
    """All heads share one projection of keys and one of values. Of the queries only the first one's result is used."""

    def __init__(self, width, heads=8, head_width=64, queries=196):
        super().__init__()
        self.heads = heads
        self.norm = ScaledLayerNorm(width)
        self.img_queries = nn.Parameter(torch.randn(queries, width))
        self.to_q = nn.Linear(width, heads * head_width, bias=False)
        self.to_kv = nn.Linear(width, 2 * head_width, bias=False)
        self.to_out = nn.Linear(heads * head_width, width, bias=False)

    def forward(self, tokens):
        queries = self.to_q(self.norm(self.img_queries[:1])).unflatten(-1, (self.heads, -1))
        keys, values = self.to_kv(tokens).chunk(2, dim=-1)
        scores = queries @ keys.mT / keys.shape[-1] ** 0.5
        return self.to_out((scores.softmax(dim=-1) @ values).flatten(1))


class CAEAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, queries, keys, values):
        return self.proj(attend(self.q(queries), self.k(keys), self.v(values), self.heads))


class CAE(nn.Module):
    """Query, keys and values have a layer norm each. `norm2_cross` is published and used by nothing."""

    def __init__(self, width, heads=8):
        super().__init__()
        self.query_token = nn.Parameter(torch.zeros(1, 1, width))
        for name in ("norm1_q", "norm1_k", "norm1_v", "norm2_cross"):
            self.add_module(name, nn.LayerNorm(width))
        self.cross_attn = CAEAttention(width, heads)

    def forward(self, tokens):
        queries = self.norm1_q(self.query_token.expand(len(tokens), -1, -1))
        return self.cross_attn(queries, self.norm1_k(tokens), self.norm1_v(tokens)).squeeze(1)


class ClassAttention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        for name in "qkv":
            self.add_module(name, nn.Linear(width, width))
        self.proj = nn.Linear(width, width)

    def forward(self, tokens):
        return self.proj(attend(self.q(tokens[:, :1]), self.k(tokens), self.v(tokens), self.heads))


class ClassAttentionBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.gamma_1 = nn.Parameter(torch.full((width,), 1e-5))
        self.gamma_2 = nn.Parameter(torch.full((width,), 1e-5))
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attn = ClassAttention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Perceptron(width)

    def forward(self, query, tokens):
        query = query + self.gamma_1 * self.attn(self.norm1(torch.cat([query, tokens], dim=1)))
        return query + self.gamma_2 * self.mlp(self.norm2(query))


class CaiT(nn.Module):
    """One class-attention block with layer scale: the learned token attends to itself and to the tokens."""

    def __init__(self, width, heads=4):
        super().__init__()
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.blocks_token_only = nn.ModuleList([ClassAttentionBlock(width, heads)])
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens):
        query = self.cls_token.expand(len(tokens), -1, -1)
        for block in self.blocks_token_only:
            query = block(query, tokens)
        return self.norm(query).squeeze(1)


class ChannelGate(nn.Module):
    def __init__(self, width):
        super().__init__()
        hidden = max(1, int(width / 16 + 0.5))
        self.fc1 = nn.Conv2d(width, hidden, 1, bias=False)
        self.fc2 = nn.Conv2d(hidden, width, 1, bias=False)

    def forward(self, image):
        summaries = image.mean((2, 3), keepdim=True), image.amax((2, 3), keepdim=True)
        return sum(self.fc2(self.fc1(summary).relu()) for summary in summaries).sigmoid() * image


class NormalisedConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1)

    def forward(self, image):
        return self.bn(self.conv(image))


class SpatialGate(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = NormalisedConvolution()

    def forward(self, image):
        summary = torch.cat([image.mean(1, keepdim=True), image.amax(1, keepdim=True)], dim=1)
        return self.conv(summary).sigmoid() * image


class CBAM(nn.Module):
    """Gates for channels, then for places; the input is added before ReLU and the mean. Needs the patches' grid."""

    def __init__(self, width, grid):
        super().__init__()
        self.grid = grid
        self.channel = ChannelGate(width)
        self.spatial = SpatialGate()

    def forward(self, tokens):
        image = tokens.mT.unflatten(-1, self.grid)
        return (self.spatial(self.channel(image)) + image).relu().mean((2, 3))


class DOLG(nn.Module):
    """Normalised projections of the tokens, each times a positive score, averaged."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 1)
        self.bn = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, 1, 1)

    def forward(self, tokens):
        # Convolutions of one pixel see no neighbours, so that tokens need no grid and [cls] may be among them.
        projected = self.bn(self.conv1(tokens.mT.unsqueeze(-1)))
        scores = functional.softplus(self.conv2(projected.relu()))
        return (scores * functional.normalize(projected, dim=1)).mean((2, 3))


def pooling(case, width, grid, prefix):
    """The pooling of a case, a dictionary with `features`, `content` and what its kind needs.

    Returns the module, the number of features, and what chooses its tokens from all, [B, prefix + patches, D].
    """
    kind, of = case["features"], lambda *names: {name: case[name] for name in names if case.get(name) is not None}
    token_count = grid[0] * grid[1] + (prefix if case["content"] == "all" else 0)
    makers = {
        "abmilp": lambda: AbMILP(width, grid, **of("depth", "act", "content", "cond", "sa")),
        "ep": lambda: EfficientProbing(width, **of("queries", "d_out")),
        "simpool": lambda: SimPool(width),
        "aim": lambda: AIM(width, **of("heads", "queries")),
        "jepa": lambda: JEPA(width, **of("heads")),
        "siglip": lambda: SigLIP(width, **of("heads")),
        "clip": lambda: CLIP(width, token_count, **of("heads")),
        "coca": lambda: CoCa(width, **of("heads", "head_width", "queries")),
        "cae": lambda: CAE(width, **of("heads")),
        "cait": lambda: CaiT(width, **of("heads")),
        "cbam": lambda: CBAM(width, grid),
        "dolg": lambda: DOLG(width),
    }
    chooses = case["content"] == "patch" and kind != "abmilp"
    features = width // case.get("d_out", 1) if kind == "ep" else width
    return makers[kind](), features, (lambda tokens: tokens[:, prefix:]) if chooses else (lambda tokens: tokens)
