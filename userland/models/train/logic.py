"""Family 3: one sentence → one fact or rule, and a question → the atom asked."""
from render import Context, load, substitute
from words import (ANIMALS, NOUNS, TWO_WORD_ANIMALS, VERBS, adjective, capital, letters, name, plural, pseudo, pus, third)
import words

SENTENCE, QUERY = load("sentence").section("sentence"), load("query").section("query")


def noun(r):
    x = r.random()
    return pus(r) if x < 0.55 else r.choice(NOUNS) if x < 0.8 else pseudo(r, 1, 3)


def verb(r):
    if r.random() < 0.75:
        return r.choice(VERBS)
    base = pseudo(r, 1, 2)
    return base, third(base)


def atom_name(text):
    return text.lower().replace(" ", "_")


class World:
    """The words of one sentence: few entities, so that they come back as in real puzzles."""

    def __init__(self, r):
        self.r = r
        kind = r.random()
        if kind < 0.45:
            self.entities = [(n, atom_name(n)) for n in (name(r) for _ in range(r.randint(1, 3)))]
        else:
            pick = lambda: (r.choice(ANIMALS) if r.random() < 0.7 else r.choice(TWO_WORD_ANIMALS)
                            if r.random() < 0.4 else pseudo(r, 1, 2))
            self.entities = [("the " + a, atom_name(a)) for a in (pick() for _ in range(r.randint(1, 3)))]
            if r.random() < 0.15:
                n = name(r)
                self.entities.append((n, atom_name(n)))

    def entity(self):
        return self.r.choice(self.entities)


def article(word):
    return "an" if word[0] in "aeiou" else "a"


def atom(pred, args, truth=True):
    return f"{pred}({', '.join(args)}, {truth})"


def clause(w, subject, ident, number, relation=None):
    """One clause about a subject (its words, its name in the atom, singular or plural): (words, atoms)."""
    r = w.r
    are = "is" if number == 1 else "are"
    if relation is None:
        relation = r.random() < 0.4
    neg = r.random() < 0.2
    if relation:
        base, s = verb(r)
        obj, obj_id = w.entity()
        truth = not neg
        if neg:
            words_ = f"{subject} {'does' if number == 1 else 'do'} not {base} {obj}"
        else:
            words_ = f"{subject} {s if number == 1 else base} {obj}"
        return words_, [atom(base, [ident, obj_id], truth)]
    a = adjective(r)
    if r.random() < 0.06:
        n = noun(r)
        return f"{subject} {are} {'not ' if neg else ''}{article(n)} {n}", [atom(n, [ident], not neg)]
    return f"{subject} {are} {'not ' if neg else ''}{a}", [atom(a, [ident], not neg)]


def fact(w):
    subject, ident = w.entity()
    words_, atoms = clause(w, subject, ident, 1)
    if w.r.random() < 0.25:
        n = noun(w.r)
        neg = w.r.random() < 0.25
        words_, atoms = f"{subject} is {'not ' if neg else ''}{article(n)} {n}", [atom(n, [ident], not neg)]
    return words_, atoms[0]


def kind_rule(w):
    """Every wumpus is red. Wumpuses are not tumpuses."""
    r = w.r
    a = noun(r)
    neg = r.random() < 0.25
    to_noun = r.random() < 0.5
    b = noun(r) if to_noun else adjective(r)
    if r.random() < 0.5:
        words_ = f"{r.choice(['every', 'each', 'every', 'each', 'any', article(a)])} {a} is {'not ' if neg else ''}"
        words_ += f"{article(b)} {b}" if to_noun else b
    else:
        words_ = f"{r.choice(['', '', 'all '])}{plural(a)} are {'not ' if neg else ''}{plural(b) if to_noun else b}"
    if r.random() < 0.05:
        words_, neg = (f"no {a} is {article(b) + ' ' + b if to_noun else b}"), True
    return words_, f"{atom(a, ['$x'])} >>> {atom(b, ['$x'], not neg)}"


def people_rule(w):
    """Rough people are cold. All red, cold things are round."""
    r = w.r
    n = r.choice([1, 1, 1, 2, 2, 2, 3])
    adjectives = [adjective(r) for _ in range(n)]
    glue = r.choice([", ", ", ", ", ", " and "])
    if n == 3 and r.random() < 0.5:
        front = f"{adjectives[0]}, {adjectives[1]} and {adjectives[2]}"
    else:
        front = glue.join(adjectives)
    if n == 1 and r.random() < 0.08:
        negative = adjective(r)
        front = f"{front} and not {negative}" if r.random() < 0.5 else f"{front}, not {negative}"
        cond = [atom(adjectives[0], ["$x"]), atom(negative, ["$x"], False)]
    else:
        cond = [atom(a, ["$x"]) for a in adjectives]
    group = r.choice(["people", "people", "things", "things", "animals", "ones"])
    start = r.choice(["", "", "all ", "all "])
    if n == 1 and r.random() < 0.12:
        head_word = r.choice([("everyone who is", "is"), ("everything that is", "is"), ("people who are", "are"),
                              ("things that are", "are"), ("all people who are", "are"), ("anyone who is", "is")])
        words_, are = f"{head_word[0]} {front}", head_word[1]
    else:
        words_, are = f"{start}{front} {group}", "are"
    x = r.random()
    if x < 0.82:
        neg, a = r.random() < 0.2, adjective(r)
        return f"{words_} {are} {'not ' if neg else ''}{a}", " && ".join(cond) + " >>> " + atom(a, ["$x"], not neg)
    base, s = verb(r)
    obj, obj_id = w.entity()
    neg = r.random() < 0.15
    verb_words = (f"{'does' if are == 'is' else 'do'} not {base}" if neg else s if are == "is" else base)
    return f"{words_} {verb_words} {obj}", " && ".join(cond) + " >>> " + atom(base, ["$x", obj_id], not neg)


def if_rule(w):
    """If someone sees the cat and they are not green then they see the cow."""
    r = w.r
    general = r.random() < 0.75
    if general:
        they, number = r.choice([("they", 2), ("it", 1)])
        first = r.choice(["someone", "someone", "a person", "somebody", "anyone"]) if number == 2 else r.choice(
            ["something", "something", "an animal", "anything"])
    parts, cond, last_adj = [], [], False
    n = r.choice([1, 1, 1, 2, 2, 2, 2, 3])
    for i in range(n):
        rel = r.random() < 0.5
        if general and (i == 0 or r.random() < 0.7):
            if i and last_adj and not rel and r.random() < 0.75:
                neg, a = r.random() < 0.25, adjective(r)
                words_, atoms = ("not " if neg else "") + a, [atom(a, ["$x"], not neg)]
            else:
                words_, atoms = clause(w, first if i == 0 else they, "$x", 1 if i == 0 else number, rel)
            last_adj = not rel
        else:
            subject, ident = w.entity()
            words_, atoms = clause(w, subject, ident, 1, rel)
            last_adj = False
        parts.append(words_)
        cond += atoms
    if general and r.random() < 0.65:
        head, atoms = clause(w, they, "$x", number, r.random() < 0.5)
    else:
        subject, ident = w.entity()
        head, atoms = clause(w, subject, ident, 1, r.random() < 0.5)
    then = r.choice([" then ", " then ", " then ", ", then ", ", "])
    return "if " + " and ".join(parts) + then + head, " && ".join(cond) + " >>> " + atoms[0]


def sentence(r):
    w = World(r)
    x = r.random()
    text, form = fact(w) if x < 0.2 else kind_rule(w) if x < 0.42 else people_rule(w) if x < 0.62 else if_rule(w)
    return capital(text) + ".", form


def sample(r, progress=1.0):
    text, form = sentence(r)
    return Context(substitute(SENTENCE, {"1": text})).frame(f'EXIT "{form}"')


ASKS = ["Is the following statement true or false? ", "Is the following statement true, false, or unknown? ",
        "Based on the above information, is the following statement true, false, or unknown? ",
        "Based on the above information, is the following statement true, false, or uncertain? ",
        "True or false: ", "True or false? ", "Is this true? ", "True, false or unknown? ", "Is it true or false? ",
        "Does it follow that this is true? ", "Is the statement below true? ", "Can we conclude the following? ", "", "", ""]


def query(r):
    w = World(r)
    if r.random() < 0.2:
        subject, ident = w.entity()
        a = adjective(r)
        x = r.random()
        if x < 0.6:
            return f"Is {subject} {a}?", atom(a, [ident])
        if x < 0.8:
            n = noun(r)
            return f"Is {subject} {article(n)} {n}?", atom(n, [ident])
        base, _ = verb(r)
        obj, obj_id = w.entity()
        return f"Does {subject} {base} {obj}?", atom(base, [ident, obj_id])
    words_, form = fact(w)
    lead = r.choice(ASKS)
    if r.random() < 0.08:
        return f"Is it true that {words_}?", form
    return lead + capital(words_) + ".", form


def query_sample(r, progress=1.0):
    text, form = query(r)
    return Context(substitute(QUERY, {"1": text})).frame(f'EXIT "{form}"')
