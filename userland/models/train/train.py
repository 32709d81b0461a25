"""Trains phi-nano on one core; stops when the time is spent, resumes where it stopped.

usage: train.py DIR [--minutes N] [--seed N] [--rate R] [--flat F] [--from CHECKPOINT] [--sift N]
DIR keeps `last.pt` (weights, optimiser, position) and `log.txt`.
The schedule goes by the share of the minutes of processor time that is spent, over all resumptions together.
--from begins a second stage: a new run, with a schedule of its own, on the weights and the optimiser of a finished one.
--sift draws N times as many samples of the exact families and trains on the hardest (sift.py).
"""
import argparse
import functools
import os
import signal
import time
from pathlib import Path

import torch

import data
import evaluate
import sift
from model import Config, Linear, PhiNano
from optim import Optimiser
from words import rng

SAVE_SECONDS = 180
EVAL_SECONDS = 480
STEP_TOKENS = 5400


def schedule(progress, steps, flat):
    """Learning rate by progress: a short warm-up, flat, then down to nearly nothing."""
    warm = min(1.0, (steps + 1) / 60)
    return warm * (1.0 if progress < flat else max(0.01, (1 - progress) / (1 - flat)))


def save(path, net, optimiser, **position):
    part = path.with_suffix(".part")
    torch.save({"config": vars(net.config), "net": net.state_dict(), "optimiser": optimiser.state(), **position}, part)
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", type=Path)
    parser.add_argument("--minutes", type=float, default=85)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=0.005, help="Muon's at its highest; Adam's is a third of it")
    parser.add_argument("--flat", type=float, default=0.25, help="share of the run before the rate falls")
    parser.add_argument("--from", dest="source", type=Path, help="checkpoint of the stage before this one")
    parser.add_argument("--sift", type=int, default=1)
    parser.add_argument("--f32", action="store_true")
    a = parser.parse_args()
    a.dir.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(a.seed)
    Linear.dtype = torch.float32 if a.f32 else torch.bfloat16
    net = PhiNano(Config())
    optimiser = Optimiser(net, matrix_lr=a.rate, other_lr=a.rate / 3)
    last = a.dir / "last.pt"
    step, spent, tokens, first = 0, 0.0, 0, 0
    if last.exists() or a.source:
        state = torch.load(last if last.exists() else a.source)
        net.load_state_dict(state["net"])
        optimiser.restore(state["optimiser"])
        step, tokens = state["step"], state["tokens"]
        spent, first = (state["spent"], state["first"]) if last.exists() else (0.0, step)
    stream = data.Stream(rng(a.seed * 1000 + step), sift=functools.partial(sift.hardest, net), drawn=a.sift)
    budget = a.minutes * 60
    log = open(a.dir / "log.txt", "a", buffering=1)

    def say(text):
        print(text, flush=True)
        log.write(text + "\n")

    say(f"start: step {step}, spent {spent:.0f}s of {budget:.0f}s, {sum(p.numel() for p in net.parameters())} parameters, families {list(data.FAMILIES)}")
    begun, mark = time.process_time(), time.time()
    saved = evaluated = mark
    losses, seen = [], 0
    base_spent = spent
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    while spent < budget:
        progress = spent / budget
        batches, total, size = [], 0, 0
        while size < STEP_TOKENS:
            ids, targets = stream.next(progress)
            batches.append((ids, targets))
            total += int((targets >= 0).sum())
            size += ids.numel()
        loss_sum = 0.0
        for ids, targets in batches:
            n = int((targets >= 0).sum())
            loss = net.loss(ids, targets) * (n / total)
            loss.backward()
            loss_sum += loss.item()
        norm = optimiser.step(schedule(progress, step - first, a.flat))
        losses.append(loss_sum)
        step, tokens, seen = step + 1, tokens + size, seen + size
        now = time.time()
        spent = base_spent + time.process_time() - begun
        if step % 20 == 0:
            say(f"step {step} progress {spent / budget:.3f} loss {sum(losses) / len(losses):.4f} norm {norm:.2f} "
                f"tokens {tokens / 1e6:.2f}M {seen / (now - mark):.0f}/s")
            losses, seen, mark = [], 0, now
        if now - saved > SAVE_SECONDS or spent >= budget or stop:
            save(last, net, optimiser, step=step, first=first, spent=spent, tokens=tokens, progress=min(1.0, spent / budget), seed=a.seed)
            saved = now
        if stop:
            return say(f"stopped at step {step}")
        if now - evaluated > EVAL_SECONDS:
            exact = evaluate.families(net, 32)
            say("exact " + " ".join(f"{k}={v:.2f}" for k, v in exact.items()))
            mark = evaluated = time.time()
    say("done")


if __name__ == "__main__":
    main()
