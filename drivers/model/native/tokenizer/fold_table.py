#!/usr/bin/env python3
"""Writes fold_table.h: what BERT's normalisation makes of a character, from Python's Unicode data.

Usage: fold_table.py >fold_table.h
A character's canonical decomposition without its marks (Mn), in lower case, where that is one other character.
Hangul is arithmetic, and not in the table; CJK compatibility characters are left as they are."""
import unicodedata

LEFT_OUT = [(0xAC00, 0xD7A3), (0xD800, 0xDFFF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F)]


def bare(text):
    return "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")


def folds():
    out = {}
    for code in range(0x110000):
        if any(a <= code <= b for a, b in LEFT_OUT) or unicodedata.category(chr(code)) in ("Mn", "Cn"):
            continue
        folded = bare(bare(chr(code)).lower())
        if len(folded) == 1 and ord(folded) != code:
            out[code] = ord(folded)
    return out


def runs(table):
    codes, i, out = sorted(table), 0, []
    while i < len(codes):
        best = (1, 1, 0)
        for step in (1, 2):
            for slope in (0, 1):
                j = i
                while (j + 1 < len(codes) and codes[j + 1] == codes[j] + step
                       and table[codes[j + 1]] - table[codes[j]] == step * slope):
                    j += 1
                best = max(best, (j - i + 1, step, slope))
        n, step, slope = best
        out.append((codes[i], codes[i + n - 1], step, slope, table[codes[i]]))
        i += n
    return out


table = folds()
print(f"""// Written by fold_table.py from Unicode {unicodedata.unidata_version}: characters without their marks, in lower case.
#pragma once

#include <cstdint>

namespace phios {{

// Characters first, first + step … last become target, target + step × slope …
struct FoldRun {{
  uint32_t first, last;
  uint8_t step, slope;
  uint32_t target;
}};

// clang-format off
inline constexpr FoldRun kFoldRuns[] = {{""")
row = "   "
for first, last, step, slope, target in runs(table):
    cell = f" {{{first},{last},{step},{slope},{target}}},"
    if len(row) + len(cell) > 118:
        print(row)
        row = "   "
    row += cell
print(row)
print("""};
// clang-format on

}  // namespace phios""")
