"""Passages about people in the manner of an encyclopedia: a dense first sentence, then a life, full of other people's trades and other places.

`biography` says one asked relation once and nothing that rivals it.
"""
from words import capital

# {e} the person, {l} the surname, {f} the full name, {v} what the person is, {n} a nation, {an} its article, {d} {d2} dates, {y} {y2} years,
# {x} {x2} places, {p} {p2} others, {j} {j2} trades of others, {w} a title, {He} {he} {his} {him}
LEADS = {"occupation": """{e} ({d} – {d2}) was {an} {n} {v}.|{e} ({d} – {d2}) was {an} {n} {v} who {did}.|{e} (born {d}) is {an} {n} {v}.|{e} (born {d}) is {an} {n} {v} who {did}.|{e} (born {d}) is {an} {n} {v}, best known for {w}.|{f} ({d} – {d2}) was {an} {n} {v}.
{f} (born {d}) is {an} {n} former {v}.|{e} (born {d}) is a former {n} {v}.|{e} (born {d}) is a retired {n} {v} who {did}.|{e} ({y}–{y2}) was {an} {n} {v} and {did}.|{e} ({y} – {y2}) was {an} {n} {v}.|{e}, born {f}, is {an} {n} {v}.|Sir {e} ({d} – {d2}) was {an} {n} {v}.
{e} was {an} {n} {v}, active in {x} around {y}.|{e} is {an} {n} {v} and a member of the {x} council.|{e} was {an} {n} {v} of the 19th century.|{e} (fl. {y}) was {an} {n} {v}.|{e} (also {f}; {d} – {d2}) was {an} {n} {v}.|{e}, known as {l}, was {an} {n} {v} from {x}.|{f}, better known as {e}, is {an} {n} {v}.
{e} (born {y} in {x}) is {an} {n} {v} based in {x2}.|{e} (born {d} in {x}) is {an} {n} {v}.|{e} ({d}, {x} – {d2}, {x2}) was {an} {n} {v}.|{e} (born {d}, died {d2}) was {av} {v} from {x}.|{e} is {av} {v} from {x}, {x2}.|{e} has worked as {av} {v} since {y}.|{e} (c. {y} – {y2}) was {an} {n} {v}.|The Honourable {e} ({d} – {d2}) was {an} {n} {v} in {x}.
{f} MBE ({d} – {d2}) was {an} {n} {v}.|{e} (born {d}) is {an} {n} professional {v} who {did}.|{e}, Jr. ({d} – {d2}) was {av} {v} in {x}.|{e} (born {d}; also spelled {f}) is {an} {n} {v}.|{e} was {an} {n} amateur {v} who {did}.""".replace("\n", "|").split("|"),
         "nationality": "{e} ({d} – {d2}) was {av} {v} {j}.|{e} (born {d}) is {av} {v} {j} who {did}.|{f} (born {d}) is {av} {v} former {j}.|{e} (born {d}) is {av} {v} {j}, best known for {w}.|{e} was {av} {v} {j}.|{e} ({y}–{y2}) was {av} {v} {j} and {j2}.|{f}, better known as {e}, is {av} {v} {j}.".split("|"),
         "": "{e} ({y}–{y2}) was {an} {n} {j}.|{e} is {an} {n} {j}.|{e} is {an} {n} {j} who {did}.|{f} is {an} {n} {j}, best known for {w}.|{e} was {an} {n} {j}.|{f} was {an} {n} {j} and {j2}.|".split("|")}
DID = """represented {x} in the national assembly|played for {x} from {y} to {y2}|competed at the {y} Summer Games|served in the army during the war|led the {x} party until {y}|won the {x} Cup in {y}|wrote more than twenty books|spent most of {his} life in {x}|taught at {x} for many years
took part in the {y} championship|is currently with {x} United|appeared in several films|was the first to cross {x} on foot|held office from {y} to {y2}|made {his} debut in {y}|is remembered for {his} work on {w}|worked mainly in {x}|founded the {x} Society|sat in the upper house""".replace("\n", "|").split("|")
# key of the relation that a sentence states, and sentences
BODY = [
    ("born place", ["{l} was born in {x}.", "Born in {x}, {he} grew up on a farm.", "{He} was born in {x}, the son of {p}."]), ("education", ["{He} was educated at {x} College.", "{l} studied law at the University of {x}.", "After school {he} went to the University of {x}, where {he} met {p}."]),
    ("father", ["{His} father, {p}, was a {j}.", "{He} was the third child of {p}, a {j} from {x}.", "{His} mother {p} worked as a {j}."]), ("spouse", ["In {y} {he} married {p}, a {j}.", "{l} married the {j} {p} in {y}; they had two children.", "{His} first marriage, to {p}, ended in {y}."]),
    ("award", ["{He} received the {x} Medal in {y}.", "In {y} {l} was awarded the {x} Prize."]), ("died place", ["{l} died in {x}.", "{He} spent {his} last years in {x} and died there."]),
    ("", ["{He} moved to {x} in {y}.", "In {y} {he} joined the {x} club.", "{His} brother {p} became a {j}.", "{He} worked with {p} on {w}.", "{l} was elected to the council of {x} in {y}.", "{w} was published in {y}.", "{His} best known work is {w}.", "In {y} {he} returned to {x}.",
          "{He} was succeeded by {p}.", "After the war {he} lived in {x2}.", "{l}'s papers are kept in {x}.", "A street in {x} is named after {him}.", "{He} scored 12 goals in {y}.", "{p} described {him} as modest and quiet.", "Critics praised {w}.", "{He} appeared in {w} alongside {p}.", "{l} retired in {y}.",
          "{He} was a friend of the {j} {p}.", "{His} pupils include the {j} {p} and the {j2} {p2}.", "The {j} {p} wrote about {him} in {y}.", "{He} stood for {x} in the {y} election but lost to {p}.", "Between {y} and {y2} {he} made {k} appearances.", "{l} first played for {x} in {y}.", "{He} signed with {x} Rovers in {y}.",
          "During this time {he} travelled to {x} and {x2}.", "{His} collection was given to the {x} Museum.", "{l} joined the company of {p} in {y}.", "{He} is a cousin of the {j} {p}.", "In an interview in {y} {he} spoke of {his} early years in {x}.", "{His} daughter {p} is a {j}.", "{He} speaks three languages.",
          "{l} was captain of the team that won in {y}.", "The family came from {x}.", "In {y}, {he} was appointed to the board of {x} Railways.", "{He} also owned land near {x}.", "{l} contributed to {w} and {w2}."])]


def biography(r, e, key, value, rivals, draws, low=1, high=10, lead=True):
    """The text of a passage of whole sentences; states `value` for `key` unless that is None. `draws` has the word makers."""
    he = r.random() < 0.65
    surname = e.split(" ")[-1]

    def words():
        return {"e": e, "l": surname, "f": f"{e.split(' ')[0]} {draws['proper'](r)} {surname}", "n": (n := draws["nation"](r)), "an": article(n), "d": draws["date"](r), "d2": draws["date"](r), "y": draws["year"](r), "y2": draws["year"](r), "x": draws["place"](r), "x2": draws["place"](r),
                "p": draws["person"](r), "p2": draws["person"](r), "j": draws["job"](r), "j2": draws["job"](r), "w": draws["title"](r), "w2": draws["title"](r), "k": r.randint(2, 300),
                "He": "He" if he else "She", "he": "he" if he else "she", "his": "his" if he else "her", "His": "His" if he else "Her", "him": "him" if he else "her"}

    def say(text, v=""):
        w = words()
        w["did"] = r.choice(DID).format(**w)
        return capital(text.format(v=v, av=article(v), **w))

    out = []
    if lead:
        kind = key if key in LEADS and value is not None else ""
        text = r.choice(LEADS[kind])
        if text and not (kind == "" and (key in LEADS or rivals)):
            out.append(say(text, value or ""))
    stated = bool(out) and key in LEADS and value is not None
    pool = [s for k, sentences in BODY for s in sentences if k != key and k not in rivals and not (key == "occupation" and value is None and "elected" in s)]
    out += [say(s) for s in r.sample(pool, r.randint(low, high))]
    return out, stated


def article(text):
    return "an" if text[:1].lower() in "aeiou" else "a"
