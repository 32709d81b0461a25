"""Checkpoint → GGUF v3 (F16 matrices, F32 norms) that llama.cpp and phios load, and golden.json (by default beside this file).

usage: export.py CHECKPOINT OUT.gguf [GOLDEN]
golden.json: prompts, their token ids and the logits after the last one, of the F16-rounded weights in float32.
"""
import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import torch

import evaluate
import isa
from model import BYTES, END, EOT, RET, SYS, VOCAB, Linear
from render import PROGRAMS, Context, load, substitute

HERE = Path(__file__).resolve().parent
ALIGN = 32
F32, F16 = 0, 1
U32, FLOAT, BOOL, STRING, ARRAY, I32, U64 = 4, 6, 7, 8, 9, 5, 10
NORMAL, CONTROL = 1, 3


def byte_names():
    """GPT-2's printable stand-in for each byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    names, extra = {b: chr(b) for b in plain}, 0
    for b in range(BYTES):
        if b not in names:
            names[b] = chr(256 + extra)
            extra += 1
    return [names[b] for b in range(BYTES)]


def vocabulary():
    tokens = byte_names() + [f"<|phi_r{i}|>" for i in range(VOCAB - BYTES)]
    tokens[SYS], tokens[END], tokens[RET], tokens[EOT] = "<|phi_sys|>", "<|phi_end|>", "<|phi_ret|>", "<|endoftext|>"
    for i in range(EOT + 1, VOCAB):
        tokens[i] = f"<|phi_r{i - EOT - 1}|>"
    return tokens, [NORMAL] * BYTES + [CONTROL] * (VOCAB - BYTES)


def source_hash():
    """Of all that determines the data: generators, instruction set, prompts."""
    h = hashlib.sha256()
    files = sorted(HERE.glob("*.py")) + [HERE.parent / "isa.yaml", isa.STOP_LIST] + [PROGRAMS / f"{n}.md" for n in ("ask", "query", "sentence", "verify")]
    for f in files:
        h.update(f.name.encode() + b"\0" + f.read_bytes())
    return h.hexdigest()


def text(s):
    data = s.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, v):
    if kind == STRING:
        return text(v)
    return struct.pack({U32: "<I", FLOAT: "<f", BOOL: "<?", I32: "<i", U64: "<Q"}[kind], v)


def entry(key, kind, v, element=None):
    head = text(key) + struct.pack("<I", kind)
    if kind != ARRAY:
        return head + value(kind, v)
    return head + struct.pack("<IQ", element, len(v)) + b"".join(value(element, x) for x in v)


def metadata(c, state):
    tokens, types = vocabulary()
    return [
        entry("general.architecture", STRING, "llama"), entry("general.name", STRING, "phi-nano"), entry("general.file_type", U32, 1),
        entry("general.license", STRING, "apache-2.0"),
        entry("llama.vocab_size", U32, VOCAB), entry("llama.context_length", U32, c.context), entry("llama.embedding_length", U32, c.dim),
        entry("llama.block_count", U32, c.layers), entry("llama.feed_forward_length", U32, c.ffn), entry("llama.rope.dimension_count", U32, c.head_dim),
        entry("llama.rope.freq_base", FLOAT, c.rope_base), entry("llama.attention.head_count", U32, c.heads),
        entry("llama.attention.head_count_kv", U32, c.kv_heads), entry("llama.attention.layer_norm_rms_epsilon", FLOAT, c.eps),
        entry("tokenizer.ggml.model", STRING, "gpt2"), entry("tokenizer.ggml.pre", STRING, "gpt-2"),
        entry("tokenizer.ggml.tokens", ARRAY, tokens, STRING), entry("tokenizer.ggml.token_type", ARRAY, types, I32),
        entry("tokenizer.ggml.merges", ARRAY, ["Ġ Ġ"], STRING), entry("tokenizer.ggml.bos_token_id", U32, EOT),
        entry("tokenizer.ggml.eos_token_id", U32, EOT), entry("tokenizer.ggml.add_bos_token", BOOL, True),
        entry("phi.train.seed", U32, state["seed"]), entry("phi.train.steps", U32, state["step"]), entry("phi.train.tokens", U64, state["tokens"]),
        entry("phi.train.sources", STRING, source_hash()),
    ]


def tensors(net):
    names = {"attn_norm": "attn_norm", "ffn_norm": "ffn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output",
             "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
    yield "token_embd.weight", net.embed.weight
    for i, block in enumerate(net.blocks):
        for ours, theirs in names.items():
            yield f"blk.{i}.{theirs}.weight", getattr(block, ours).weight
    yield "output_norm.weight", net.norm.weight
    yield "output.weight", net.head.weight


def write(path, net, state):
    meta = metadata(net.config, state)
    infos, blobs, offset = [], [], 0
    for name, weight in tensors(net):
        array = weight.detach().numpy()
        kind = F32 if array.ndim == 1 else F16
        blob = array.astype(np.float32 if kind == F32 else np.float16).tobytes()
        infos.append(text(name) + struct.pack("<I", array.ndim) + b"".join(struct.pack("<Q", n) for n in reversed(array.shape)) + struct.pack("<IQ", kind, offset))
        blob += b"\0" * (-len(blob) % ALIGN)
        blobs.append(blob)
        offset += len(blob)
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(meta)) + b"".join(meta) + b"".join(infos)
    head += b"\0" * (-len(head) % ALIGN)
    path.write_bytes(head + b"".join(blobs))


def prompts():
    ask, sentence = load("ask").section("ask"), load("sentence").section("sentence")
    yield "instruction", Context("Copy a to b.\n").ids
    yield "second instruction", Context("Write 17 to n.\n").frame("WRITE n 17").ret().text("Add 3 to n.\n").ids
    yield "sentence", Context(substitute(sentence, {"1": "Red, cold things are round."})).ids
    yield "question", Context(substitute(ask, {"1": "What is the occupation of Ada Brown?"})).ids
    yield "number", Context(substitute(ask, {"1": "Tom has 3 apples and buys 4 more. How many apples does Tom have now?"})).frame('TOOL calc "3 + 4"').ret("7").ids


@torch.no_grad()
def golden(net):
    cases = []
    for name, ids in prompts():
        logits = net(torch.tensor([ids]))[0, -1]
        cases.append({"name": name, "ids": ids, "logits": [round(x, 5) for x in logits.tolist()]})
    return {"rounding": "weights F16 (norms F32), computed in float32", "cases": cases}


def main():
    torch.set_num_threads(1)
    net, state = evaluate.load(sys.argv[1])
    out = Path(sys.argv[2])
    write(out, net, state)
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim == 2:
                p.copy_(p.half().float())
    Linear.dtype = torch.float32
    lines = json.dumps(golden(net)).replace('{"name"', '\n{"name"')
    (Path(sys.argv[3]) if len(sys.argv) > 3 else HERE / "golden.json").write_text(lines + "\n")
    print(f"{out}: {out.stat().st_size / 1e6:.2f} MB, step {state['step']}")


if __name__ == "__main__":
    main()
