"""Exact match by family on seeds that training never uses; one pass, as greedy decoding would go wrong at the first wrong token."""
import sys

import torch

import data
from model import Config, Linear, PhiNano
from words import rng

EVAL_SEED = 1_000_003


def show(tokens):
    names = {256: "<sys>", 257: "<end>", 258: "<ret>", 259: "<eot>"}
    return bytes(0).decode() + "".join(names.get(t) or (chr(t) if t < 128 else f"\\x{t:02x}") for t in tokens)


@torch.no_grad()
def wrong(net, contexts):
    """The contexts in which greedy decoding, fed its own (so far right) output, makes a wrong token."""
    bad = []
    order = sorted(contexts, key=lambda c: len(c.ids))
    for start in range(0, len(order), 16):
        part = order[start:start + 16]
        ids, targets = data.collate(part)
        best = net(ids).argmax(-1)
        miss = (best != targets) & (targets >= 0)
        for i, c in enumerate(part):
            if miss[i].any():
                at = int(miss[i].nonzero()[0])
                bad.append((c, at, int(best[i, at])))
    return bad


def families(net, count=48, seed=EVAL_SEED, names=None, verbose=0):
    out = {}
    for name in names or data.FAMILIES:
        r = rng(seed)
        contexts = [data.FAMILIES[name][0](r, 1.0) for _ in range(count)]
        bad = wrong(net, contexts)
        out[name] = 1 - len(bad) / count
        for c, at, got in bad[:verbose]:
            print(f"[{name}] {show(c.ids[:at + 1])!r} wanted {show([c.targets[at]])} got {show([got])}; context goes on {show(c.ids[at + 1:at + 40])!r}")
    return out


def load(path, dtype=torch.float32):
    state = torch.load(path, map_location="cpu")
    net = PhiNano(Config(**state["config"]))
    net.load_state_dict(state["net"])
    Linear.dtype = dtype
    return net, state


if __name__ == "__main__":
    torch.set_num_threads(1)
    net, state = load(sys.argv[1], torch.bfloat16 if "--bf16" in sys.argv else torch.float32)
    words_ = [a for a in sys.argv[2:] if not a.startswith("--")]
    n = int(words_[0]) if words_ else 100
    result = families(net, n, names=words_[1:] or None, verbose=6)
    print(f"step {state['step']} progress {state['progress']:.3f}", {k: round(v, 3) for k, v in result.items()})
