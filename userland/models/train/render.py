"""Prompt programs → contexts: the same rules as the C++ runtime's.

Run as a program it writes rendered.json, which a test of the runtime compares byte for byte.
"""
import json
import re
from pathlib import Path

import yaml

from model import END, EOT, RET, SYS

PROGRAMS = Path(__file__).resolve().parents[2] / "programs"
BLANK = " \t\n"
CELL = re.compile(r"\{\{(@?)([^{}|]+)(?:\|([^{}]*))?\}\}")
BARE = re.compile(r"[A-Za-z0-9_./:+@-]+\Z")
PASSAGE_MAX = 600


class Program:
    """Front matter, base and sections of one file; a heading inside a code fence is text."""

    def __init__(self, text):
        _, front, body = text.split("---\n", 2)
        self.front = yaml.safe_load(front)
        base, self.sections, fence = [], [], False
        lines = base
        for line in body.split("\n"):
            if line.startswith("```"):
                fence = not fence
            if line.startswith("# ") and not fence:
                lines = []
                self.sections.append((line[2:].strip(BLANK), lines))
            else:
                lines.append(line)
        self.base = tidy("\n".join(base))
        self.sections = [(label, tidy("\n".join(text))) for label, text in self.sections]

    def section(self, label):
        return dict(self.sections)[label]


def tidy(text):
    text = text.strip(BLANK)
    return text + "\n" if text else ""


def load(name):
    return Program((PROGRAMS / f"{name}.md").read_text())


def substitute(text, cells):
    def value(match):
        name = match.group(2)
        if match.group(1):
            name = cells.get(name, "")
        found = cells.get(name)
        if found is None:
            found = match.group(3) or ""
        return found
    return CELL.sub(value, text)


def quote(text):
    """A JSON string as the codec prints it."""
    out = ['"']
    for i, c in enumerate(text):
        if c in '"\\':
            out.append("\\" + c)
        elif c == "\n":
            out.append("\\n")
        elif c == "\t":
            out.append("\\t")
        elif ord(c) < 32 or ord(c) == 127:
            out.append("\\u%04x" % ord(c))
        elif c == "<" and text[i + 1:i + 2] == "|":
            out.append("\\u003c")
        else:
            out.append(c)
    return "".join(out) + '"'


def word(text):
    return text if BARE.match(text) else quote(text)


class Context:
    """A context as tokens, with the wanted next token at each place that the model writes."""

    def __init__(self, text=""):
        self.ids = [EOT]
        self.targets = [-1]
        self.text(text)

    def text(self, text):
        data = text.encode()
        self.ids += data
        self.targets += [-1] * len(data)
        return self

    def frame(self, text):
        tokens = [SYS, *text.encode(), END]
        self.targets[-1] = SYS
        self.ids += tokens
        self.targets += tokens[1:] + [-1]
        return self

    def ret(self, text=""):
        data = text.encode()
        self.ids += [RET, *data, END]
        self.targets += [-1] * (len(data) + 2)
        return self

    def end(self):
        """The section ends here; the end token itself is not kept."""
        self.targets[-1] = EOT
        return self

    def prompt(self):
        """The ids up to the first token that the model writes, and all that it writes."""
        first = next(i for i, t in enumerate(self.targets) if t >= 0)
        return self.ids[:first + 1]


RENDERED = Path(__file__).resolve().with_name("rendered.json")
CELLS = {"1": 'What is "a b"?\n# no heading <|phi_sys|> é', "2": "4", "i": "-3", "-3": "1", "counter": "17"}


def rendered():
    """Every section of the standard prompt programs as it stands in a fresh context, with the cells CELLS."""
    cases = []
    for path in sorted(PROGRAMS.glob("*.md")):
        program = Program(path.read_text())
        for label, section in program.sections:
            ids = Context(substitute(program.base, CELLS) + substitute(section, CELLS)).ids
            cases.append({"program": path.name, "section": label, "ids": ids})
    return json.dumps({"cells": CELLS, "cases": cases}, ensure_ascii=False).replace('{"program"', '\n{"program"') + "\n"


if __name__ == "__main__":
    RENDERED.write_text(rendered())
