"""The fused steps of kernels.c as autograd functions; compiled at first use. bfloat16 only."""
import ctypes
import os
import subprocess
from pathlib import Path

import torch
from torch.autograd import Function

HERE = Path(__file__).resolve().parent
FLAGS = ["-O3", "-march=native", "-mprefer-vector-width=512", "-ffast-math", "-shared", "-fPIC"]


def compile_library():
    folder = Path(os.environ.get("PHI_TRAIN_BUILD", Path.home() / ".cache" / "phi-train"))
    folder.mkdir(parents=True, exist_ok=True)
    library, source = folder / "kernels.so", HERE / "kernels.c"
    if not library.exists() or library.stat().st_mtime < source.stat().st_mtime:
        part = folder / f"kernels.{os.getpid()}"
        subprocess.run(["gcc", *FLAGS, str(source), "-o", str(part), "-lm"], check=True)
        os.replace(part, library)
    return ctypes.CDLL(str(library))


lib = compile_library()


def at(tensor):
    return ctypes.c_void_p(tensor.data_ptr())


def long(n):
    return ctypes.c_long(n)


class CausalSoftmax(Function):
    """Of scores [n, t, t], in place."""
    @staticmethod
    def forward(ctx, s):
        n, t, _ = s.shape
        work = torch.empty(t)
        lib.causal_softmax(at(s), long(n), long(t), at(work))
        ctx.mark_dirty(s)
        ctx.save_for_backward(s)
        return s

    @staticmethod
    def backward(ctx, d):
        p, = ctx.saved_tensors
        d = d.contiguous()
        lib.causal_softmax_back(at(d), at(p), long(p.shape[0]), long(p.shape[1]))
        return d


class SwiGlu(Function):
    @staticmethod
    def forward(ctx, g, u):
        y = torch.empty_like(g)
        lib.swiglu(at(g), at(u), at(y), long(g.numel()))
        ctx.save_for_backward(g, u)
        return y

    @staticmethod
    def backward(ctx, d):
        g, u = ctx.saved_tensors
        d = d.contiguous()
        dg, du = torch.empty_like(g), torch.empty_like(u)
        lib.swiglu_back(at(d), at(g), at(u), at(dg), at(du), long(g.numel()))
        return dg, du


class RmsNorm(Function):
    """float32 in, bfloat16 out."""
    @staticmethod
    def forward(ctx, x, w, eps):
        rows, dim = x.numel() // x.shape[-1], x.shape[-1]
        y, r = torch.empty_like(x, dtype=torch.bfloat16), torch.empty(rows)
        lib.rms_norm(at(x), at(w), at(y), at(r), long(rows), long(dim), ctypes.c_float(eps))
        ctx.save_for_backward(x, w, r)
        return y

    @staticmethod
    def backward(ctx, d):
        x, w, r = ctx.saved_tensors
        d = d.contiguous()
        dx, dw = torch.empty_like(x), torch.zeros_like(w)
        lib.rms_norm_back(at(d), at(x), at(w), at(r), at(dx), at(dw), long(r.numel()), long(x.shape[-1]))
        return dx, dw, None


class Rotate(Function):
    """[b, t, h, d] → [b * h, t, d], rotated and scaled."""
    @staticmethod
    def forward(ctx, x, cos, sin, scale):
        b, t, h, d = x.shape
        y = torch.empty(b * h, t, d, dtype=x.dtype)
        lib.rotate(at(x), at(y), at(cos), at(sin), long(b), long(t), long(h), long(d), ctypes.c_float(scale), ctypes.c_float(1), 0)
        ctx.save_for_backward(cos, sin)
        ctx.shape, ctx.scale = x.shape, scale
        return y

    @staticmethod
    def backward(ctx, g):
        cos, sin = ctx.saved_tensors
        b, t, h, d = ctx.shape
        g = g.contiguous()
        x = torch.empty(b, t, h, d, dtype=g.dtype)
        lib.rotate(at(g), at(x), at(cos), at(sin), long(b), long(t), long(h), long(d), ctypes.c_float(ctx.scale), ctypes.c_float(-1), 1)
        return x, None, None, None
