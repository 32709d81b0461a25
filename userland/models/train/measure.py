"""Measures a checkpoint on what it never saw: routing of the held-out questions, and recorded problems if their folder is given.

usage: measure.py CHECKPOINT [DATA] [--show N]
DATA holds logic/ProntoQA.problems.jsonl, logic/ProofWriter.problems.jsonl and math/mawps_singleop.jsonl.
"""
import json
import re
import sys
from pathlib import Path

import torch

import evaluate
from ask_calc import evaluate as calculate
from decode import run, text
from render import Context, load, substitute

EVAL = Path(__file__).resolve().parent.parent / "eval"
FIRST = {"calc": "TOOL calc", "fact": "RETRIEVE ", "parts": "SPAWN ", "logic": "EXEC logic", "stored": "EXEC stored", "outside": 'EXIT "?"'}
ATOM = re.compile(r"([^\s(\"]+)\(([^()]*), (True|False)\)")


def prompts(program, questions):
    section = load(program).sections[0][1]
    return [Context(substitute(section, {"1": q})).ids for q in questions]


def rows(path):
    return [json.loads(line) for line in path.open()]


def routing(net, show):
    for name in ("inside", "outside"):
        cases = rows(EVAL / f"{name}.jsonl")
        frames = [text(t) for t in run(net, prompts("ask", [c["question"] for c in cases]), 90)]
        good, declined, shown = {}, 0, 0
        for c, f in zip(cases, frames):
            right = bool(f) and f.startswith(FIRST[c["kind"]])
            good.setdefault(c["kind"], []).append(right)
            declined += f == 'EXIT "?"'
            if not right and shown < show:
                shown += 1
                print(f"  {c['kind']}: {c['question'][:150]!r} -> {f}")
        print(f"{name}: declined {declined}/{len(cases)}; right first frame " + " ".join(f"{k}={sum(v)}/{len(v)}" for k, v in good.items()))


def atoms(part):
    return [(m.group(1), tuple(m.group(2).split(", ")), m.group(3)) for m in ATOM.finditer(part)]


def chain(forms, goal):
    """Ground forward chaining; the derived truth of the goal's atom, or None."""
    facts, rules, names = set(), [], set()
    for form in forms:
        if ">>>" in form:
            body, head = form.split(">>>")
            rules.append((atoms(body), atoms(head)))
        else:
            facts |= set(atoms(form))
    for f in facts:
        names |= set(f[1])
    for body, head in rules:
        names |= {a for x in body + head for a in x[1] if a != "$x"}
    grounded = [([(p, tuple(n if a == "$x" else a for a in args), t) for p, args, t in body], [(p, tuple(n if a == "$x" else a for a in args), t) for p, args, t in head])
                for body, head in rules for n in names]
    more = True
    while more:
        more = False
        for body, head in grounded:
            if all(b in facts for b in body) and not all(h in facts for h in head):
                facts |= set(head)
                more = True
    p, args, t = goal
    return next((v for v in ("True", "False") if (p, args, v) in facts), None)


def logic(net, path, show):
    problems = rows(path)
    sentences = [re.findall(r"[^.]+\.", p["context"]) for p in problems]
    flat = [s.strip() for group in sentences for s in group]
    forms = [text(t) for t in run(net, prompts("sentence", flat), 130)]
    queries = [text(t) for t in run(net, prompts("query", [p["question"] for p in problems]), 80)]
    right, at, shown = 0, 0, 0
    for p, group, query in zip(problems, sentences, queries):
        mine = [f or "" for f in forms[at:at + len(group)]]
        at += len(group)
        goal = atoms(query or "")
        value = chain(mine, goal[0]) if goal else None
        said = "C" if value is None else "A" if value == goal[0][2] else "B"
        right += said == p["answer"]
        if said != p["answer"] and shown < show:
            shown += 1
            print("  wrong:", query, *(f"\n    {s.strip()} -> {f}" for s, f in zip(group, mine)))
    print(f"{path.stem}: {right}/{len(problems)}")


def sums(net, path, show):
    cases = rows(path)
    frames = [text(t) for t in run(net, prompts("ask", [c["input"] for c in cases]), 60)]
    right, declined, shown = 0, 0, 0
    for c, f in zip(cases, frames):
        m = re.match(r'TOOL calc "([-+*/() 0-9.]+)"\Z', f or "")
        try:
            value = float(calculate(m.group(1))) if m else None
        except (SyntaxError, TypeError, ValueError):
            value = None
        ok = value is not None and abs(value - float(c["target"])) < 1e-3
        right += ok
        declined += f == 'EXIT "?"'
        if not ok and shown < show:
            shown += 1
            print(f"  {f}  wanted {c['target']}")
    print(f"{path.stem}: {right}/{len(cases)}, declined {declined}")


def main():
    words = [a for a in sys.argv[1:] if not a.startswith("--")]
    show = int(sys.argv[sys.argv.index("--show") + 1]) if "--show" in sys.argv else 0
    if show:
        words.remove(str(show))
    torch.set_num_threads(1)
    net, state = evaluate.load(words[0])
    net.eval()
    print(f"step {state['step']}, {state['tokens'] / 1e6:.1f}M tokens")
    with torch.no_grad():
        routing(net, show)
        if len(words) > 1:
            data = Path(words[1])
            for name in ("ProntoQA", "ProofWriter"):
                logic(net, data / "logic" / f"{name}.problems.jsonl", show)
            sums(net, data / "math" / "mawps_singleop.jsonl", show)


if __name__ == "__main__":
    main()
