"""Family 1: instructions in words, from isa.yaml."""
import json
import random
import re
import string
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


STOP_LIST = SOURCE.parents[2] / "syscalls/codec/stop_words.def"
STOP_WORDS = set(re.findall(r'"([a-z]+)"', STOP_LIST.read_text()))  # never operands, unless in quotes
# Other words of the sentences themselves: a cell may be called `value` or `a`, and is then still a name.
COMMON = sorted({w for rule in isa()["rules"] for say in rule["say"] for w in re.findall(r"\b[a-z]{1,12}\b", SLOT.sub(" ", say))} - STOP_WORDS)
BARE_CHARS = string.ascii_letters + string.digits + 3 * "_./:+@-"  # of words that stand without quotes
NAMELIKE = ("bare", "shm", "mem", "at", "label", "prog")


def name_text(r, form, rivals):
    """A name as people choose them or as chance does, often one that is easily taken for another word of the sentence."""
    f = isa()["forms"][form]
    chars, x = expand(f["chars"]), r.random()
    if x < 0.07:
        text = r.choice(COMMON)
    elif x < 0.22 and rivals:  # shares a beginning, or all but a character, with a word that stands there already
        other = r.choice(rivals)
        keep = r.randint(1, len(other))
        text = other[:keep] + "".join(r.choice(chars) for _ in range(r.randint(0, 4)))
        if r.random() < 0.3:
            text = other[r.randint(0, len(other) - 1):] + r.choice(chars)
    elif x < 0.36:  # few letters, so that they come again
        few = r.sample(chars, r.randint(1, 3))
        text = "".join(r.choice(few) for _ in range(r.randint(1, f["max"])))
    elif x < 0.52:
        text = "".join(r.choice(chars) for _ in range(r.randint(1, 2)))
    elif x < 0.72:
        text = pseudo(r, 1, 3) if r.random() < 0.7 else letters(r, 1, 3)
        text += str(r.randint(0, 99)) if r.random() < 0.3 else ""
    else:
        text = "".join(r.choice(chars) for _ in range(r.randint(1, f["max"])))
    text = text[:f["max"]]
    first = expand(f["first"])
    if text[:1] not in first:
        text = r.choice(first) + text[1:]
    text = "".join(c if c in chars else r.choice(first) for c in text)
    while len(text) < f["min"]:
        text += r.choice(chars)
    return text


def operand(r, form, scale=1.0, rivals=()):
    """Text of one form; `scale` < 1 shortens it (the curriculum), `rivals` are words beside it."""
    f = isa()["forms"][form]
    if form in NAMELIKE:
        return f.get("prefix", "") + name_text(r, form, rivals)
    limit = f["max"] - (2 if f.get("quoted") else 0)
    low = min(f["min"], limit)
    size = r.randint(low, max(low, round(limit * scale)))
    if size > 12 >= low and r.random() < 0.25:
        size = r.randint(low, 12)
    text = quoted_text(r, form, size) if f.get("quoted") else plain_text(r, f, size)
    return '"' + text + '"' if f.get("quoted") else f.get("prefix", "") + text


def plain_text(r, f, size):
    """Digits or letters; at times of few different ones, or with a part that comes again."""
    chars = expand(f["chars"])
    x = r.random()
    if x < 0.15:
        chars = r.sample(chars, min(r.randint(1, 4), len(chars)))
    text = r.choice(expand(f["first"])) + "".join(r.choice(chars) for _ in range(size - 1))
    if size > 4 and x > 0.88:
        at, n = r.randrange(size - 2), r.randint(2, max(2, size // 2))
        text = (text[:at + n] + text[at:])[:size]
    return text


def quoted_text(r, form, size):
    """The inside of a JSON string of at most `size` bytes: no escape is cut."""
    f = isa()["forms"][form]
    if form == "string" and r.random() < 0.3:
        text = ""
        while len(text) < size:
            text += pseudo(r, 1, 3) + " "
        return text[:size].strip() or "a"
    chars, escapes = expand(f["chars"]), f.get("escapes", [])
    if r.random() < 0.2:
        chars = r.sample(chars, min(r.randint(2, 12), len(chars)))
    dense = r.choice([0.12, 0.12, 0.12, 0.3, 0.6]) if escapes else 0
    text = r.choice(expand(f["first"]))
    for _ in range(size):
        piece = r.choice(escapes) if r.random() < dense else r.choice(chars)
        if len((text + piece).encode()) > size:
            break
        text += piece
    return text


def choose(r, rule, fill, scale):
    """Draws the shown values a and b and says whether the rule's test holds."""
    kind = rule["choose"]
    shown = lambda: operand(r, r.choice(isa()["kinds"]["shown"]), scale)
    a, b, holds = shown(), shown(), r.random() < 0.5
    if kind == "zero":
        a = "0" if holds else a if r.random() < 0.7 else str(r.randint(1, 12))
    else:
        x = r.random()
        if x < 0.3:
            b = str(int(a) + r.choice([-2, -1, 1, 2]))
        elif x < 0.5:
            b = a
        elif x < 0.6:
            a = str(r.randint(-3, 12))
        b = "1" if b == "0" else b
        holds = int(a) == int(b) if kind == "equal" else int(a) < int(b) if kind == "less" else int(a) > int(b)
    fill["a"], fill["b"] = a, b
    return holds


def instance(r, rule, say, scale=1.0, drawn=operand, fill=None):
    """One case: (section text, [(frame, its result or None if that is any)]); no frames: the section ends.

    `drawn` makes a slot's text unless `fill` has it; all of them are in `fill` afterwards.
    """
    fill = {} if fill is None else fill
    said = re.findall(r"\b[a-z]{2,}\b", SLOT.sub(" ", say))
    holds = choose(r, rule, fill, scale) if "choose" in rule else True

    def slot(match):
        key = match.group(0)[1:-1]
        if key not in fill:
            rivals = said + [v.lstrip("@/") for v in fill.values() if v.isalnum() and v[0].isalpha()]
            while fill.get(key) is None or fill[key] in STOP_WORDS:
                fill[key] = drawn(r, r.choice(isa()["kinds"][match.group(1)]), scale, rivals)
            if match.group(1) == "label" and fill[key] in [v for k, v in fill.items() if k != key]:
                fill[key] += r.choice("0123456789xyz")
        return fill[key]

    text = SLOT.sub(slot, say)
    frames = [(SLOT.sub(slot, rule["test"]), "true" if holds else "false")] if "test" in rule else []
    last = rule["frame"] if holds else rule["else"]
    return text, frames + ([(SLOT.sub(slot, last), None)] if last else [])


def answer_text(value):
    """A value as an answer prints it: in quotes only where it must be, however it was written."""
    return word(json.loads(value)) if value.startswith('"') else value


def result(r, frame, scale):
    """A plausible answer to a frame."""
    op = frame.split(" ", 1)[0]
    value = answer_text(operand(r, r.choice(isa()["kinds"]["value"]), min(scale, 0.5)))
    if r.random() < 0.2:
        value = "".join(r.choice(BARE_CHARS) for _ in range(r.randint(1, 20)))
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


def answered(r, c, frames, scale):
    """Appends a section's frames with their results, and its end; says whether the next section may follow in this context."""
    for frame, reply in frames:
        c.frame(frame)
        if ends(frame):
            return False
        if r.random() < 0.1:
            error = r.choice(ERRORS)
            c.ret("!" + word(error.split(" ")[0]) + " " + error.split(" ", 1)[1])
            break
        c.ret(result(r, frame, scale) if reply is None else reply)
    c.end()
    return True


def choices(r, progress=1.0):
    """Tests on shown values alone: decisions of one bit, which programs have too seldom to learn them from them."""
    rules = [x for x in isa()["rules"] if "choose" in x]
    c = Context()
    for _ in range(r.randint(1, 4)):
        rule = r.choice(rules)
        text, frames = instance(r, rule, r.choice(rule["say"]), 0.3 if r.random() < 0.5 else 1.0)
        c.text(text + "\n")
        if not answered(r, c, frames, 0.3):
            break
    return c


def uniform(r, form, scale=1.0, rivals=()):
    """Text of one form, every length and every character alike: what the catalogue says and no more."""
    f = isa()["forms"][form]
    chars, escapes = expand(f["chars"]), f.get("escapes", [])
    limit = f["max"] - (2 if f.get("quoted") else 0)
    size = r.randint(min(f["min"], limit), limit)
    text = r.choice(expand(f["first"]))
    while len(text.encode()) < size:
        piece = r.choice(escapes) if escapes and r.random() < 0.12 else r.choice(chars)
        if len((text + piece).encode()) > limit:
            break
        text += piece
    return '"' + text + '"' if f.get("quoted") else f.get("prefix", "") + text


PROGRAM_OPS = ("WRITE", "MOV", "COPY", "DEL", "READ", "CAS", "ADD", "JUMP", "EXIT")  # what programs are mostly made of


def terse(r, rule):
    """A sentence of the rule; one of few words says the least about its verb, so it is drawn more often."""
    return r.choices(rule["say"], [1 / (4 + len(SLOT.sub("", say))) for say in rule["say"]])[0]


def catalogue(r, progress=1.0):
    """One instruction in one of the catalogue's states, operands as it says: where chance alone makes names, they begin alike and are short more often."""
    rules = isa()["rules"]
    if r.random() < 0.7:
        op = r.choice(PROGRAM_OPS)
        rules = [x for x in rules if x["op"] == op]
    rule = r.choice(rules)
    return catalogued(r, rule, terse(r, rule), {}, r.random())


def variant(r, c):
    """A neighbour of a context of the catalogue: another sentence of its rule, or another text or character in one of its slots."""
    rule, say, fill, state = c.recipe
    fill = dict(fill)
    if "choose" in rule or not fill or r.random() < 0.2:
        return catalogued(r, rule, r.choice(rule["say"]), {} if "choose" in rule else fill, state)
    slot = r.choice(sorted(fill))
    text = fill.pop(slot)
    at = r.randrange(text.rfind("/", 0, 5) + 1, len(text))  # behind a prefix
    if text.isascii() and text[at].isalnum() and '"' not in text and r.random() < 0.6:
        alike = "123456789" if text[at].isdigit() else "abcdefghijklmnopqrstuvwxyz"
        text = text[:at] + r.choice(alike) + text[at + 1:]
        if text not in STOP_WORDS and text not in fill.values():
            fill[slot] = text
    return catalogued(r, rule, say, fill, state)


def catalogued(r, rule, say, fill, state):
    """The context of one instruction; its `recipe` is what `variant` changes."""
    text, frames = instance(r, rule, say, 1.0, r.choice([uniform, short, uniform, operand]), fill)
    c = Context(r.choice(COMMENTS) + "\n" if state < 0.12 else "")
    c.recipe = (rule, say, fill, state)
    if state > 0.8:  # something was written before, and perhaps something absent was read
        cell, value = uniform(r, "bare"), uniform(r, "bare")
        c.text(f"Write {value} to {cell}.\n").frame(f"WRITE {cell} {value}").ret().end()
        if state > 0.9:
            absent = uniform(r, "bare")
            c.text(f"Read {absent}.\n").frame(f"READ {absent}").ret(f"!ENOENT no cell named {absent}").end()
    c.text(text + "\n")
    answered(r, c, frames, 1.0)
    return c


def short(r, form, scale=1.0, rivals=()):
    """As `uniform`, but numbers and names of one to three characters, at times one of the sentences' own words."""
    f = isa()["forms"][form]
    chars = expand(f["chars"])
    if form in ("int", "small") and r.random() < 0.7:
        return r.choice(expand(f["first"])) + "".join(r.choice(chars) for _ in range(r.randint(0, 2)))
    if form not in NAMELIKE or r.random() < 0.3:
        return uniform(r, form)
    text = r.choice(COMMON) if r.random() < 0.15 else r.choice(expand(f["first"])) + "".join(r.choice(chars) for _ in range(r.randint(f["min"], 3) - 1))
    return f.get("prefix", "") + text[:f["max"]]


def sample(r, progress=1.0):
    """A context of one to five instructions, one after the other, with their results."""
    scale = min(1.0, 0.2 + 2.4 * progress)
    base = ""
    if r.random() < 0.25:
        base = r.choice(COMMENTS) if r.random() < 0.5 else " ".join(pseudo(r) for _ in range(r.randint(2, 6))).capitalize() + "."
        base += "\n"
    c = Context(base)
    for _ in range(r.randint(1, 5)):
        rule = weighted_rule(r)
        text, frames = instance(r, rule, r.choice(rule["say"]), scale)
        c.text(text + "\n")
        if not answered(r, c, frames, scale):
            break
    return c
