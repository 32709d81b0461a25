"""Greedy decoding of a batch with a key-value cache, float32."""
import torch
import torch.nn.functional as F

from model import END, EOT, Linear


def layer(block, x, k_cache, v_cache, at, cos, sin):
    """One block over x [B, T, dim] whose tokens stand at the positions `at` [B, T]."""
    c = block.c
    b, t, _ = x.shape
    h = block.attn_norm(x)
    q, k, v = (f(h).view(b, t, c.heads, c.head_dim) for f in (block.q, block.k, block.v))

    def turn(y):
        a, e = y[..., 0::2], y[..., 1::2]
        co, si = cos[at][:, :, None], sin[at][:, :, None]
        return torch.stack((a * co - e * si, a * si + e * co), -1).flatten(-2)

    rows = torch.arange(b)[:, None]
    k_cache[rows, at], v_cache[rows, at] = turn(k), v
    score = torch.einsum("bthd,bshd->bhts", turn(q), k_cache) * c.head_dim ** -0.5
    unseen = torch.arange(k_cache.shape[1])[None, None] > at[:, :, None]
    score = score.masked_fill(unseen[:, None], float("-inf"))
    y = torch.einsum("bhts,bshd->bthd", score.softmax(-1), v_cache).reshape(b, t, c.dim)
    x = x + block.o(y)
    h = block.ffn_norm(x)
    return x + block.down(F.silu(block.gate(h)) * block.up(h))


@torch.no_grad()
def greedy(net, prompts, limit, stop=(END, EOT)):
    """The tokens that follow each prompt, up to and with a stop token."""
    Linear.dtype = torch.float32
    c, b = net.config, len(prompts)
    lengths = torch.tensor([len(p) for p in prompts])
    longest = int(lengths.max())
    size = longest + limit
    ids = torch.full((b, longest), EOT, dtype=torch.long)
    for i, p in enumerate(prompts):
        ids[i, :len(p)] = torch.tensor(p)
    caches = [(torch.zeros(b, size, c.heads, c.head_dim), torch.zeros(b, size, c.heads, c.head_dim)) for _ in net.blocks]
    at = torch.arange(longest).expand(b, longest)
    x = net.embed(ids)
    for block, (k, v) in zip(net.blocks, caches):
        x = layer(block, x, k, v, at, net.cos, net.sin)
    last = x[torch.arange(b), lengths - 1]
    out, live = [[] for _ in prompts], [True] * b
    for step in range(limit):
        token = net.head(net.norm(last)).argmax(-1)
        for i, t in enumerate(token.tolist()):
            if live[i]:
                out[i].append(t)
                live[i] = t not in stop
        if not any(live) or step + 1 == limit:
            break
        at = (lengths + step)[:, None]
        x = net.embed(token)[:, None]
        for block, (k, v) in zip(net.blocks, caches):
            x = layer(block, x, k, v, at, net.cos, net.sin)
        last = x[:, 0]
    return out


def run(net, prompts, limit, batch=48):
    """greedy() over many prompts, batches of like length."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    out = [None] * len(prompts)
    for start in range(0, len(order), batch):
        part = order[start:start + batch]
        for i, tokens in zip(part, greedy(net, [prompts[i] for i in part], limit)):
            out[i] = tokens
    return out


def text(tokens):
    """The text of one frame, without its markers; None if it is no frame."""
    if len(tokens) < 2 or tokens[0] != 256 or tokens[-1] != END:
        return None
    return bytes(t for t in tokens[1:-1] if t < 256).decode(errors="replace")
