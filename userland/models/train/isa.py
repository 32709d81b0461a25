"""Family 1: instructions in words, from isa.yaml."""
import random
import re
from functools import lru_cache
from pathlib import Path

import yaml

from render import Context, quote, word
from words import letters, pseudo

SOURCE = Path(__file__).resolve().parent.parent / "isa.yaml"
SLOT = re.compile(r"\{([a-z]+)([0-9]*)\}")
ERRORS = ["ENOENT no such cell", "EINVAL bad argument", "EPERM the right is missing", "ELIMIT the limit of tokens is used up",
          "ETIMEDOUT the deadline has passed", "EAGAIN try again", "ETOOBIG the value is too long", "ENOSYS no such call",
          "ECHILD no such child", "EBUSY in use", "EIO the device failed"]


@lru_cache(maxsize=None)
def isa():
    return yaml.safe_load(SOURCE.read_text())


@lru_cache(maxsize=None)
def expand(chars):
    """"a-z0-9_" → the characters; a dash that is first or last is itself."""
    out, i = [], 0
    while i < len(chars):
        if i + 2 < len(chars) and chars[i + 1] == "-":
            out += [chr(c) for c in range(ord(chars[i]), ord(chars[i + 2]) + 1)]
            i += 3
        else:
            out.append(chars[i])
            i += 1
    return out


def operand(r, form, scale=1.0):
    """Text of one form; `scale` < 1 shortens it (the curriculum)."""
    f = isa()["forms"][form]
    prefix = f.get("prefix", "")
    limit = f["max"] - (2 if f.get("quoted") else 0)
    low = min(f["min"], limit)
    size = r.randint(low, max(low, round(limit * scale)))
    if size > 12 >= low and r.random() < 0.4:
        size = r.randint(low, 12)
    chars = expand(f["chars"])
    if form in ("bare", "shm", "mem", "at", "label", "prog") and r.random() < 0.5:
        text = (pseudo(r, 1, 3) if r.random() < 0.7 else letters(r, 1, 3))[:size]
        if r.random() < 0.3:
            text = (text + str(r.randint(0, 99)))[:f["max"]]
        return prefix + text
    if size > 6 and r.random() < 0.15:
        chars = r.sample(chars, min(r.randint(6, 24), len(chars)))
    first = r.choice(expand(f["first"]))
    escapes = f.get("escapes")
    if form == "utf8":
        plain, wide = chars, [c for c in chars if ord(c) > 127] or chars
        text = first
        while len(text.encode()) < size:
            text += r.choice(wide if r.random() < 0.2 else plain)
        while len(text.encode()) > limit:
            text = text[:-1]
    elif escapes:
        text = first
        while len(text) < size:
            text += r.choice(escapes) if r.random() < 0.12 else r.choice(chars)
        if len(text) > limit:
            text = text[:size] if "\\" not in text[size - 8:size] else first
    else:
        text = first + "".join(r.choice(chars) for _ in range(size - 1))
    if form == "string" and r.random() < 0.35:
        text = ""
        while len(text) < size:
            text += pseudo(r, 1, 3) + " "
        text = text[:size].strip() or first
    if size > 8 and not escapes and form in ("string", "token", "long") and r.random() < 0.06:
        half = text[:max(2, len(text) // r.randint(2, 4))]
        text = (half * 9)[:len(text)].rstrip() or first
    return '"' + text + '"' if f.get("quoted") else prefix + text


def choose(r, rule, fill, scale, easy=False):
    """Draws the shown values a and b and says which frame is due."""
    kind = rule["choose"]
    holds = r.random() < 0.5
    shown = [operand(r, r.choice(isa()["kinds"]["shown"]), scale) for _ in range(2)]
    a, b = shown
    if kind == "zero":
        a = "0" if holds else a
    elif kind == "equal":
        if easy or r.random() < 0.3:
            top = 9 if easy else 20
            a, b = str(r.randint(0, top)), str(r.randint(0, top))
        b = a if holds else b
        holds = a == b
    else:
        top = 9 if easy else r.choice([10, 10, 100, 100, 1000, 10000])
        a, b = r.randint(0, top), r.randint(0, top)
        if r.random() < 0.35:
            b = max(0, a + r.randint(-2, 2))
        if r.random() < 0.1:
            a, b = a - top // 2, b - top // 2
        holds = a < b if kind == "less" else a > b
        a, b = str(a), str(b)
    fill["a"], fill["b"] = a, b
    return rule["frame"] if holds else rule["else"]


def instance(r, rule, say, scale=1.0, easy=False):
    """One case: (section text, frame or "")."""
    fill = {}
    frame = choose(r, rule, fill, scale, easy) if "choose" in rule else rule["frame"]

    def slot(match):
        key = match.group(0)[1:-1]
        if key not in fill:
            fill[key] = operand(r, r.choice(isa()["kinds"][match.group(1)]), scale)
        return fill[key]

    text = SLOT.sub(slot, say)
    return text, SLOT.sub(slot, frame)


def result(r, frame, scale):
    """A plausible answer to a frame."""
    op = frame.split(" ", 1)[0]
    value = operand(r, r.choice(isa()["kinds"]["value"]), min(scale, 0.5))
    if op in ("READ", "RECV", "INPUT", "TOOL"):
        return value
    if op in ("NOW", "ADD", "RANDOM", "SELF", "SPAWN"):
        return str(r.randint(0, 10 ** r.randint(1, 6)))
    if op in ("CAS", "JUMP", "FORK"):
        return r.choice("01") if op != "JUMP" else "0"
    if op == "WAIT":
        return f"{r.randint(1, 99)} {value}"
    if op == "LIST":
        return " ".join(operand(r, "bare") for _ in range(r.randint(0, 3)))
    if op == "RETRIEVE":
        return " ".join(quote(f"{pseudo(r)}: {pseudo(r)} {pseudo(r)}.") for _ in range(r.randint(1, 2)))
    return ""


def ends(frame):
    return frame == "EXIT" or frame.startswith("EXIT ") or (frame.startswith("JUMP ") and " if=" not in frame)


COMMENTS = ["You are the processor.", "This program counts.", "Do what the last line says.", "A program.", "The state is in the cells.",
            "Follow the instruction.", "Copy values exactly.", "The tape is in the cells."]


def weighted_rule(r):
    rules = isa()["rules"]
    rule = r.choice(rules)
    if r.random() < 0.2:
        rule = r.choice([x for x in rules if "{value" in x["frame"]])
    elif r.random() < 0.12:
        rule = r.choice([x for x in rules if "choose" in x])
    return rule


def choices(r, progress=1.0):
    """One test on shown values alone: a decision of one bit, which programs have too seldom to learn it from them."""
    rule = r.choice([x for x in isa()["rules"] if "choose" in x])
    easy = r.random() < 0.6
    text, frame = instance(r, rule, r.choice(rule["say"]), 0.1 if easy else 0.4, easy)
    c = Context(text + "\n")
    return c.frame(frame) if frame else c.end()


def sample(r, progress=1.0):
    """A context of one to six instructions, one after the other, with their results."""
    scale = min(1.0, 0.2 + 2.4 * progress)
    base = ""
    if r.random() < 0.2:
        base = r.choice(COMMENTS) if r.random() < 0.5 else " ".join(pseudo(r) for _ in range(r.randint(2, 6))).capitalize() + "."
        base += "\n"
    c = Context(base)
    for _ in range(r.randint(1, 5)):
        rule = weighted_rule(r)
        text, frame = instance(r, rule, r.choice(rule["say"]), scale)
        c.text(text + "\n")
        if not frame:
            c.end()
            continue
        c.frame(frame)
        if ends(frame):
            break
        c.ret("!" + word(r.choice(ERRORS).split(" ")[0]) + " " + r.choice(ERRORS).split(" ", 1)[1]
              if r.random() < 0.12 else result(r, frame, scale))
        c.end()
    return c
