"""Family 5: does the answer have the type that the question asks for?"""
from ask_calc import plain, story
from ask_facts import KINDS, count, date, draw, measure, person, place, roughen, title, year
from render import Context, load, substitute
from words import COLOURS, pseudo

VERIFY = load("verify").section("verify")
BAD = ["", "?", "unknown", "error", "none", "!ENOENT no passages", "!ETIMEDOUT the deadline has passed", "I do not know", "null", "nan", "!EINVAL cannot evaluate", "not found", "n/a"]
NUMBER_WORDS = ("How many", "How much", "How long", "How high", "How tall", "How heavy", "What is the area", "What is the population", "What is the height", "What is the length")


def number(r):
    x = r.random()
    return count(r) if x < 0.4 else str(r.randint(0, 10 ** r.randint(1, 5))) if x < 0.8 else f"{r.randint(0, 999)}.{r.randint(0, 99)}"


def question(r):
    """(question, type, an answer of the type)."""
    x = r.random()
    if x < 0.25:
        text, _ = story(r) if r.random() < 0.7 else plain(r)
        return text, "number", number(r)
    while True:
        kind, relation, e = draw(r)
        text = r.choice(relation[1]).format(e=e)
        if relation[0] in ("population", "pages", "employees") or text.startswith(NUMBER_WORDS):
            return text, "number", relation[3](r)
        if text.startswith("Who "):
            return text, "name", person(r)
        if text.startswith(("When", "In what year", "In which year", "What is the date", "On what day")):
            return text, "date", relation[3](r)
        if text.startswith(("Where", "In which city", "What is the capital", "Which city")):
            return text, "name", place(r)
        value = relation[3](r)
        if not any(c.isdigit() for c in value):
            return text, "word", value  # an occupation, a colour, a language: whatever is no number


def wrong(r, kind):
    if r.random() < 0.4:
        return r.choice(BAD)
    if kind == "number":
        return r.choice([person, place, title, date])(r) if r.random() < 0.8 else r.choice(COLOURS)
    if kind in ("name", "word"):
        return r.choice([number, year, measure(["km", "m", "kg"], 2, 9000)])(r)
    return r.choice([person, place, title, measure(["km", "m", "kg"], 2, 900)])(r)


def sample(r, progress=1.0):
    text, kind, right = question(r)
    good = r.random() < 0.5
    answer = right if good else wrong(r, kind)
    c = Context(substitute(VERIFY, {"1": roughen(r, text), "2": answer}))
    return c.frame("EXIT yes" if good else "EXIT no")


FAMILIES = {"verify": (sample, 2.2)}
