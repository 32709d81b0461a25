"""Family 4a: arithmetic in words → TOOL calc "expression" → EXIT result."""
from fractions import Fraction

import ask_stories
from render import Context, load, substitute, word
from words import ITEMS, capital, name, plural, pseudo

ASK = load("ask").section("ask")

ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
COLOURS = ["red", "blue", "green", "yellow", "old", "new", "big", "small", "gold", "white"]
ERRORS = ["!EINVAL cannot evaluate", "!ETIMEDOUT the tool did not answer", "!EPERM no right drv:tool:calc", "!ENOENT no such tool", "!EINVAL division by zero"]


def spell(n):
    if n < 20:
        return ONES[n]
    return TENS[n // 10 - 2] + ("-" + ONES[n % 10] if n % 10 else "")


# Phrases: {N} {M} people, {He} {he} {his} of N, {I} items, {P} a place, {a} {b} {c} numbers.
HAVE = ["{N} has {a} {I}.", "{N} had {a} {I}.", "{N} owns {a} {I}.", "{N} starts with {a} {I}.", "There are {a} {I} in {P}.", "{N} collected {a} {I}.",
        "{N} picked {a} {I}.", "There were {a} {I} in {P}.", "{N} made {a} {I}.", "{N} found {a} {I}.", "{P} has {a} {I}.", "At first {N} had {a} {I}.",
        "{N} bought {a} {I}.", "{N} has {a} {I} in {his} room.", "{P} had {a} {I} on Monday.", "{N} counted {a} {I} in {P}."]
GAIN = ["{M} gives {him} {b} more.", "{He} buys {b} more.", "{He} finds {b} more {I}.", "{He} gets {b} more from {M}.", "{M} gave {N} {b} {I}.", "Then {b} more {I} are added.",
        "{He} picked {b} more.", "Later {he} bought another {b} {I}.", "{He} received {b} {I} as a gift.", "{b} more {I} arrive.", "{He} wins {b} more {I}.",
        "Then {M} brought {b} {I}.", "{M} puts {b} more {I} there.", "{He} collects {b} {I} on the way."]
LOSE = ["{He} gives {b} to {M}.", "{He} gave {M} {b} of the {I}.", "{He} loses {b} of them.", "{He} ate {b} of them.", "{He} sells {b} {I}.", "{b} of them broke.", "{M} takes {b} of them.",
        "{b} {I} were removed.", "{He} used {b} of them.", "{He} sold {b} to {M}.", "{He} throws away {b} {I}.", "{He} lent {b} {I} to {M}.", "{b} {I} are taken away.",
        "{He} dropped {b} on the way home."]
NOW = ["How many {I} does {N} have now?", "How many {I} does {he} have now?", "How many {I} are there now?", "How many {I} are there in total?", "How many does {N} have altogether?",
       "What is the total number of {I}?", "How many {I} does {he} have in all?", "Find the number of {I} now.", "How many {I} will there be?"]
LEFT = ["How many {I} are left?", "How many {I} does {N} have left?", "How many {I} remain?", "How many does {he} still have?", "How many {I} does {N} have now?", "What number of {I} is left?",
        "How many {I} does {he} keep?", "How many {I} are still there?"]

# (parts, expression, relation of the numbers)
STORIES = [
    ([HAVE, GAIN, NOW], "a + b", ""),
    ([HAVE, GAIN, NOW], "a + b", ""),
    ([HAVE, LOSE, LEFT], "a - b", "a>b"),
    ([HAVE, LOSE, LEFT], "a - b", "a>b"),
    ([["{N} has {a} {I} and {M} has {b} {I}.", "{N} found {a} {I} and {M} found {b}.", "{N} has {a} {I}. {M} has {b}.", "There are {a} {C} {I} and {b} {D} {I} in {P}.",
       "{N} ate {a} {I} in the morning and {b} in the evening.", "{N} sold {a} {I} on Monday and {b} on Tuesday.", "{N} drove {a} miles and {M} drove {b} miles.",
       "{a} boys and {b} girls are in {P}.", "{N} picked {a} {I} while {M} picked {b} {I}.", "A box holds {a} {C} {I} and {b} {D} ones."],
      ["How many {I} do they have together?", "How many are there in all?", "How many is that altogether?", "What is the total?", "How many in total?", "How many {I} are there altogether?",
       "What is the sum?", "How many do they have in all?"]], "a + b", ""),
    ([["{N} has {a} {I} and {M} has {b} {I}.", "{N} has {a} {I}. {M} has {b}.", "There are {a} {C} {I} and {b} {D} {I}.", "{N} scored {a} points and {M} scored {b} points.",
       "{N} is {a} years old and {M} is {b} years old.", "{N} read {a} pages and {M} read {b}.", "One rope is {a} meters long and another is {b} meters long."],
      ["How many more does {N} have than {M}?", "How many more {I} does {N} have?", "What is the difference?", "How many fewer does {M} have?", "By how many do they differ?",
       "How many more is that?", "How much bigger is the first number?"]], "a - b", "a>b"),
    ([["{N} has {a} {I}.", "{N} read {a} books.", "{N} is {a} years old.", "{N} found {a} {I}.", "{N} earned {a} dollars."],
      ["{M} has {b} more than {N}.", "{M} has {b} more {I} than {N}.", "{M} got {b} more.", "{M} beats that by {b}."], ["How many does {M} have?", "How many {I} does {M} have?", "What is the number of {M}?"]], "a + b", ""),
    ([["{N} has {a} {I}.", "{N} read {a} books.", "{N} is {a} years old.", "{N} found {a} {I}."],
      ["{M} has {b} fewer than {N}.", "{M} has {b} fewer {I} than {N}.", "{M} got {b} less.", "{M} is behind by {b}."], ["How many does {M} have?", "How many {I} does {M} have?"]], "a - b", "a>b"),
    ([["{N} has {a} {I}.", "{N} read {a} books.", "{N} earns {a} dollars.", "{N} picked {a} {I}."], ["{M} has {b} times as many.", "{M} has {b} times as many {I} as {N}.", "{M} got {b} times that."],
      ["How many does {M} have?", "How many {I} does {M} have?"]], "a * b", "small"),
    ([["There are {a} boxes with {b} {I} in each box.", "{N} has {a} bags with {b} {I} each.", "Each of {a} children has {b} {I}.", "{N} buys {a} packs of {b} {I}.", "There are {a} rows of {b} {I}.",
       "{a} shelves hold {b} {I} each.", "Every one of the {a} rooms has {b} {I}.", "{N} puts {b} {I} in each of {a} baskets.", "There are {a} teams with {b} players on each team."],
      ["How many {I} are there?", "How many {I} are there in all?", "How many is that altogether?", "What is the total number?", "How many {I} does {N} have?"]], "a * b", "small"),
    ([["Each {i} costs {b} dollars.", "One {i} costs {b} dollars.", "The price of a {i} is {b} dollars.", "{I} cost ${b} each."],
      ["{N} buys {a}.", "{N} wants {a} of them.", "{N} buys {a} {I}.", "{N} ordered {a} {I}."], ["How much does {he} pay?", "How much do they cost?", "What is the total cost?", "How much money does {N} need?", "How much did {he} spend?"]], "a * b", "small"),
    ([["{N} walks {b} miles every day for {a} days.", "{N} reads {b} pages a day for {a} days.", "A train goes {b} km per hour for {a} hours.", "{N} earns {b} dollars an hour and works {a} hours.",
       "A machine makes {b} {I} per minute and runs {a} minutes.", "{N} saves {b} dollars a week for {a} weeks."],
      ["How many is that in total?", "What is the total?", "How far does {he} go?", "How much is that?", "How many are there in the end?", "How much does {he} get?"]], "a * b", "small"),
    ([["{N} shares {a} {I} equally among {b} friends.", "{a} {I} are divided equally into {b} groups.", "{a} {I} are split evenly between {b} people.", "{N} puts {a} {I} into {b} boxes, the same in each.",
       "{b} children share {a} {I} equally.", "{N} cuts {a} {I} into {b} equal parts."],
      ["How many does each get?", "How many {I} does each one get?", "How many {I} are in each?", "How many is that per group?", "How many are there in each one?"]], "a / b", "div"),
    ([["{N} has {a} {I} and packs {b} in each box.", "{N} has {a} {I}. Each bag holds {b}.", "{a} {I} are packed {b} to a box.", "There are {a} {I}, and {b} fit on a shelf.", "{a} students ride in cars of {b}."],
      ["How many boxes does {he} need?", "How many bags are needed?", "How many groups are there?", "How many boxes are filled?", "How many can {he} fill?"]], "a / b", "div"),
    ([["{N} had some {I}.", "{N} had a few {I}.", "There were some {I} in {P}."], ["{He} bought {b} more.", "{M} gave {him} {b} {I}.", "Then {b} more came."], ["Now {he} has {a}.", "Now there are {a}.", "In the end there are {a} {I}."],
      ["How many {I} were there at first?", "How many did {N} have before?", "How many {I} did {he} start with?", "How many {I} did {N} have in the beginning?"]], "a - b", "a>b"),
    ([["{N} had some {I}.", "{N} had a few {I}.", "There were some {I} in {P}."], ["{He} gave {b} away.", "{He} ate {b} of them.", "{M} took {b} {I}.", "{He} sold {b}."], ["Now {he} has {a} left.", "Now there are {a}.", "There are {a} {I} left."],
      ["How many {I} were there at first?", "How many did {N} have before?", "How many {I} did {he} start with?"]], "a + b", ""),
    ([["{N} had {b} {I}.", "There were {b} {I} in {P}.", "{N} began with {b} {I}."], ["After {he} bought some more {he} had {a}.", "{M} gave {him} some more, and now {he} has {a}.", "Now there are {a} {I}.", "{He} needs {a} {I}.", "{He} found some, and now {he} has {a}."],
      ["How many did {he} get?", "How many were added?", "How many more does {he} need?", "How many {I} did {he} find?"]], "a - b", "a>b"),
    ([["{N} had {a} {I}.", "There were {a} {I} in {P}."], ["{He} lost some and now {he} has {b}.", "{He} gave some to {M} and kept {b}.", "Now only {b} are left.", "{He} ate some of them. There are {b} left."],
      ["How many did {he} lose?", "How many did {he} give away?", "How many {I} are gone?", "How many {I} did {he} eat?", "How many were taken?"]], "a - b", "a>b"),
    ([["There are {a} {I} in {P}, and {b} of them are {C}.", "{N} has {a} {I}. {b} are {C} and the rest are {D}.", "{a} children are in {P}. {b} of them are girls.", "Of {a} {I}, {b} are {C}."],
      ["How many are not {C}?", "How many are {D}?", "How many are the others?", "How many {I} are not {C}?", "How many boys are there?"]], "a - b", "a>b"),
    ([HAVE, GAIN, ["{He} gets {c} more.", "Then {c} more {I} come.", "{M} adds {c} more."], NOW], "a + b + c", ""),
    ([HAVE, GAIN, ["{He} loses {c}.", "{He} gives {c} away.", "{M} takes {c} of them.", "{He} sells {c} of them."], LEFT], "a + b - c", "a>c"),
    ([HAVE, LOSE, ["{He} gets {c} more.", "Then {he} buys {c} {I}.", "{M} gives {him} {c}."], NOW], "a - b + c", "a>b"),
    ([HAVE, LOSE, ["{He} loses {c} more.", "Then {M} takes {c}.", "{He} gives {c} to {his} sister."], LEFT], "a - b - c", "a>b+c"),
    ([["There are {a} boxes with {b} {I} each.", "{N} has {a} bags of {b} {I}.", "{N} buys {a} packs of {b} {I}."], ["{He} gets {c} more {I}.", "There are {c} more {I} on the table.", "{M} adds {c} {I}."], NOW], "a * b + c", "small"),
    ([["There are {a} boxes with {b} {I} each.", "{N} has {a} bags of {b} {I}.", "{N} buys {a} packs of {b} {I}."], ["{He} eats {c} of them.", "{c} {I} are broken.", "{He} gives {c} away."], LEFT], "a * b - c", "smallc"),
    ([["{N} has {a} {C} {I} and {b} {D} {I}.", "{N} has {a} {I} and {M} has {b}.", "{N} earns {a} dollars on Monday and {b} on Tuesday."], ["They share them equally among {c} friends.", "All are divided into {c} equal groups.", "The sum is split {c} ways."],
      ["How many does each get?", "How many are in each group?", "How much is each part?"]], "(a + b) / c", "sumdiv"),
    ([["{N} buys {a} {I} and {M} buys {b}.", "{N} needs {a} {I} today and {b} tomorrow."], ["Each costs {c} dollars.", "The price of one is {c} dollars."], ["How much do they pay?", "What is the total cost?", "How much is that in all?"]], "(a + b) * c", "small"),
    ([["{N} has {a} dollars.", "{N} saved {a} dollars."], ["{He} buys {b} {I} for {c} dollars each.", "{He} pays for {b} {I} at {c} dollars each."], ["How much money is left?", "How much does {he} have left?", "What is the change?"]], "a - b * c", "pay"),
    ([["{N} had {a} {I}."], ["{He} gave {b} to {M} and shared the rest equally among {c} friends.", "{He} lost {b} and put the rest into {c} equal piles."], ["How many did each friend get?", "How many are in each?"]], "(a - b) / c", "diffdiv"),
]

PLAIN = [("What is {a} + {b}?", "a + b"), ("What is {a} - {b}?", "a - b"), ("What is {a} * {b}?", "a * b"), ("What is {a} / {b}?", "a / b"), ("What is {a} plus {b}?", "a + b"), ("What is {a} minus {b}?", "a - b"),
         ("What is {a} times {b}?", "a * b"), ("What is {a} divided by {b}?", "a / b"), ("Calculate {a} + {b}.", "a + b"), ("Compute {a} * {b}.", "a * b"), ("How much is {a} - {b}?", "a - b"),
         ("How much is {a} times {b}?", "a * b"), ("Add {a} and {b}.", "a + b"), ("Subtract {b} from {a}.", "a - b"), ("Multiply {a} by {b}.", "a * b"), ("Divide {a} by {b}.", "a / b"),
         ("What is the sum of {a} and {b}?", "a + b"), ("What is the difference between {a} and {b}?", "a - b"), ("What is the product of {a} and {b}?", "a * b"), ("{a} + {b} = ?", "a + b"), ("{a} - {b}", "a - b"),
         ("{a} * {b} =", "a * b"), ("{a} plus {b}", "a + b"), ("What do you get when you add {a} to {b}?", "b + a"), ("What is {a} + {b} + {c}?", "a + b + c"), ("What is ({a} + {b}) * {c}?", "(a + b) * c"),
         ("What is {a} * {b} + {c}?", "a * b + c"), ("Calculate ({a} - {b}) / {c}.", "(a - b) / c"), ("What is {a} - {b} - {c}?", "a - b - c"), ("What is {b}% of {a}?", "a * b / 100"), ("What is {b} percent of {a}?", "a * b / 100"),
         ("Evaluate {a} + {b} * {c}.", "a + b * c"), ("What is half of {a}?", "a / 2"), ("What is twice {a}?", "a * 2"), ("What is {a} squared?", "a * a"), ("How many is {a} more than {b}?", "a - b"),
         ("Tell me {a} times {b}.", "a * b"), ("What does {a} + {b} equal?", "a + b"), ("Work out {a} / {b}.", "a / b"), ("Solve {a} - {b} + {c}.", "a - b + c")]

PLACES = ["the box", "the garden", "the park", "the school", "the shop", "the basket", "the library", "the house", "the drawer", "the field", "the store", "the kitchen", "the bag", "the class"]
DISTRACT = ["{M} has {d} {J}.", "{M} is {d} years old.", "It is {d} miles to {P}.", "There are also {d} {J} in {P}.", "{He} also has {d} {J}.", "The {i} weighs {d} grams.", "It takes {d} minutes to get there.",
            "{M} owns {d} {J} too.", "{P} is {d} years old.", "It is a sunny day.", "{M} likes {J}.", "{He} is happy."]


def number(r, top):
    return r.randint(2, top)


def draw(r, relation):
    top = r.choice([10, 20, 50, 100, 100, 500, 1000, 10000])
    a, b, c = (number(r, top) for _ in range(3))
    if relation in ("small", "smallc"):
        a, b, c = r.randint(2, 20), r.randint(2, r.choice([12, 50])), r.randint(2, 30)
        if relation == "smallc":
            c = r.randint(1, a * b - 1)
    elif relation == "a>b":
        a, b = max(a, b) + (a == b), min(a, b)
    elif relation == "a>c":
        c = min(c, a)
    elif relation == "a>b+c":
        a += b + c
    elif relation == "div":
        b = r.randint(2, 12)
        a = b * r.randint(2, max(3, top // 5))
    elif relation == "sumdiv":
        c = r.randint(2, 6)
        b += (c - (a + b) % c) % c
    elif relation == "pay":
        b, c = r.randint(2, 9), r.randint(2, 15)
        a = b * c + r.randint(1, 60)
    elif relation == "diffdiv":
        c = r.randint(2, 6)
        a = b + c * r.randint(2, 30)
    return {"a": a, "b": b, "c": c}


def evaluate(expression):
    """What the calculator answers, or None for an error."""
    try:
        value = eval("".join(f"Fraction('{t}')" if t[0].isdigit() else t for t in tokens(expression)))
    except ZeroDivisionError:
        return None
    value = Fraction(value)
    if value.denominator == 1:
        return str(value.numerator)
    return f"{float(value):.10g}"


def tokens(expression):
    out, current = [], ""
    for ch in expression:
        if ch.isdigit() or ch == ".":
            current += ch
            continue
        if current:
            out.append(current)
            current = ""
        if ch != " ":
            out.append(ch)
    return out + ([current] if current else [])


def story(r):
    parts, expression, relation = r.choice(STORIES)
    numbers = draw(r, relation)
    decimal = relation in ("", "a>b") and "c" not in expression and r.random() < 0.07
    if decimal:
        numbers = {k: v + r.randint(1, 99) / 100 for k, v in numbers.items()}
    he = r.random() < 0.5
    items = r.choice(ITEMS) if r.random() < 0.85 else plural(pseudo(r))
    if r.random() < 0.2:
        items = r.choice(COLOURS) + " " + items
    c, d = r.sample(COLOURS, 2)
    fill = {"N": name(r), "M": name(r), "I": items, "i": items[:-1] if items.endswith("s") else items, "J": r.choice(ITEMS), "P": r.choice(PLACES), "C": c, "D": d,
            "He": "He" if he else "She", "he": "he" if he else "she", "his": "his" if he else "her", "him": "him" if he else "her", "d": str(r.randint(2, 200))}
    written = {}
    for k, v in numbers.items():
        written[k] = f"{v:.2f}".rstrip("0").rstrip(".") if decimal else str(v)
        if isinstance(v, int) and v < 100 and r.random() < 0.12:
            fill[k] = spell(v)
        elif isinstance(v, int) and v >= 1000 and r.random() < 0.3:
            fill[k] = f"{v:,}"
        else:
            fill[k] = written[k]
    pieces = [r.choice(p) for p in parts]
    if r.random() < 0.15:
        pieces.insert(r.randint(0, len(pieces) - 1), r.choice(DISTRACT))
    out = []
    for piece in pieces:
        text = piece.format(**fill)
        out.append(text[:1].upper() + text[1:])
    if r.random() < 0.15:
        glue = r.choice([" and ", ", and ", ", then "])
        if len(out) > 2 and out[0].endswith(".") and out[1].split(" ")[0] in ("He", "She", "Then", "Later"):
            out[:2] = [out[0][:-1] + glue + out[1][:1].lower() + out[1][1:]]
    text = " ".join(out)
    if r.random() < 0.12:
        text = text.replace(". ", " . ").replace(", ", " , ").replace("?", " ?")
    if r.random() < 0.04:
        text = text.lower()
    if expression in ("a + b", "a * b"):
        both = [p.find("{" + k + "}") + 1000 * i for k in "ab" for i, p in enumerate(pieces) if "{" + k + "}" in p]
        if len(both) == 2 and both[1] < both[0]:
            expression = expression[::-1]
    expression = "".join(written.get(t, t) for t in expression)
    return text, expression


def plain(r):
    text, expression = r.choice(PLAIN)
    numbers = {k: str(r.randint(0, 10 ** r.randint(1, 6))) for k in "abc"}
    if r.random() < 0.2:
        numbers = {k: f"{r.randint(0, 999)}.{r.randint(1, 99)}" for k in "abc"}
    expression = "".join(numbers.get(t, t) for t in expression)
    return text.format(**numbers), expression


def one_step(r):
    """A problem of ask_stories, its numbers written in one of the usual ways."""
    decimal = r.random() < 0.06
    spelled = r.random()

    def numbers(relation):
        n = draw(r, relation)
        if decimal and relation in ("", "a>b"):
            n = {k: f"{v + r.randint(1, 99) / 100:.2f}".rstrip("0").rstrip(".") for k, v in n.items()}
        return n

    def spoken(n):
        if isinstance(n, int) and n < 100 and spelled < 0.12 and r.random() < 0.7:
            return spell(n)
        return f"{n:,}" if isinstance(n, int) and n >= 1000 and 0.12 < spelled < 0.4 else str(n)

    text, expression = ask_stories.story(r, numbers, spoken)
    x = r.random()
    if x < 0.3:
        text = text.replace(". ", " . ").replace(", ", " , ").replace("?", " ?")
        text = text[:-1] + " ." if text.endswith(".") else text
    elif x < 0.33:
        text = text.lower()
    return text, expression


def sample(r, progress=1.0):
    x = r.random()
    text, expression = one_step(r) if x < 0.6 else story(r) if x < 0.87 else plain(r)
    c = Context(substitute(ASK, {"1": text}))
    c.frame(f'TOOL calc "{expression}"')
    if r.random() < 0.6:
        return c
    value = evaluate(expression)
    if value is None or r.random() < 0.03:
        return c.ret(r.choice(ERRORS)).frame('EXIT "?"')
    return c.ret(value).frame("EXIT " + word(value))


FAMILIES = {"calc": (sample, 9.0)}
