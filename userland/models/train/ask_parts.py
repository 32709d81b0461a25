"""Family 4c: questions of two facts → SPAWN, SPAWN, WAIT, WAIT, TOOL calc, EXIT."""
from ask_calc import ERRORS, evaluate
from ask_facts import ASK, KINDS, count, measure, person, place, proper, roughen, title, year
from phrasing import COMPARE, compare
from render import Context, quote, substitute, word

HOW_MANY = "How many people live in {e}?"
LONG = "How long is the {e}?"
HIGH = "How high is {e}?"
TALL = "How tall is {e}?"
AREA = "What is the area of {e}?"
HEAVY = "How heavy is the {e}?"
PAGES = "How many pages does {e} have?"
FOUNDED = "When was {e} founded?"
PUBLISHED = "When was {e} published?"
RELEASED = "When was {e} released?"
BUILT = "When was {e} completed?"
BORN = "When was {e} born?"
STAFF = "How many people work for {e}?"

km, metres = measure(["km", "km", "kilometres", "miles"], 40, 6000), measure(["m", "metres", "feet"], 20, 8000)
city, river = place, proper
mountain, building, company = KINDS["mountain"][0], KINDS["building"][0], KINDS["company"][0]

# (part question, entity, value, [(question, how)]); how: diff a-b, sum a+b, ratio a/b, later b-a, max, min;
# the answer of max and min is the name of an entity; {a} comes first among the parts.
FORMS = [
    (HOW_MANY, city, count, [
        ("How many more people live in {a} than in {b}?", "diff"), ("How many fewer people live in {a} than in {b}?", "later"), ("How many people live in {a} and {b} together?", "sum"),
        ("What is the total population of {a} and {b}?", "sum"), ("How many people live in {a} and {b} in total?", "sum"), ("By how many people is {a} larger than {b}?", "diff"),
        ("What is the difference in population between {a} and {b}?", "diff"), ("How many times as many people live in {a} as in {b}?", "ratio"), ("Which has more people, {a} or {b}?", "max"),
        ("Do more people live in {a} or in {b}?", "max"), ("Which city has fewer inhabitants, {a} or {b}?", "min"), ("Which is larger by population, {a} or {b}?", "max"), ("What is the combined population of {a} and {b}?", "sum")]),
    (LONG, river, km, [
        ("How much longer is the {a} than the {b}?", "diff"), ("What is the total length of the {a} and the {b}?", "sum"), ("How many kilometres longer is the {a} than the {b}?", "diff"), ("Which is longer, the {a} or the {b}?", "max"),
        ("Which river is shorter, the {a} or the {b}?", "min"), ("How long are the {a} and the {b} together?", "sum"), ("Is the {a} or the {b} longer?", "max"), ("How much shorter is the {a} than the {b}?", "later"),
        ("What is the combined length of the {a} and the {b}?", "sum")]),
    (HIGH, mountain, metres, [
        ("How much higher is {a} than {b}?", "diff"), ("Which is higher, {a} or {b}?", "max"), ("Which mountain is lower, {a} or {b}?", "min"), ("What is the difference in height between {a} and {b}?", "diff"), ("How many metres higher is {a} than {b}?", "diff"),
        ("What is the sum of the heights of {a} and {b}?", "sum")]),
    (TALL, building, metres, [
        ("How much taller is {a} than {b}?", "diff"), ("Which is taller, {a} or {b}?", "max"), ("Which building is shorter, {a} or {b}?", "min"), ("How tall are {a} and {b} together?", "sum"), ("How many times as tall as {b} is {a}?", "ratio")]),
    (AREA, place, measure(["km²", "square kilometres"], 100, 900000), [
        ("How much larger is {a} than {b}?", "diff"), ("Which is larger, {a} or {b}?", "max"), ("What is the total area of {a} and {b}?", "sum"), ("Which covers less land, {a} or {b}?", "min"), ("What is the difference in area between {a} and {b}?", "diff")]),
    (HEAVY, KINDS["thing"][0], measure(["kg", "g", "grams"], 2, 900), [
        ("How much heavier is the {a} than the {b}?", "diff"), ("Which is heavier, the {a} or the {b}?", "max"), ("How much do the {a} and the {b} weigh together?", "sum"), ("Which is lighter, the {a} or the {b}?", "min")]),
    (PAGES, title, lambda r: str(r.randint(60, 1200)), [
        ("How many more pages does {a} have than {b}?", "diff"), ("How many pages do {a} and {b} have together?", "sum"), ("Which has more pages, {a} or {b}?", "max"), ("Which book is shorter, {a} or {b}?", "min")]),
    (STAFF, company, count, [
        ("How many more people work for {a} than for {b}?", "diff"), ("How many people work for {a} and {b} together?", "sum"), ("Which company has more employees, {a} or {b}?", "max"), ("Which employs fewer people, {a} or {b}?", "min")]),
    (FOUNDED, company, year, [
        ("How many years after {a} was {b} founded?", "later"), ("How many years before {a} was {b} founded?", "diff"), ("Which was founded first, {a} or {b}?", "min"), ("Which company is older, {a} or {b}?", "min"), ("Which is younger, {a} or {b}?", "max"),
        ("How many years lie between the founding of {a} and that of {b}?", "later"), ("How much older is {a} than {b}?", "later")]),
    (PUBLISHED, title, year, [
        ("How many years after {a} was {b} published?", "later"), ("How many years before {a} was {b} published?", "diff"), ("Which was published first, {a} or {b}?", "min"), ("Which book came later, {a} or {b}?", "max")]),
    (RELEASED, title, year, [
        ("How many years after {a} was {b} released?", "later"), ("Which film came out first, {a} or {b}?", "min"), ("Which was released later, {a} or {b}?", "max"), ("How many years before {a} did {b} come out?", "diff")]),
    (BUILT, building, year, [
        ("How many years after {a} was {b} completed?", "later"), ("Which was built first, {a} or {b}?", "min"), ("Which is newer, {a} or {b}?", "max"), ("How many years passed between the completion of {a} and that of {b}?", "later")]),
    (BORN, person, year, [
        ("How many years after {a} was {b} born?", "later"), ("Who was born first, {a} or {b}?", "min"), ("Who is older, {a} or {b}?", "min"), ("Who is younger, {a} or {b}?", "max"), ("How many years older than {b} is {a}?", "later"),
        ("How many years before {a} was {b} born?", "diff")]),
]
OPERATORS = {"diff": "{x} - {y}", "sum": "{x} + {y}", "ratio": "{x} / {y}", "later": "{y} - {x}", "max": "{x} - {y}", "min": "{x} - {y}",
             "yes": "{x} - {y}", "no": "{y} - {x}"}


def digits(value):
    """The number alone: no thousands commas, no unit."""
    return value.split(" ")[0].replace(",", "")


def sample(r, progress=1.0):
    part, entity, draw, questions = r.choice(FORMS)
    question, how = r.choice(questions)
    a, b = entity(r), entity(r)
    if r.random() < 0.5 and part in COMPARE:
        question, how = compare(r, part, a, b)
    c = Context(substitute(ASK, {"1": roughen(r, question.format(a=a, b=b))}))
    first = r.randint(2, 60) if r.random() < 0.8 else r.randint(60, 9000)
    pids = [first, first + 1 if r.random() < 0.8 else first + r.randint(2, 5)]
    values = [draw(r), draw(r)]
    if " " in values[0]:
        values[1] = values[1].split(" ")[0] + " " + values[0].split(" ", 1)[1]
    for e, pid in zip((a, b), pids):
        c.frame(f"SPAWN solve {quote(part.format(e=e))}")
        if r.random() < 0.01:
            return c.ret(r.choice(["!ELIMIT the limit of processes is used up", "!ENOENT no such program", "!EPERM no right proc:spawn"])).frame('EXIT "?"')
        c.ret(str(pid))
    if r.random() < 0.4:
        return c
    for pid, value in zip(pids, values):
        c.frame(f"WAIT {pid}")
        x = r.random()
        if x < 0.03:
            return c.ret(f'{pid} "?"').frame('EXIT "?"')
        if x < 0.05:
            return c.ret(r.choice([str(pid), "!ECHILD no such child", "!ETIMEDOUT the child did not end"])).frame('EXIT "?"')
        if " " not in value and r.random() < 0.2:
            value = digits(value)
        c.ret(f"{pid} {word(value)}" if r.random() < 0.5 else f"{pid} {quote(value)}")
    expression = OPERATORS[how].format(x=digits(values[0]), y=digits(values[1]))
    c.frame(f'TOOL calc "{expression}"')
    result = evaluate(expression)
    if result is None or r.random() < 0.03:
        return c.ret(r.choice(ERRORS)).frame('EXIT "?"')
    c.ret(result)
    if how in ("yes", "no"):
        return c.frame("EXIT no" if result == "0" or result[0] == "-" else "EXIT yes")
    if how in ("max", "min"):
        greater = a if result[0] != "-" else b
        lesser = b if result[0] != "-" else a
        return c.frame(f"EXIT {quote(greater if how == 'max' else lesser)}")
    return c.frame("EXIT " + word(result))


FAMILIES = {"parts": (sample, 2.2)}
