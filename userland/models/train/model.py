"""phi-nano: a small byte-level llama (RMSNorm, interleaved RoPE, SwiGLU), written for one CPU core.

Two paths of the same sums: float32, which the export and the evaluation use, and bfloat16 with the fused
steps of kernels.c, which is about four times as fast (the weights, the residual stream and the loss stay float32).
"""
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F

BYTES = 256
SYS, END, RET, EOT = 256, 257, 258, 259
VOCAB = 264


@dataclass
class Config:
    layers: int = 5
    dim: int = 192
    heads: int = 6
    kv_heads: int = 6  # the fused path wants as many as heads
    ffn: int = 512
    rope_base: float = 10000.0
    context: int = 2048
    eps: float = 1e-5

    @property
    def head_dim(self):
        return self.dim // self.heads


class Linear(nn.Module):
    """y = x W^T; computes in `Linear.dtype`, keeps the weight in float32."""
    dtype = torch.float32

    def __init__(self, n_in, n_out, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(n_out, n_in) * (scale / n_in ** 0.5))

    def forward(self, x):
        if Linear.dtype is torch.float32:
            return F.linear(x, self.weight)
        return F.linear(x.to(Linear.dtype), self.weight.to(Linear.dtype))


def fused():
    return Linear.dtype is torch.bfloat16


def kernels():
    import kernels as module
    return module


class RmsNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))
        self.eps = eps

    def forward(self, x):
        if fused():
            return kernels().RmsNorm.apply(x.contiguous(), self.weight, self.eps)
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rope_tables(config, length):
    half = config.head_dim // 2
    inv = config.rope_base ** (-torch.arange(half, dtype=torch.float64) * 2 / config.head_dim)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * inv[None]
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """x: [B, T, H, D]; pairs are (0,1), (2,3), … as in llama.cpp's NORM rope."""
    a, b = x[..., 0::2], x[..., 1::2]
    cos, sin = cos[None, :, None], sin[None, :, None]
    return torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        kv = c.kv_heads * c.head_dim
        self.attn_norm = RmsNorm(c.dim, c.eps)
        self.q = Linear(c.dim, c.dim)
        self.k = Linear(c.dim, kv)
        self.v = Linear(c.dim, kv)
        self.o = Linear(c.dim, c.dim, 0.3)
        self.ffn_norm = RmsNorm(c.dim, c.eps)
        self.gate = Linear(c.dim, c.ffn)
        self.up = Linear(c.dim, c.ffn)
        self.down = Linear(c.ffn, c.dim, 0.3)

    def attend(self, x, cos, sin, bias):
        c = self.c
        b, t, _ = x.shape
        if fused():
            return self.attend_fused(x, cos, sin)
        q = self.q(x).float().view(b, t, c.heads, c.head_dim)
        k = self.k(x).float().view(b, t, c.kv_heads, c.head_dim)
        v = self.v(x).view(b, t, c.kv_heads, c.head_dim)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        if c.kv_heads != c.heads:
            k = k.repeat_interleave(c.heads // c.kv_heads, 2)
            v = v.repeat_interleave(c.heads // c.kv_heads, 2)
        q = (q * c.head_dim ** -0.5).to(Linear.dtype).transpose(1, 2)
        k = k.to(Linear.dtype).permute(0, 2, 3, 1)
        score = (q @ k).float() + bias
        p = torch.softmax(score, -1).to(Linear.dtype)
        y = p @ v.transpose(1, 2)
        return self.o(y.transpose(1, 2).reshape(b, t, c.dim)).float()

    def attend_fused(self, x, cos, sin):
        c, k = self.c, kernels()
        b, t, _ = x.shape
        heads = (b, t, c.heads, c.head_dim)
        q = k.Rotate.apply(self.q(x).view(heads), cos, sin, c.head_dim ** -0.5)
        key = k.Rotate.apply(self.k(x).view(heads), cos, sin, 1.0)
        v = self.v(x).view(heads).transpose(1, 2).reshape(b * c.heads, t, c.head_dim)
        p = k.CausalSoftmax.apply(torch.bmm(q, key.transpose(1, 2)))
        y = torch.bmm(p, v).view(b, c.heads, t, c.head_dim)
        return self.o(y.transpose(1, 2).reshape(b, t, c.dim)).float()

    def forward(self, x, cos, sin, bias):
        x = x + self.attend(self.attn_norm(x), cos, sin, bias)
        h = self.ffn_norm(x)
        if fused():
            return x + self.down(kernels().SwiGlu.apply(self.gate(h), self.up(h))).float()
        return x + self.down(F.silu(self.gate(h)) * self.up(h)).float()


class PhiNano(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Embedding(VOCAB, config.dim)
        nn.init.normal_(self.embed.weight, std=0.5)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RmsNorm(config.dim, config.eps)
        self.head = Linear(config.dim, VOCAB, 0.5)
        cos, sin = rope_tables(config, config.context)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        bias = torch.full((config.context, config.context), float("-inf")).triu(1)
        self.register_buffer("bias", bias, persistent=False)

    def hidden(self, ids):
        t = ids.shape[1]
        cos, sin, bias = self.cos[:t], self.sin[:t], self.bias[:t, :t]
        x = self.embed(ids)
        for block in self.blocks:
            x = block(x, cos, sin, bias)
        return self.norm(x)

    def forward(self, ids):
        return self.head(self.hidden(ids)).float()

    def loss(self, ids, targets):
        """targets: the wanted next token at each place, -1 where nothing is learned."""
        keep = targets.view(-1) >= 0
        h = self.hidden(ids).view(-1, self.config.dim)[keep]
        return F.cross_entropy(self.head(h).float(), targets.view(-1)[keep])
