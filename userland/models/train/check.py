"""Self-checks of the trainer: prompts render, every generated frame is a frame of the ABI, kernels agree with torch.

usage: check.py [samples per family]
"""
import json
import re
import sys

import torch

import data
import isa
import render
from model import END, EOT, RET, SYS, VOCAB, Config, Linear, PhiNano
from render import Program, load, quote, substitute, tidy, word
from words import rng

WORD = r'(?:[A-Za-z0-9_./:+@-]+|"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-f]{4})*")'
FRAME = re.compile(rf"[A-Z]+(?: {WORD})*(?: [a-z]+={WORD})*\Z")
RESULT = re.compile(rf"(?:|{WORD}(?: {WORD})*|![A-Z]+ .*)\Z", re.S)
FRAME_MAX = 2048
NAMES = set("READ WRITE MOV COPY DEL LIST CAS ADD JUMP EXIT YIELD SLEEP SPAWN FORK EXEC WAIT SEND RECV SAVE LOAD DROP RETRIEVE TOOL PRINT INPUT NOW RANDOM SELF".split())


def check_render():
    p = Program("---\nrights: []\n---\n\n base \n# one\n\n a {{1}} {{@i|_}}\n\n# two\n```\n# code\n```\n# three\n")
    assert p.base == "base\n" and [s[0] for s in p.sections] == ["one", "two", "three"], p.sections
    assert p.section("one") == "a {{1}} {{@i|_}}\n" and p.section("three") == "" and "# code" in p.section("two")
    cells = {"1": "x y", "i": "-3"}
    assert substitute(p.section("one"), cells) == "a x y _\n"
    assert substitute(p.section("one"), cells | {"-3": "1"}) == "a x y 1\n"
    assert tidy(" \n\t") == "" and quote('a"\\\n\x07<|') == '"a\\"\\\\\\n\\u0007\\u003c|"' and word("a b") == '"a b"' and word("-3.5") == "-3.5"
    for name in ("ask", "sentence", "query", "verify", "count", "utm"):
        assert load(name).sections, name
    assert render.RENDERED.read_text() == render.rendered(), "rendered.json is old: run render.py"


def pieces(ids):
    """The frames and results of a context: (marker, text)."""
    out, kind, start = [], None, 0
    for i, t in enumerate(ids):
        if t in (SYS, RET):
            kind, start = t, i + 1
        elif t == END:
            assert kind is not None, "an end without a beginning"
            out.append((kind, bytes(ids[start:i]).decode()))
            kind = None
        else:
            assert t < 256 or (t == EOT and i == 0)
    assert kind is None
    return out


def check_context(family, c):
    assert len(c.ids) == len(c.targets) and any(t >= 0 for t in c.targets), family
    for i, t in enumerate(c.targets):
        assert t in (-1, EOT) or c.ids[i + 1] == t, family
    for kind, text in pieces(c.ids):
        if kind == RET:
            assert RESULT.match(text), (family, text)
            continue
        assert FRAME.match(text) and text.split(" ")[0] in NAMES, (family, text)
        assert len(text.encode()) <= FRAME_MAX
        for string in re.findall(r'"(?:[^"\\]|\\.)*"', text):
            json.loads(string)


def check_samples(count):
    for family, (generate, _) in data.FAMILIES.items():
        r = rng(77)
        for _ in range(count):
            c = generate(r, r.random())
            check_context(family, c)
            if family in data.VARIED:
                check_context(family, data.VARIED[family](r, c))


def check_isa():
    rules = isa.isa()["rules"]
    cases, r = 0, rng(5)
    for rule in rules:
        for say in rule["say"]:
            slots = {m.group(1) for m in isa.SLOT.finditer(say)} - {"a", "b"}
            forms = max([len(isa.isa()["kinds"][s]) for s in slots], default=1)
            cases += forms * len(isa.isa()["states"])
            for _ in range(forms):
                text, frames = isa.instance(r, rule, say)
                for frame, _ in frames:
                    assert "{" not in frame.replace('\\u003c|', "") or "{" in text, (text, frame)
                    assert FRAME.match(frame), frame
    assert cases >= 1000, cases
    return cases


def check_kernels():
    """The fused bfloat16 path and the float32 path give nearly the same loss and gradient."""
    torch.manual_seed(3)
    net = PhiNano(Config(layers=2, dim=64, heads=2, kv_heads=2, ffn=96, context=64))
    ids = torch.randint(0, VOCAB, (3, 40))
    grads = []
    for dtype in (torch.float32, torch.bfloat16):
        Linear.dtype = dtype
        net.zero_grad()
        net.loss(ids, ids).backward()
        grads.append(torch.cat([p.grad.flatten() for p in net.parameters()]))
    Linear.dtype = torch.float32
    off = ((grads[0] - grads[1]).norm() / grads[0].norm()).item()
    assert off < 0.03, off
    return off


if __name__ == "__main__":
    torch.set_num_threads(1)
    check_render()
    check_samples(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    print(f"instruction cases {check_isa()}, kernels off by {check_kernels():.4f}: all right")
