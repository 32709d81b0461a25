"""Word problems of one step, put together from verbs, things, places and questions: which operation is due, and on which numbers.

The kinds are those that teachers use: change, combine, compare, equal groups, sharing, rates and prices, each with any one of its
numbers unknown. A kind is a function that returns (sentences, question, expression) with the numbers a and b as they are written.
"""
from words import ITEMS, capital, name, plural, pseudo

# (past, base, what may follow)
LOSE = [("gave", "give", [" to {M}", " to {his} friend", " to {his} sister", " to {M} and {O}"]), ("sold", "sell", ["", " to {M}", " at {P}", " on Saturday"]), ("ate", "eat", ["", " for lunch", " after school"]),
        ("lost", "lose", ["", " at {P}", " on the way"]), ("used", "use", ["", " for a project", " to make a gift", " yesterday"]), ("threw away", "throw away", [""]), ("donated", "donate", ["", " to {P}"]),
        ("dropped", "drop", ["", " on the way home"]), ("broke", "break", ["", " by accident"]), ("lent", "lend", [" to {M}", " to {his} cousin"]), ("mailed", "mail", [" to {M}", " to {his} aunt"]), ("gave away", "give away", [""]),
        ("returned", "return", ["", " to {P}", " to {M}"]), ("hid", "hide", ["", " in {P}"]), ("removed", "remove", ["", " from {P}"]), ("took out", "take out", ["", " of {P}"]), ("handed", "hand", [" to {M}"]), ("left", "leave", [" at {P}", " behind"]),
        ("traded", "trade", [" to {M}", " with {M}"]), ("cut up", "cut up", [""]), ("sent", "send", [" to {M}"]), ("fed", "feed", [" to the birds", " to the animals"]), ("packed away", "pack away", [""]), ("wasted", "waste", [""])]
GAIN = [("bought", "buy", ["", " at {P}", " from {M}", " on Sunday"]), ("found", "find", ["", " in {P}", " on the beach", " under the bed"]), ("picked", "pick", ["", " with {M}", " in {P}"]), ("received", "receive", ["", " from {M}", " as a gift"]),
        ("got", "get", ["", " from {M}", " for {his} birthday"]), ("collected", "collect", ["", " at {P}"]), ("made", "make", ["", " in the afternoon", " at {P}"]), ("caught", "catch", ["", " with {M}"]), ("won", "win", ["", " at {P}", " at the fair"]),
        ("gathered", "gather", ["", " in {P}"]), ("borrowed", "borrow", [" from {P}", " from {M}"]), ("picked up", "pick up", ["", " at {P}"]), ("drew", "draw", [""]), ("built", "build", [""]), ("ordered", "order", [""]), ("baked", "bake", ["", " for {P}"]),
        ("earned", "earn", [" by helping {M}", ""]), ("put together", "put together", [""]), ("brought home", "bring home", [""]), ("added", "add", [" to {P}", ""]), ("took", "take", [" from {P}", " from {M}"]), ("sewed", "sew", [""]), ("washed", "wash", [""])]
DID = [("picked", "pick"), ("made", "make"), ("sold", "sell"), ("read", "read"), ("painted", "paint"), ("saw", "see"), ("counted", "count"), ("caught", "catch"), ("collected", "collect"), ("found", "find"), ("bought", "buy"), ("ate", "eat"),
       ("planted", "plant"), ("wrote", "write"), ("used", "use"), ("baked", "bake"), ("delivered", "deliver"), ("packed", "pack"), ("fixed", "fix"), ("carried", "carry"), ("spent", "spend"), ("earned", "earn"), ("visited", "visit")]
PLACES = """the box|the garden|the park|the school|the shop|the basket|the library|the house|the drawer|the field|the store|the kitchen|the bag|the class|the yard|the barn|the museum|the farm|the zoo|the office|the pond|the market|the gym|the parking lot|
the shelf|the jar|the beach|the hospital|the bakery|the attic|the restaurant|the cafeteria|the theater|the town|the forest|the desk|the bucket""".replace("\n", "").split("|")
STUFF = """pounds of flour|cups of sugar|liters of water|gallons of paint|bags of rice|bottles of juice|boxes of cereal|feet of rope|yards of cloth|pieces of candy|slices of bread|loaves of bread|cans of soup|sheets of paper|pieces of wood|buckets of sand|
packs of gum|cartons of milk|bunches of grapes|pairs of shoes|tons of gravel|ounces of gold|inches of wire|scoops of ice cream|dozen eggs|bales of hay|quarts of berries""".replace("\n", "").split("|")
GROUPS = """boxes bags baskets jars shelves rows teams groups tables trays cars buses crates packs plates vases cages rooms albums bundles
piles boats cabins classes drawers buckets cartons vans tents envelopes bins pages decks""".split()
PEOPLE = "friends children students players people workers boys girls kids guests cousins campers customers scouts classmates".split()
KINDS = "red blue green yellow old new big small gold white wooden plastic chocolate vanilla round square striped short tall male female ripe rotten fresh clean dirty foreign broken soft hard".split()
TIMES = [("in the morning", "in the afternoon"), ("on Monday", "on Tuesday"), ("last week", "this week"), ("on Saturday", "on Sunday"), ("yesterday", "today"), ("in May", "in June"), ("last year", "this year"), ("before lunch", "after lunch"),
         ("last month", "this month"), ("on the first day", "on the second day"), ("in the fall", "in the spring"), ("in one hour", "in the next hour")]


class Setting:
    """The people, things and places of one problem."""

    def __init__(self, r):
        self.r = r
        names = [name(r) for _ in range(3)]
        if r.random() < 0.12:
            names[0] = r.choice(["The teacher", "A farmer", "The baker", "A boy", "The coach", "My uncle", "Mrs. " + names[0], "Mr. " + names[0], "The cook", "A girl"])
        x = r.random()
        items = r.choice(STUFF) if x < 0.15 else "dollars" if x < 0.2 else plural(pseudo(r)) if x < 0.27 else r.choice(ITEMS)
        if x > 0.75:
            items = r.choice(KINDS) + " " + items
        he = r.random() < 0.5
        self.words = {"N": names[0], "M": names[1], "O": names[2], "I": items, "P": r.choice(PLACES), "Q": r.choice(PLACES), "G": r.choice(GROUPS), "W": r.choice(PEOPLE),
                      "he": "he" if he else "she", "He": "He" if he else "She", "his": "his" if he else "her", "him": "him" if he else "her", "His": "His" if he else "Her"}
        self.words["C"], self.words["D"] = r.sample(KINDS, 2)
        self.words["g"] = self.words["G"][:-1] if not self.words["G"].endswith(("xes", "ses", "ves")) else {"boxes": "box", "classes": "class", "shelves": "shelf", "buses": "bus"}.get(self.words["G"], "group")
        self.words["i"] = items[:-1] if items.endswith("s") and " of " not in items else "item"

    def pick(self, *texts):
        return self.r.choice(texts)

    def who(self):
        return self.pick("{N}", "{He}", "{He}")

    def of_them(self):
        return self.pick("of them", "of the {I}", "{I}", "of {his} {I}", "of those", "")


def having(s, n):
    """A first sentence: someone has, or there are, n things."""
    return s.pick("{N} has %s {I}.", "{N} had %s {I}.", "{N} had %s {I} in {P}.", "There are %s {I} in {P}.", "There were %s {I} in {P}.", "{N} owns %s {I}.", "{N} started with %s {I}.", "{P} had %s {I}.", "{N} has a collection of %s {I}.", "Yesterday {N} had %s {I}.",
                  "{N} " + s.r.choice(GAIN)[0] + " %s {I}.", "{N} " + s.r.choice(DID)[0] + " %s {I}.", "{N} began the day with %s {I}.", "At first there were %s {I} in {P}.", "{M} gave {N} %s {I}.", "In {P} there are %s {I}.", "{N} keeps %s {I} in {P}.",
                  "{N} bought a bag with %s {I} in it.") % n


def ends_now(s, n):
    return s.pick("Now {he} has %s {I}.", "{N} now has %s {I}.", "Now there are %s {I}.", "There are now %s {I} in {P}.", "{He} has %s {I} now.", "In the end {he} had %s {I}.", "After that {he} has %s.", "That makes %s {I}.", "Now {N} has %s.") % n


def remains(s, n):
    return s.pick("{He} has %s {I} left.", "Now {he} has %s {I}.", "There are %s {I} left.", "Only %s are left.", "{N} still has %s.", "Now only %s {I} remain.", "{He} kept %s {I}.", "{He} now has %s left over.") % n


LEFT = ["How many {I} does {N} have left?", "How many {I} does {he} have left?", "How many {I} are left?", "How many {I} remain?", "How many does {he} still have?", "How many {I} does {N} have now?", "How many {I} did {he} have left?", "How many {I} are still in {P}?",
        "What number of {I} remains?", "How many {I} will be left?", "How many {I} did {N} keep?", "How many {I} does {he} now have?"]
TOTAL = ["How many {I} does {N} have now?", "How many {I} does {he} have in all?", "How many {I} does {he} have altogether?", "How many {I} are there now?", "How many {I} does {N} have in total?", "How many {I} are in {P} now?", "What is the total number of {I}?",
         "How many {I} will {he} have?", "How many {I} did {N} have in the end?", "How many {I} will there be in {P}?"]


def lose(s, n):
    past, _, tails = s.r.choice(LOSE)
    tail = s.r.choice(tails)
    if " to {M}" in tail and s.r.random() < 0.4:
        return s.pick("{He} gave {M} %s {I}.", "{He} gave {M} %s of {his} {I}.", "{N} gave %s of the {I} to {M}.", "{M} took %s {I}.", "{M} took %s of them away.", "{M} borrowed %s of them.") % n
    return s.pick(f"{s.who()} {past} %s {s.of_them()}{tail}.", f"Then {{he}} {past} %s {s.of_them()}{tail}.", f"Later {{N}} {past} %s{tail}.", "%s of the {I} were " + s.r.choice(["broken", "sold", "eaten", "stolen", "taken away", "rotten and thrown out", "lost"]) + ".",
                  f"{{He}} {past} %s {{I}}{tail}.", f"{s.who()} {past} %s {s.of_them()}{tail}.", "A storm ruined %s of them.") % n


def gain(s, n):
    past, _, tails = s.r.choice(GAIN)
    tail = s.r.choice(tails)
    return s.pick(f"{s.who()} {past} %s more {{I}}{tail}.", f"{s.who()} {past} %s more{tail}.", f"Then {{he}} {past} %s {{I}}{tail}.", f"{s.who()} {past} another %s {{I}}{tail}.", "{M} gave {him} %s more.", "{M} gave {N} %s more {I}.", "{M} brought %s {I}.", "Then %s more {I} were put in {P}.",
                  "{M} adds %s {I}.", "%s more {I} were delivered.", "{His} father gave {him} %s {I}.", "Workers put %s more {I} in {P}.", f"Today {{he}} {past} %s {{I}}{tail}.") % n


def change_less(s, a, b):
    if s.r.random() < 0.2:
        past, base, tails = s.r.choice(LOSE)
        t = s.r.choice(tails)
        return [], s.pick(f"If {{N}} has %s {{I}} and {past} %s{t}, how many {{I}} are left?", f"If there are %s {{I}} in {{P}} and {{N}} takes %s of them, how many {{I}} remain?", f"{{N}} had %s {{I}} and {past} %s of them{t}. How many does {{he}} have left?",
                          "How many {I} are left if {N} had %s and lost %s?", "From %s {I} {N} took away %s. How many remain?") % (a, b), "a - b"
    return [having(s, a), lose(s, b)], s.r.choice(LEFT), "a - b"


def change_more(s, a, b):
    if s.r.random() < 0.2:
        past, base, tails = s.r.choice(GAIN)
        return [], s.pick("If {N} has %s {I} and {M} gives {him} %s more, how many {I} does {he} have?", f"{{N}} had %s {{I}} and {past} %s more. How many {{I}} does {{he}} have now?", "If %s {I} are in {P} and %s more are added, how many {I} are there in all?",
                          "How many {I} will {N} have if {he} has %s and gets %s more?", "To %s {I} {N} adds %s. How many are there?") % (a, b), "a + b"
    return [having(s, a), gain(s, b)], s.r.choice(TOTAL), "a + b"


def how_much_lost(s, a, b):
    past, base, tails = s.r.choice(LOSE)
    t = s.r.choice(tails)
    first = s.pick(f"{s.who()} {past} some {s.of_them()}{t}.", f"{{He}} {past} some{t}.", "Some of them were lost.", "{M} took some of the {I}.")
    ask = s.pick(f"How many {{I}} did {{N}} {base}{t}?", f"How many {{I}} did {{he}} {base}?", f"How many did {{N}} {base}{t}?", f"How many {{I}} {past.split(' ')[0]}?" if past == "broke" else f"How many {{I}} did {{he}} {base}{t}?")
    return [having(s, a), first, remains(s, b)], ask if "{M} took" not in first and "were" not in first else s.pick("How many {I} were taken?", "How many {I} are gone?", "How many are missing?"), "a - b"


def how_much_got(s, a, b):
    past, base, tails = s.r.choice(GAIN)
    t = s.r.choice(tails)
    middle = s.pick(f"{s.who()} {past} some more{t}.", f"Then {{he}} {past} some {{I}}{t}.", "{M} gave {him} some more.", "Some more {I} were added.")
    ask = s.pick(f"How many {{I}} did {{N}} {base}?", f"How many more {{I}} did {{he}} {base}{t}?") if past in middle else s.pick("How many {I} did {M} give {him}?", "How many {I} were added?", "How many more are there?")
    if s.r.random() < 0.25:
        return [having(s, b)], s.pick("How many more {I} does {he} need to have %s?", "{N} wants %s {I}. How many more does {he} need?", "How many more must {he} get to reach %s?", "If {he} needs %s {I}, how many more should {he} find?", "How many {I} are missing until there are %s?") % a, "a - b"
    return [having(s, b), middle, ends_now(s, a)], ask, "a - b"


FIRST = ["How many {I} did {N} have at first?", "How many {I} did {he} start with?", "How many {I} did {N} have before?", "How many {I} were there in the beginning?", "How many {I} did {he} have to begin with?", "How many {I} were in {P} at the start?", "How many did {N} originally have?",
         "How many {I} did {he} have at the beginning?"]
SOME = ["{N} had some {I}.", "{N} had a number of {I}.", "There were some {I} in {P}.", "{N} had a bag of {I}.", ""]


def before_losing(s, a, b):
    first = s.r.choice(SOME)
    out = [first] if first else []
    taken = lose(s, a)
    if not first:
        taken = s.pick("{N} gave %s {I} to {M}.", "{N} sold %s {I}.", "{N} used %s {I}.", "{N} lost %s {I}.") % a
    return out + [taken, remains(s, b)], s.r.choice(FIRST), "a + b"


def before_gaining(s, a, b):
    first = s.r.choice(SOME[:4])
    middle = gain(s, b)
    return [first, middle, ends_now(s, a)], s.r.choice(FIRST), "b from a"


def combine(s, a, b):
    past, base = s.r.choice(DID)
    t1, t2 = s.r.choice(TIMES)
    x = s.r.random()
    if x < 0.35:
        text = s.pick(f"{{N}} {past} %s {{I}} {t1} and %s {{I}} {t2}.", f"{t1}, {{N}} {past} %s {{I}}, and {t2} {{he}} {past} %s.", f"{{N}} {past} %s {{I}} {t1}. {{He}} {past} %s {t2}.", f"{{N}} {past} %s {{I}} in {{P}} and %s in {{Q}}.") % (a, b)
        return [capital(text)], s.pick(f"How many {{I}} did {{N}} {base} in all?", f"How many {{I}} did {{he}} {base} altogether?", f"How many {{I}} did {{N}} {base} in total?", f"How many {{I}} was that altogether?", f"What is the total number of {{I}} that {{N}} {past}?"), "a + b"
    if x < 0.65:
        text = s.pick("{N} has %s {I} and {M} has %s {I}.", f"{{N}} {past} %s {{I}} and {{M}} {past} %s.", f"{{N}} {past} %s {{I}}. {{M}} {past} %s {{I}}.", f"{{N}} and {{M}} {past} {{I}}. {{N}} {past} %s and {{M}} {past} %s.", "{N} has %s {I}. {His} friend {M} has %s.") % (a, b)
        return [text], s.pick("How many {I} do they have together?", "How many {I} do they have in all?", "How many {I} do {N} and {M} have altogether?", f"How many {{I}} did they {base} in total?", f"How many {{I}} did they {base} altogether?", "How many {I} is that in all?"), "a + b"
    text = s.pick("There are %s {C} {I} and %s {D} {I} in {P}.", "{N} has %s {C} {I} and %s {D} ones.", "{P} has %s {C} {I} and %s {D} {I}.", f"{{N}} {past} %s {{C}} {{I}} and %s {{D}} {{I}}.", "A box holds %s {C} {I}. It also holds %s {D} {I}.", "There were %s boys and %s girls in {P}.") % (a, b)
    return [text], s.pick("How many {I} are there in all?", "How many are there altogether?", "How many {I} does that make?", "What is the total?", "How many {I} in total?") if "boys" not in text else "How many children were there?", "a + b"


def part_unknown(s, a, b):
    past, base = s.r.choice(DID)
    t1, t2 = s.r.choice(TIMES)
    x = s.r.random()
    if x < 0.4:
        return [s.pick("There are %s {I} in {P}. %s of them are {C}.", "{N} has %s {I}. %s are {C} and the others are {D}.", "Of the %s {I} in {P}, %s are {C}.", f"{{N}} {past} %s {{I}}, and %s of them were {{C}}.", "{P} has %s {I}, of which %s are {C}.") % (a, b)], \
            s.pick("How many {I} are {D}?", "How many are not {C}?", "How many {I} are not {C}?", "The rest are {D}. How many {I} are {D}?", "How many of the {I} are {D}?"), "a - b"
    if x < 0.7:
        return [capital(s.pick(f"{{N}} {past} %s {{I}} in two days. {{He}} {past} %s of them {t1}.", f"{{N}} {past} %s {{I}} in all. {{He}} {past} %s {t1}.", f"Altogether {{N}} {past} %s {{I}}, %s of them {t1}.") % (a, b))], s.pick(f"How many did {{he}} {base} {t2}?", f"How many {{I}} did {{N}} {base} {t2}?"), "a - b"
    return [s.pick("{N} and {M} have %s {I} together. {N} has %s of them.", "Together {N} and {M} have %s {I}. %s belong to {N}.", f"{{N}} and {{M}} {past} %s {{I}} in all. {{N}} {past} %s.", "There are %s {W} in {P}. %s are boys.") % (a, b)], \
        s.pick("How many does {M} have?", "How many {I} does {M} have?", f"How many did {{M}} {base}?", "How many are {M}'s?"), "a - b"


MEASURED = [("is %s years old", "is %s years old", ["How much older is {N} than {M}?", "How many years older is {N}?", "What is the difference of their ages?", "By how many years is {M} younger?"]),
            ("weighs %s pounds", "weighs %s pounds", ["How much heavier is {N} than {M}?", "How many pounds lighter is {M}?", "How much more does {N} weigh?"]),
            ("is %s inches tall", "is %s inches tall", ["How much taller is {N} than {M}?", "How many inches shorter is {M}?"]), ("ran %s miles", "ran %s miles", ["How much farther did {N} run than {M}?", "How many more miles did {N} run?", "How much farther did {N} run?"]),
            ("has %s {I}", "has %s {I}", ["How many more {I} does {N} have than {M}?", "How many fewer {I} does {M} have than {N}?", "How many more does {N} have?", "How many less {I} does {M} have?"]),
            ("scored %s points", "scored %s", ["How many more points did {N} score than {M}?", "By how many points did {N} win?"]), ("earned %s dollars", "earned %s dollars", ["How much more did {N} earn than {M}?", "How much less money did {M} make?"]),
            ("read %s pages", "read %s pages", ["How many more pages did {N} read?", "How many fewer pages did {M} read than {N}?"]), ("walked %s meters", "walked %s meters", ["How much farther did {N} walk?", "How many meters more did {N} walk than {M}?"])]


def differ(s, a, b):
    if s.r.random() < 0.3:
        return [s.pick("There are %s {C} {I} and %s {D} {I} in {P}.", "{N} has %s {C} {I} and %s {D} {I}.", "{P} has %s {C} {I} but only %s {D} ones.") % (a, b)], s.pick("How many more {C} {I} are there than {D} {I}?", "How many more {C} than {D} {I} are there?", "How many fewer {I} are {D}?",
                                                                                                                                                      "How many more {C} {I} than {D} {I} are there?"), "a - b"
    if s.r.random() < 0.25:
        t1, t2 = s.r.choice(TIMES)
        past, base = s.r.choice(DID)
        return [capital(s.pick(f"{{N}} {past} %s {{I}} {t1} and %s {{I}} {t2}.", f"{t1} {{N}} {past} %s {{I}}. {t2} {{he}} {past} %s.") % (a, b))], s.pick(f"How many more {{I}} did {{N}} {base} {t1} than {t2}?", f"How many more did {{he}} {base} {t1}?", f"How many fewer {{I}} did {{he}} {base} {t2}?"), "a - b"
    one, two, asks = s.r.choice(MEASURED)
    return [s.pick("{N} " + one % a + " and {M} " + two % b + ".", "{N} " + one % a + ". {M} " + two % b + ".", "{N} " + one % a + " while {M} " + two % b + ".", "{N} " + one % a + ", but {M} only " + two % b + ".")], s.r.choice(asks), "a - b"


def more_than(s, a, b):
    """Someone has a; another has b more or b fewer; or a is said to be so much more."""
    past, base = s.r.choice(DID)
    ask = s.pick(f"How many {{I}} did {{M}} {base}?", f"How many did {{M}} {base}?")
    x = s.r.random()
    if x < 0.3:
        return [s.pick(f"{{N}} {past} %s {{I}}. {{M}} {past} %s more {{I}} than {{N}}.", f"{{N}} {past} %s {{I}}. {{M}} {past} %s more than {{him}}.", f"{{N}} {past} %s {{I}} and {{M}} {past} %s more than that.") % (a, b)], ask, "a + b"
    if x < 0.6:
        return [s.pick(f"{{N}} {past} %s {{I}}. {{M}} {past} %s fewer {{I}} than {{N}}.", f"{{N}} {past} %s {{I}}. {{M}} {past} %s less than {{him}}.", f"{{N}} {past} %s {{I}} and {{M}} {past} %s fewer.") % (a, b)], ask, "a - b"
    if x < 0.8:
        return [s.pick(f"{{N}} {past} %s {{I}}, which is %s more than {{M}}.", f"{{N}} {past} %s {{I}}. That is %s more than {{M}} {past}.", f"{{N}} {past} %s {{I}}, %s more than {{M}} did.") % (a, b)], ask, "a - b"
    return [s.pick(f"{{N}} {past} %s {{I}}, which is %s fewer than {{M}}.", f"{{N}} {past} %s {{I}}. That is %s less than {{M}} {past}.", f"{{N}} {past} %s {{I}}, %s fewer than {{M}} did.") % (a, b)], ask, "a + b"


def groups(s, a, b):
    text = s.pick("There are %s {G} of {I}. There are {b} {I} in each {g}.", "{N} has %s {G} of {I}. Each {g} holds {b} {I}.", "{N} has %s {G} with {b} {I} in each.", "Each of %s {W} has {b} {I}.", "{N} put {b} {I} in each of %s {G}.", "There are %s {G}, and each {g} has {b} {I}.", "{N} bought %s {G} of {I}, each with {b}.",
                  "{P} has %s {G} with {b} {I} apiece.", "%s {W} each brought {b} {I}.", "{N} filled %s {G} with {b} {I} each.", "{N} made %s {G} and used {b} {I} for each {g}.", "Every {g} needs {b} {I}. {N} has %s {G}.", "A {g} holds {b} {I}. There are %s {G}.", "{N} has {b} {I} in each {g}. {He} has %s {G}.",
                  "If there are %s {G} with {b} {I} in each {g},", "If each of %s {W} gets {b} {I},", "{N} gives {b} {I} to each of {his} %s {W}.", "It takes {b} {I} to make one {g}. {N} wants to make %s {G}.")
    ask = s.pick("How many {I} are there in all?", "How many {I} are there altogether?", "How many {I} does {N} have?", "How many {I} are there?", "How many {I} is that in total?", "How many {I} did {N} use?", "What is the total number of {I}?", "How many {I} are needed?", "How many {I} does {he} need?")
    return [text % a], ask[:1].lower() + ask[1:] if text.endswith(",") else ask, "a * b"


def rates(s, a, b):
    text, asks = s.r.choice([
        ("{N} walks {b} miles each day. {He} walks for %s days.", ["How many miles does {he} walk?", "How far does {N} walk in all?"]), ("{N} earns {b} dollars an hour. {He} works %s hours.", ["How much does {he} earn?", "How much money does {N} make?", "How many dollars will {he} get?"]),
        ("{N} reads {b} pages a day. {He} reads for %s days.", ["How many pages does {he} read?", "How many pages is that?"]), ("A machine makes {b} {I} every minute. It runs for %s minutes.", ["How many {I} does it make?", "How many {I} are made?"]),
        ("Each {i} costs {b} dollars. {N} buys %s {I}.", ["How much does {he} pay?", "How much did {N} spend?", "What is the total cost?", "How much do the {I} cost?"]), ("Tickets cost {b} dollars each. {N} bought %s tickets.", ["How much did {N} spend?", "How much did {he} pay for them?"]),
        ("{N} saves {b} dollars every week for %s weeks.", ["How much has {he} saved?", "How much money does {N} have then?"]), ("A car goes {b} miles on a gallon of gas. It has %s gallons.", ["How far can it go?", "How many miles can it drive?"]),
        ("{N} sold %s {I} for {b} dollars each.", ["How much money did {he} make?", "How much did {N} get?", "How many dollars did {he} earn?"]), ("{N} runs {b} laps every day. How many laps does {he} run in %s days?", [""]),
        ("At {b} dollars per {i}, how much do %s {I} cost?", [""]), ("If one {i} weighs {b} grams, how much do %s {I} weigh?", [""]), ("{N} drove for %s hours at {b} miles per hour.", ["How far did {he} drive?", "How many miles did {N} drive?"]),
        ("There are {b} {I} in a {g}. How many {I} are in %s {G}?", [""]), ("{N} needs {b} {I} for each of %s {W}.", ["How many {I} does {he} need?", "How many {I} should {he} buy?"]), ("A garden is %s feet long and {b} feet wide.", ["What is its area in square feet?", "How many square feet is it?"])])
    return [text % a], s.r.choice(asks), "a * b"


def times_as_many(s, a, b):
    past, base = s.r.choice(DID)
    if s.r.random() < 0.6:
        return [s.pick(f"{{N}} {past} %s {{I}}. {{M}} {past} {{b}} times as many.", f"{{N}} {past} %s {{I}}. {{M}} {past} {{b}} times as many {{I}} as {{N}}.", f"{{N}} {past} %s {{I}} and {{M}} {past} {{b}} times more.", "{N} has %s {I}. {M} has {b} times that number.") % a], s.pick(f"How many {{I}} did {{M}} {base}?", "How many does {M} have?", "How many {I} does {M} have?"), "a * b"
    return [s.pick(f"{{N}} {past} %s {{I}}, which is {{b}} times as many as {{M}}.", f"{{N}} {past} {{b}} times as many {{I}} as {{M}}. {{N}} {past} %s.", "{N} has %s {I}, {b} times as many as {M}.") % a], s.pick(f"How many {{I}} did {{M}} {base}?", "How many does {M} have?"), "a / b"


def share(s, a, b):
    text = s.pick("{N} has %s {I} to share equally among {b} {W}.", "{N} divides %s {I} equally into {b} {G}.", "{N} shared %s {I} with {b} {W}, all alike.", "%s {I} are split evenly between {b} {G}.", "{N} put %s {I} into {b} {G}, with the same number in each {g}.", "There are %s {I} and {b} {W}. Each gets the same number.",
                  "{N} has %s {I}. {He} places them in {b} equal {G}.", "{b} {W} share %s {I} equally.", "{N} arranged %s {I} in {b} equal rows.", "%s {I} were packed in {b} {G} with the same number in each.", "{N} spent %s dollars on {b} {I} of the same price.", "{N} read %s pages in {b} days, the same number each day.",
                  "If %s {I} are divided evenly among {b} {W},", "If {N} wants to put %s {I} in {b} {G} evenly,", "{b} {G} hold %s {I} in all, each the same.", "{N} gave %s {I} to {b} {W}. Everyone got as many.", "{N} earned %s dollars in {b} hours.", "In {b} hours {N} made %s {I}.")
    ask = s.pick("How many {I} does each one get?", "How many {I} are in each {g}?", "How many {I} will each get?", "How many does each person receive?", "How many {I} should be in each?", "How many {I} went into each {g}?", "How many {I} does everyone get?")
    if "price" in text:
        ask = s.pick("How much did each {i} cost?", "What was the price of one {i}?", "How much was each?")
    elif "pages" in text:
        ask = s.pick("How many pages did {he} read each day?", "How many pages is that per day?")
    elif "hours" in text:
        ask = s.pick("How many is that per hour?", "How much is that each hour?", "How many {I} did {he} make per hour?") if "made" in text else s.pick("How much did {he} earn per hour?", "How many dollars is that an hour?")
    return [text % a], ask[:1].lower() + ask[1:] if text.endswith(",") else ask, "a / b"


def packs(s, a, b):
    text, asks = s.r.choice([
        ("{N} has %s {I}. Each {g} holds {b} {I}.", 0), ("{N} packs %s {I} with {b} in each {g}.", 0), ("%s {I} are put in {G} of {b}.", 0), ("There are %s {W}. Each {g} takes {b} of them.", 0), ("{N} wants to put {b} {I} in each {g}. {He} has %s {I}.", 0), ("A {g} can hold {b} {I}. {N} has %s {I}.", 0),
        ("{N} made %s {I} and puts {b} of them in every {g}.", 0), ("If {N} has %s {I} and puts {b} in each {g},", 0), ("Each {g} has {b} {I}. There are %s {I} altogether.", 0), ("It takes {b} {I} to fill a {g}. {N} has %s {I}.", 0),
        ("{N} has %s dollars. Each {i} costs {b} dollars.", ["How many {I} can {he} buy?", "How many can {N} buy?"]), ("{N} spent %s dollars on {I} that cost {b} dollars each.", ["How many {I} did {he} buy?", "How many {I} did {N} get?"]),
        ("{N} reads {b} pages a day. The book has %s pages.", ["How many days will it take?", "In how many days does {he} finish it?"]), ("{N} drives {b} miles per hour and has to go %s miles.", ["How many hours does it take?", "How long will {he} drive?"]),
        ("{N} earned %s dollars at {b} dollars an hour.", ["How many hours did {he} work?", "For how many hours did {N} work?"]), ("{N} saves {b} dollars a week and wants a bike for %s dollars.", ["How many weeks does {he} have to save?", "How many weeks will it take?"]),
        ("{N} gave {b} {I} to each of {his} {W}. {He} gave out %s {I} in all.", ["How many {W} got some?", "How many {W} were there?"])])
    ask = s.r.choice(asks) if asks else s.pick("How many {G} does {he} need?", "How many {G} are there?", "How many {G} will be filled?", "How many {G} did {N} fill?", "How many {G} are needed?", "How many {G} can {he} fill?")
    return [text % a], ask[:1].lower() + ask[1:] if text.endswith(",") else ask, "a / b"


# (kind, relation of the numbers, share)
STORIES = [(change_less, "a>b", 3), (change_more, "", 3), (how_much_lost, "a>b", 1.5), (how_much_got, "a>b", 1.5), (before_losing, "", 1.2), (before_gaining, "a>b", 1.2), (combine, "", 2.5), (part_unknown, "a>b", 1.5),
           (differ, "a>b", 2), (more_than, "a>b", 1.6), (groups, "small", 2), (rates, "small", 2), (times_as_many, "div", 1), (share, "div", 2), (packs, "div", 2)]
ASIDE = ["{M} has %s {X}.", "{M} is %s years old.", "There are also %s {X} in {Q}.", "{He} also has %s {X}.", "It is %s miles to {Q}.", "It took %s minutes.", "It was a sunny day.", "{M} likes {X}.", "{His} room is on floor %s."]


def story(r, draw, spoken):
    """`draw(relation)` gives numbers a and b, `spoken(n)` how one is written; returns (text, expression)."""
    kind, relation, _ = r.choices(STORIES, [x[2] for x in STORIES])[0]
    numbers = draw(relation)
    a, b = numbers["a"], numbers["b"]
    s = Setting(r)
    # the numbers stand as marks until the text is whole, so that their order is known
    sentences, question, how = kind(s, "\1", "\2")
    sentences = [x for x in sentences if x]
    if r.random() < 0.12 and sentences:
        aside = r.choice(ASIDE)
        sentences.insert(r.randint(0, len(sentences)), aside % spoken(r.randint(2, 200)) if "%s" in aside else aside)
    text = " ".join(capital(x.replace("{b}", "\2").format(X=r.choice(ITEMS), **s.words)) for x in [*sentences, question] if x)
    if sentences and sentences[-1].endswith(","):
        at = text.rindex(",")
        text = text[:at + 2] + text[at + 2:at + 3].lower() + text[at + 3:]
    first, second = (a, b) if text.find("\1") < text.find("\2") else (b, a)
    if how == "b from a":
        how = "a - b"
    expression = f"{first} {how[2]} {second}" if how[2] in "+*" else how.replace("a", str(a)).replace("b", str(b))
    return " ".join(text.replace("\1", spoken(a)).replace("\2", spoken(b)).split()), expression
