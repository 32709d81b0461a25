"""Family 2: states of random Turing machines, in the shape that userland/programs/utm.md shows."""
from render import Context
from words import capital, letters, pseudo

SYMBOLS = ["01", "01", "01_", "012", "_1", "ab", "abc", "xyz", "01ab", "ABCD", "01234567", "_abc", "LRab", "cb", "-+", "01.x"]


def state(r):
    x = r.random()
    if x < 0.25:
        return "q" + str(r.randint(0, 40))
    if x < 0.4:
        return "u" + str(r.randint(1, 15))
    if x < 0.5:
        return r.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    if x < 0.6:
        return "halt"
    if x < 0.7:
        return "s-" + str(r.randint(0, 99))
    name = pseudo(r, 1, 2) if x < 0.85 else letters(r, 1, 8)
    if r.random() < 0.3:
        name = capital(name)
    return name + r.choice(["", "", "", "_" + pseudo(r, 1, 1), str(r.randint(0, 9)), "-" + r.choice("lrab")])


def table(r):
    """The same look-up, barer and denser: lines of two words, then several reads of the one context."""
    if r.random() < 0.6:
        keys = r.sample("abcdefghij0123456789", r.randint(2, 6))
        values = [r.choice("uvwxyzABCDEF") for _ in keys]
    else:
        keys = list({r.choice([letters(r, 1, 1), str(r.randint(0, 9)), letters(r, 1, 3), str(r.randint(0, 99))]) for _ in range(r.randint(2, 7))})
        values = [state(r) if r.random() < 0.5 else r.choice(keys) for _ in keys]
    c = Context("".join(f"{k}: {v}\n" for k, v in zip(keys, values)))
    for _ in range(r.randint(6, 12)):
        i = r.randrange(len(keys))
        c.text(f"Read {keys[i]}\n" if r.random() < 0.5 else f"{keys[i]}:\n").frame(f"PRINT {values[i]}").ret().end()
    return c


def sample(r, progress=1.0):
    if r.random() < 0.35:
        return table(r)
    symbols = list(r.choice(SYMBOLS))
    if r.random() < 0.25:
        symbols = list({letters(r, 1, 4) if r.random() < 0.5 else str(r.randint(0, 99)) for _ in range(r.randint(2, 6))})
        if len(symbols) < 2:
            symbols = ["0", "1"]
    order = symbols[:]
    r.shuffle(order)
    states = [state(r) for _ in range(r.randint(1, 8))]
    rules = {s: (r.choice(symbols), r.choice(["1", "-1", "1", "-1", "0"]), r.choice(states)) for s in order}
    head = r.randint(-30, 60) if r.random() < 0.7 else r.randint(-3000, 9000)
    base = "" if r.random() < 0.85 else "A Turing machine.\n"
    c = Context(base)
    read = r.choice(symbols)
    last = f"Read {read}\n" if r.random() < 0.5 else f"{read}:\n"
    c.text("".join(f"{s}: {w} {m} {n}\n" for s, (w, m, n) in rules.items()) + last)
    write, move, following = rules[read]
    c.frame(f"WRITE @i {write}").ret()
    c.frame(f"ADD i {move}").ret(str(head + int(move)))
    c.frame(f"JUMP {following}")
    return c
