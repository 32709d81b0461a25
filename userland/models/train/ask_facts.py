"""Family 4b: one fact → RETRIEVE "entity key" k=2 → EXIT "span of a passage" or "?"."""
from encyclopedia import biography
from phrasing import ask
from render import PASSAGE_MAX, Context, load, quote, substitute
from words import ADJECTIVES, ANIMALS, COLOURS, NAMES, NOUNS, capital, letters, plural, pseudo

ASK = load("ask").section("ask")
FAILURES = ["!ENOENT no passages", "!ETIMEDOUT the index did not answer", "!EIO the index failed", "!EPERM no right drv:retrieve"]
MONTHS = "January February March April May June July August September October November December".split()
JOBS = """politician actor actress singer painter lawyer journalist footballer engineer physicist chemist poet novelist composer historian
architect soldier judge banker farmer economist philosopher photographer sculptor dancer chef teacher nurse surgeon diplomat priest
bishop mathematician botanist geologist inventor producer director screenwriter pianist violinist guitarist drummer rapper cricketer cyclist
swimmer boxer wrestler sprinter golfer model comedian presenter blogger entrepreneur merchant publisher editor translator librarian astronomer
biologist psychologist sociologist linguist explorer sailor pilot astronaut theologian businessman businesswoman writer author scientist
rower skier admiral general illustrator cartoonist conductor organist saxophonist jurist physician dentist zoologist activist academic
goalkeeper trumpeter bassist wrestler weightlifter archaeologist anthropologist critic essayist playwright trader miner printer bookseller brewer
engraver tenor soprano midfielder umpire referee jockey fencer gymnast skater""".split() + """football manager|ice hockey player|racing driver|film director|civil servant|trade unionist|army officer|naval officer|basketball player|tennis player|stage actor|voice actor|television presenter|record producer|opera singer|chess player|
baseball player|rugby player|folk singer|short story writer|crime writer|football coach|Anglican bishop|Catholic priest|newspaper editor|business executive|stand-up comedian|art historian|computer scientist|test pilot|figure skater|water polo player""".replace("\n", "").split("|")
NATIONS = """Australian American British French German Italian Spanish Dutch Swedish Norwegian Danish Polish Russian Indian Chinese Japanese Korean
Brazilian Mexican Canadian Irish Scottish Welsh Greek Turkish Egyptian Nigerian Kenyan Austrian Swiss Belgian Czech Hungarian Finnish""".split()
GENRES = """drama comedy thriller western horror romance fantasy science-fiction documentary crime war adventure musical mystery animation jazz rock
pop folk blues techno opera punk reggae""".split()
FIELDS = "steel software textiles shipping banking retail furniture toys wine paper cement insurance railways aircraft chemicals beer tea glass".split()
LANGUAGES = "English French German Spanish Arabic Hindi Swahili Malay Dutch Turkish Greek Polish Tamil Korean Italian Finnish Thai".split()
KEEP_LOWER = {"of", "the", "and", "in"}


ACCENTS = {"a": "áàâäãåæ", "e": "éèêëě", "i": "íîïı", "o": "óôöøõő", "u": "úûüů", "n": "ñń", "c": "çćč", "s": "šşś", "z": "žżź", "l": "ł", "r": "ř", "g": "ğ", "d": "đ", "y": "ý"}


def accented(r, text):
    """A letter or two as other languages write them."""
    for _ in range(r.randint(1, 2)):
        i = r.randrange(len(text))
        text = text[:i] + r.choice(ACCENTS.get(text[i], text[i])) + text[i + 1:]
    return text


def proper(r, low=1, high=2):
    x = r.random()
    text = capital(pseudo(r, 1, 3)) if x < 0.85 else capital(letters(r, 4, 9))
    return accented(r, text) if r.random() < 0.12 else text


def person(r):
    first = r.choice(NAMES) if r.random() < 0.7 else proper(r)
    middle = f" {r.choice('ABCDEFGHJKLMPRSTW')}." if r.random() < 0.08 else " " + r.choice(NAMES) if r.random() < 0.06 else ""
    last = proper(r) if r.random() < 0.75 else r.choice(["Smith", "Miller", "Baker", "Rankin", "Moore", "Hall", "Young", "Wright", "Green", "Brown", "O'Neill", "van Dam", "de Sousa", "Müller", "García"])
    return f"{first}{middle} {last}"


def place(r):
    x = r.random()
    base = proper(r)
    if x < 0.7:
        return base
    if x < 0.8:
        return r.choice(["Port ", "New ", "San ", "Saint ", "Fort ", "Upper ", "East "]) + base
    return base + r.choice(["ville", "ton", "burg", " City", "ford", " Falls", "stad", " Springs"])


def title(r):
    x = r.random()
    word = capital(r.choice(ADJECTIVES)), capital(r.choice(NOUNS if r.random() < 0.5 else ANIMALS))
    if x < 0.3:
        return f"The {word[0]} {word[1]}"
    if x < 0.5:
        return f"{word[1]} of {place(r)}"
    if x < 0.7:
        return proper(r)
    if x < 0.85:
        return f"{word[0]} {plural(word[1])}"
    return f"A {word[1]} in {place(r)}"


def year(r):
    return str(r.randint(1750, 2024)) if r.random() < 0.85 else str(r.randint(900, 1750))


def date(r):
    if r.random() < 0.5:
        return f"{r.randint(1, 28)} {r.choice(MONTHS)} {year(r)}"
    return f"{r.choice(MONTHS)} {r.randint(1, 28)}, {year(r)}"


def count(r):
    n = r.randint(10 ** r.randint(2, 6), 10 ** 7) if r.random() < 0.5 else r.randint(100, 90000)
    return f"{n:,}" if r.random() < 0.8 else str(n)


def measure(units, low, high):
    def draw(r):
        n = r.randint(low, high)
        text = f"{n:,}" if n >= 1000 and r.random() < 0.7 else str(n)
        if r.random() < 0.15:
            text += f".{r.randint(1, 9)}"
        return f"{text} {r.choice(units)}"
    return draw


def pick(words):
    return lambda r: r.choice(words)


def job(r):
    text = r.choice(JOBS)
    if r.random() < 0.3:
        text += " and " + r.choice(JOBS)
    elif r.random() < 0.1:
        text = f"{r.choice(JOBS)}, {text} and {r.choice(JOBS)}"
    return text


def company_name(r):
    return proper(r) + r.choice([" Inc.", " Group", " & Sons", " Ltd", " Works", "", "", " Industries", " Motors"])


# kind → (name, pronouns, introductions, relations); a relation is (key, questions, statements, value).
# In statements {s} is the subject (name or pronoun), {v} the value, {n} a nation.
KINDS = {
    "person": (person, ["He", "She"], ["{e} was a well-known figure of {pron_pos} time.", "{e} is remembered in {x}.", "Little is known of the youth of {e}.", ""], [
        ("occupation", ["What is {e}'s occupation?", "What was the occupation of {e}?", "What did {e} do for a living?", "What is the profession of {e}?", "What job did {e} have?", "What does {e} work as?"],
         ["{e} ({y}–{y2}) was {an} {n} {v}.", "{e} is {an} {n} {v}.", "{e} (born {d}) is {an} {n} {v}.", "{s} worked as {av} {v}.", "{s} was {av} {v} from {x}.", "{e} was {av} {v}.", "{e} (born {d} in {x}) is {an} {n} {v} who lives in {x2}."], job),
        ("born place", ["Where was {e} born?", "In which city was {e} born?", "What is the birthplace of {e}?", "What is {e}'s place of birth?"],
         ["{s} was born in {v}.", "{s} was born in {v} in {y}.", "{s} was born on {d} in {v}.", "Born in {v}, {e} moved to {x} as a child.", "{s} was born and raised in {v}."], place),
        ("born date", ["When was {e} born?", "What is the date of birth of {e}?", "On what day was {e} born?", "What is {e}'s birthday?"],
         ["{s} was born on {v}.", "{s} was born on {v} in {x}.", "{e} (born {v}) is {an} {n} {j}.", "{s} was born in {x} on {v}."], date),
        ("died", ["When did {e} die?", "What is the date of death of {e}?"], ["{s} died on {v}.", "{s} died in {x} on {v}.", "{s} died on {v} at the age of {k}."], date),
        ("died place", ["Where did {e} die?", "In which place did {e} die?", "What is {e}'s place of death?"], ["{s} died in {v}.", "{s} died in {v} in {y}.", "{s} died on {d} in {v}."], place),
        ("spouse", ["Who is {e} married to?", "Who was the spouse of {e}?", "Who did {e} marry?", "Who is {e}'s wife?", "Who was {e}'s husband?"],
         ["{s} married {v} in {y}.", "{s} was married to {v}.", "{s} lived in {x} with {v}, whom {pron} married in {y}."], person),
        ("father", ["Who is the father of {e}?", "Who was {e}'s father?"], ["{s} was the child of {v}, a {j}.", "{pron_cap} father was {v}.", "The father of {e} was {v}."], person),
        ("education", ["Where did {e} study?", "Which university did {e} attend?", "Where was {e} educated?", "What school did {e} go to?"],
         ["{s} studied at the {v}.", "{s} was educated at the {v}.", "{s} attended the {v} until {y}.", "{s} graduated from the {v} in {y}."], lambda r: r.choice(["University of " + place(r), place(r) + " University", place(r) + " College"])),
        ("nationality", ["What is the nationality of {e}?", "What nationality is {e}?"], ["{e} was {an2} {v} {j}.", "{e} is {an2} {v} {j} from {x}.", "{e} ({y}–{y2}) was {an2} {v} {j}."], pick(NATIONS)),
        ("sport", ["What sport does {e} play?", "Which sport is {e} known for?"], ["{s} plays {v}.", "{s} plays {v} for {x}.", "{s} played {v} until {y}."], pick("football tennis cricket rugby hockey basketball golf baseball volleyball chess badminton handball".split())),
        ("award", ["Which award did {e} win?", "What prize did {e} receive?"], ["{s} received the {v} in {y}.", "{s} won the {v}.", "In {y}, {e} was awarded the {v}."], lambda r: proper(r) + r.choice([" Prize", " Medal", " Award"]))]),
    "city": (place, ["It"], ["{e} is a city in {x}.", "{e} is a town on the coast.", "{e} is an old market town.", "{e} lies in the north of the country."], [
        ("population", ["How many people live in {e}?", "What is the population of {e}?", "How many inhabitants does {e} have?", "How big is the population of {e}?"],
         ["{s} has a population of {v}.", "{s} has {v} inhabitants.", "In {y} the population of {e} was {v}.", "About {v} people live in {e}.", "{s} is home to {v} people.", "The city had {v} inhabitants at the {y} census."], count),
        ("country", ["In which country is {e}?", "What country is {e} in?", "Where is {e}?", "Where is {e} located?"], ["{e} is a city in {v}.", "{s} lies in {v}.", "{e} is a town in the south of {v}.", "{e} is the second largest city of {v}."], place),
        ("mayor", ["Who is the mayor of {e}?", "Who governs {e}?"], ["The mayor of {e} is {v}.", "{v} has been the mayor of {e} since {y}.", "Its mayor is {v}."], person),
        ("river", ["On which river does {e} lie?", "Which river flows through {e}?"], ["{s} lies on the river {v}.", "The river {v} flows through {e}.", "{s} was built on the banks of the {v}."], proper),
        ("area", ["What is the area of {e}?", "How large is {e}?"], ["{s} covers an area of {v}.", "{s} has an area of {v}.", "The area of {e} is {v}."], measure(["km²", "square kilometres", "km2", "square miles"], 10, 9000)),
        ("elevation", ["What is the elevation of {e}?", "How high does {e} lie?"], ["{s} lies {v} above the sea.", "The elevation of {e} is {v}.", "{s} is at an altitude of {v}."], measure(["m", "metres", "feet"], 10, 4000)),
        ("founded", ["When was {e} founded?", "In what year was {e} founded?"], ["{s} was founded in {v}.", "{s} was founded by {p} in {v}.", "The town was founded in {v}."], year)]),
    "country": (place, ["It"], ["{e} is a country with a long coast.", "{e} is an island state.", "{e} is a republic.", "{e} is a small kingdom."], [
        ("capital", ["What is the capital of {e}?", "Which city is the capital of {e}?", "Name the capital of {e}."], ["The capital of {e} is {v}.", "Its capital is {v}.", "{v} is the capital of {e}.", "{e} is a country whose capital is {v}.", "The capital and largest city is {v}."], place),
        ("currency", ["What is the currency of {e}?", "Which currency is used in {e}?"], ["The currency of {e} is the {v}.", "Its currency is the {v}.", "People in {e} pay with the {v}."], lambda r: pseudo(r, 1, 2)),
        ("language", ["What is the official language of {e}?", "Which language is spoken in {e}?", "What language do people speak in {e}?"], ["The official language is {v}.", "People in {e} speak {v}.", "The language of {e} is {v}."], lambda r: r.choice(LANGUAGES) if r.random() < 0.6 else proper(r) + "ish"),
        ("population", ["What is the population of {e}?", "How many people live in {e}?"], ["{s} has a population of {v}.", "{s} has {v} inhabitants.", "With {v} people, {e} is one of the smaller states."], count),
        ("president", ["Who is the president of {e}?", "Who leads {e}?"], ["The president of {e} is {v}.", "Its president is {v}.", "{v} has been president of {e} since {y}."], person),
        ("continent", ["On which continent is {e}?", "What continent is {e} part of?"], ["{e} is a country in {v}.", "{s} lies in {v}."], pick(["Africa", "Asia", "Europe", "South America", "North America", "Oceania"])),
        ("area", ["What is the area of {e}?", "How large is {e}?"], ["{s} covers an area of {v}.", "{s} has an area of {v}."], measure(["km²", "square kilometres"], 100, 900000))]),
    "film": (title, ["It"], ["{e} is a film from {y}.", "{e} was shot in {x}.", "{e} was well received.", ""], [
        ("director", ["Who directed {e}?", "Who is the director of {e}?", "Who was the director of the film {e}?"], ["{e} is a {y} film directed by {v}.", "{s} was directed by {v}.", "{v} directed {e}.", "{e} is {an} {n} {g} film directed by {v}."], person),
        ("genre", ["What genre is {e}?", "What is the genre of {e}?", "What kind of film is {e}?"], ["{e} is {an} {n} {v} film.", "{e} is a {y} {v} film directed by {p}."], pick(GENRES[:15])),
        ("released", ["When was {e} released?", "In what year did {e} come out?", "What year was {e} released?"], ["{s} was released in {v}.", "{e} is a {v} film by {p}.", "The film came out in {v}."], year),
        ("producer", ["Who produced {e}?", "Who was the producer of {e}?"], ["{s} was produced by {v}.", "The producer was {v}."], person),
        ("composer", ["Who composed the music of {e}?", "Who wrote the score for {e}?", "Who was the composer of {e}?"], ["The music was composed by {v}.", "{v} wrote the score.", "{s} has music by {v}."], person),
        ("screenwriter", ["Who wrote the screenplay of {e}?", "Who was the screenwriter for {e}?"], ["The screenplay was written by {v}.", "{s} was written by {v} and directed by {p}."], person),
        ("cast", ["Who starred in {e}?", "Who played the main role in {e}?"], ["{s} stars {v}.", "{v} played the main role.", "The main role was played by {v}."], person)]),
    "book": (title, ["It"], ["{e} is a well-known book.", "{e} tells of a family in {x}.", ""], [
        ("author", ["Who wrote {e}?", "Who is the author of {e}?", "Who was the author of {e}?", "By whom was {e} written?"], ["{e} is a novel by {v}.", "{e} is a {y} novel written by {v}.", "{s} was written by {v}.", "{v} wrote {e} in {y}.", "The author of {e} is {v}."], person),
        ("published", ["When was {e} published?", "In which year was {e} published?"], ["{s} was published in {v}.", "{e} is a novel by {p}, published in {v}.", "{s} was first published in {v}."], year),
        ("publisher", ["Who published {e}?", "Who is the publisher of {e}?"], ["{s} was published by {v}.", "{s} was published by {v} in {y}.", "The publisher was {v}."], company_name),
        ("pages", ["How many pages does {e} have?"], ["{s} has {v} pages.", "The first edition had {v} pages."], lambda r: str(r.randint(60, 1200)))]),
    "song": (title, ["It"], ["{e} is a song from {y}.", "{e} reached the charts in {x}.", ""], [
        ("performer", ["Who sang {e}?", "Who performed {e}?", "Who is the singer of {e}?"], ["{e} is a song by {v}.", "{s} was recorded by {v} in {y}.", "{s} was sung by {v}."], person),
        ("genre", ["What is the genre of {e}?", "What genre is {e}?"], ["{e} is {av} {v} song by {p}.", "{e} is {av} {v} album by {p}."], pick(GENRES[15:])),
        ("label", ["Which label released {e}?", "What is the record label of {e}?"], ["{s} was released by {v}.", "{s} came out on {v} in {y}."], lambda r: proper(r) + " Records")]),
    "company": (company_name, ["It", "The company"], ["{e} is a company from {x}.", "{e} has branches in many countries.", ""], [
        ("founder", ["Who founded {e}?", "Who is the founder of {e}?", "Who started {e}?", "By whom was {e} founded?"], ["{s} was founded by {v}.", "{s} was founded in {y} by {v}.", "{v} founded {e} in {y}.", "The founder of {e} is {v}."], person),
        ("founded", ["When was {e} founded?", "In which year was {e} founded?", "When was {e} established?"], ["{s} was founded in {v}.", "{s} was founded by {p} in {v}.", "{s} was established in {v}.", "Founded in {v}, {e} makes {f}."], year),
        ("headquarters", ["Where is {e} based?", "Where are the headquarters of {e}?", "In which city is {e} based?"], ["{s} is based in {v}.", "{s} has its headquarters in {v}.", "The headquarters are in {v}."], place),
        ("industry", ["What does {e} make?", "In which industry is {e} active?"], ["{s} makes {v}.", "{s} is known for {v}.", "{s} sells {v}."], pick(FIELDS)),
        ("employees", ["How many people work for {e}?", "How many employees does {e} have?"], ["{s} has {v} employees.", "{v} people work for {e}.", "{s} employs {v} people."], count),
        ("director", ["Who is the head of {e}?", "Who leads {e}?", "Who is the CEO of {e}?"], ["{s} is led by {v}.", "The chief executive is {v}.", "The CEO of {e} is {v}."], person)]),
    "river": (proper, ["It", "The river"], ["The {e} is a river.", "The {e} is a river in {x}.", "The {e} rises in the hills."], [
        ("length", ["How long is the {e}?", "What is the length of the {e}?", "How long is the river {e}?"], ["{t} is {v} long.", "{t} has a length of {v}.", "With a length of {v}, the {e} is a long river.", "{t} flows for {v}."], measure(["km", "kilometres", "miles"], 40, 6000)),
        ("source", ["Where does the {e} rise?", "What is the source of the {e}?"], ["{t} rises in {v}.", "{t} has its source near {v}."], place),
        ("mouth", ["Where does the {e} end?", "Into what does the {e} flow?"], ["{t} flows into the {v}.", "{t} ends in the {v}."], lambda r: proper(r) + r.choice([" Sea", " Bay", ""])),
        ("country", ["Through which country does the {e} flow?", "In which country is the {e}?"], ["The {e} is a river in {v}.", "{t} flows through {v}."], place)]),
    "mountain": (lambda r: r.choice(["Mount ", "Mount ", "Pico ", ""]) + proper(r), ["It", "The mountain"], ["{e} is a mountain.", "{e} stands in the east of {x}."], [
        ("height", ["How high is {e}?", "What is the height of {e}?", "How tall is {e}?", "What is the elevation of {e}?"], ["{s} is {v} high.", "{s} has a height of {v}.", "{s} rises to {v}.", "The top of {e} is at {v}."], measure(["m", "metres", "feet"], 300, 8800)),
        ("range", ["In which mountain range is {e}?", "To which range does {e} belong?"], ["{s} is part of the {v}.", "{s} belongs to the {v}."], lambda r: proper(r) + r.choice([" Range", " Mountains", " Alps"])),
        ("first climbed", ["Who first climbed {e}?", "Who was the first to climb {e}?"], ["{s} was first climbed by {v} in {y}.", "The first ascent was made by {v}."], person)]),
    "building": (lambda r: (proper(r) if r.random() < 0.6 else place(r)) + r.choice([" Tower", " Bridge", " Castle", " Palace", " Cathedral", " Hall", " Museum"]), ["It"], ["{e} is a landmark of {x}.", "Many people visit {e} every year."], [
        ("architect", ["Who designed {e}?", "Who was the architect of {e}?", "Who built {e}?"], ["{s} was designed by {v}.", "{s} was designed by {v} in {y}.", "The architect was {v}."], person),
        ("height", ["How tall is {e}?", "How high is {e}?", "What is the height of {e}?"], ["{s} is {v} tall.", "{s} is {v} high.", "{s} has a height of {v}."], measure(["m", "metres", "feet"], 20, 900)),
        ("opened", ["When was {e} opened?", "When was {e} completed?", "In which year was {e} built?"], ["{s} was completed in {v}.", "{s} was opened in {v}.", "{s} was built in {v}."], year),
        ("location", ["Where is {e}?", "In which city is {e}?", "Where can {e} be found?"], ["{e} stands in {v}.", "{s} is in {v}.", "{e} is a landmark in {v}."], place)]),
    "thing": (lambda r: pseudo(r, 2, 3) if r.random() < 0.6 else r.choice(["red ", "great ", "common ", "dwarf "]) + r.choice(ANIMALS), ["It"], ["The {e} is found in {x}.", "The {e} is rare.", "The {e} is common in {x}."], [
        ("colour", ["What colour is the {e}?", "What is the color of the {e}?", "Which colour does the {e} have?"], ["{t} is {v}.", "The colour of the {e} is {v}.", "{t} has a {v} skin.", "{t} is known for its {v} feathers."], pick(COLOURS)),
        ("food", ["What does the {e} eat?", "What do {e}s eat?"], ["{t} eats {v}.", "{t} feeds on {v}.", "{t} lives on {v}."], pick("leaves grass seeds insects fish fruit worms nuts mice roots frogs berries algae".split())),
        ("weight", ["How heavy is the {e}?", "How much does the {e} weigh?"], ["{t} weighs {v}.", "{t} has a weight of {v}."], measure(["kg", "g", "grams", "pounds"], 2, 900)),
        ("inventor", ["Who invented the {e}?", "Who discovered the {e}?"], ["{t} was invented by {v}.", "{t} was discovered by {v} in {y}."], person)]),
}
# Asked for the first, a passage does not also state the others, whose sentences hold a rival answer.
RIVALS = {
    "occupation": ["nationality", "born date", "died"], "nationality": ["occupation", "born date"], "born date": ["occupation", "born place", "died"], "born place": ["occupation", "born date"],
    "died": ["occupation", "died place"], "died place": ["died"], "director": ["genre", "released", "screenwriter"], "genre": ["director", "performer"], "released": ["director", "genre"],
    "screenwriter": ["director"], "performer": ["genre"], "author": ["published"], "published": ["author", "publisher"], "founder": ["founded"], "founded": ["founder", "published"], "opened": ["architect"],
    "architect": [], "country": ["continent"], "continent": []}
NO_INTRO = {"country", "source", "location", "released", "published", "range", "headquarters", "continent"}
LOOSE = """anthem motto flag patron symbol leader owner captain coach editor sponsor mascot logo slogan host founder price speed depth width age size
distance temperature number code address phone team club party church religion instrument voice editor chairman king queen ruler prophet god
landmark harbour airport station dish drink crop metal fuel engine crew name nickname title rank unit formula value target""".split()
LOOSE_ASK = ["What is the {k} of {e}?", "What is {e}'s {k}?", "What was the {k} of {e}?", "Tell me the {k} of {e}.", "Which is the {k} of {e}?", "Who is the {k} of {e}?", "Give the {k} of {e}."]
LOOSE_SAY = ["The {k} of {e} is {v}.", "The {k} of {e} was {v}.", "Its {k} is {v}.", "{v} is the {k} of {e}.", "{e} has {v} as its {k}.", "{e} has the {k} {v}."]
FILLER = ["It is a quiet place.", "Much has been written about it.", "The weather there is mild.", "Visitors come in summer.", "The records were lost in a fire.", "A museum was opened in {y}.",
          "In {y} a new road was built.", "{p} wrote about it in {y}.", "There is a statue of {p} in {x}.", "It was rebuilt after {y}.", "The archive is kept in {x}.", "A film about it was made in {y}."]


def an(text):
    return "an" if text[:1].lower() in "aeiou" else "a"


def fill(r, text, e, v, pronoun):
    nation, job_ = r.choice(NATIONS), r.choice(JOBS)
    subject = e if r.random() < 0.5 else pronoun
    possessive = {"He": "his", "She": "her"}.get(pronoun, "its")
    lead = text.startswith("{s}") or text.startswith("{t}")
    values = {"e": e, "v": v, "s": subject if lead else e, "t": (subject if subject != e else "The " + e) if lead else "the " + e, "n": nation, "an": an(nation), "av": an(v), "an2": an(v),
              "y": year(r), "y2": year(r), "d": date(r), "x": place(r), "x2": place(r), "p": person(r), "j": job_, "k": str(r.randint(20, 99)), "g": r.choice(GENRES[:12]), "f": r.choice(FIELDS),
              "pron": pronoun.lower(), "pron_pos": possessive, "pron_cap": capital(possessive)}
    text = text.format(**values)
    return text[:1].upper() + text[1:]


def passage(r, kind, e, relation, v, length, told=None):
    """Title: text, about `e`; says `relation` = `v` unless v is None, and other things, which `told` gathers."""
    _, pronouns, intros, relations = KINDS[kind]
    pronoun = r.choice(pronouns)
    keys = {relation[0], *RIVALS.get(relation[0], [])}
    others = [x for x in relations if x[0] not in keys]
    out = []
    for other in r.sample(others, min(len(others), length)):
        value = other[3](r)
        out.append(fill(r, r.choice(other[2]), e, value, pronoun))
        if told is not None:
            told.append((other, value))
    if r.random() < 0.35:
        out.append(fill(r, r.choice(FILLER), e, "", pronoun))
    if v is not None:
        out.insert(r.randint(0, len(out)), fill(r, r.choice(relation[2]), e, v, pronoun))
    intro = r.choice(intros)
    if intro and relation[0] not in NO_INTRO and r.random() < 0.5:
        out.insert(0, fill(r, intro, e, "", pronoun))
    return clip(f"{capital(e)}: " + " ".join(out))


def clip(text):
    data = text.encode()[:PASSAGE_MAX]
    return data.decode(errors="ignore")


DONE = """painted carved discovered translated edited owned bought sold burned conquered rescued sponsored taught crowned arrested hired trained defeated photographed recorded
repaired restored named described buried baptised honoured adopted banned stolen drawn planned funded coached elected appointed attacked visited ruled guarded modelled tested""".split()


def loose_verb(r):
    """A relation that is only a verb."""
    verb = r.choice(DONE) if r.random() < 0.7 else pseudo(r, 1, 2) + "ed"
    kind = r.random()
    if kind < 0.5:
        return verb, [f"Who {verb} {{e}}?", f"By whom was {{e}} {verb}?", f"Who was {{e}} {verb} by?", f"Which person {verb} {{e}}?", f"{{e}} was {verb} by whom?", f"Who has {verb} {{e}}?"], [
            f"{{s}} was {verb} by {{v}}.", f"{{v}} {verb} {{e}}.", f"{{s}} was {verb} by {{v}} in {{y}}."], person
    if kind < 0.75:
        return verb, [f"Where was {{e}} {verb}?", f"In which place was {{e}} {verb}?", f"{{e}} was {verb} where?", f"At what place was {{e}} {verb}?", f"In what town was {{e}} {verb}?"], [
            f"{{s}} was {verb} in {{v}}.", f"{{s}} was {verb} at {{v}} in {{y}}."], place
    return verb, [f"When was {{e}} {verb}?", f"In which year was {{e}} {verb}?", f"{{e}} was {verb} when?", f"In what year did they say {{e}} was {verb}?"], [
        f"{{s}} was {verb} in {{v}}.", f"In {{v}}, {{e}} was {verb}."], year


def loose(r):
    """A relation that is only a noun, so that any noun will do."""
    if r.random() < 0.4:
        return loose_verb(r)
    key = r.choice(LOOSE) if r.random() < 0.6 else pseudo(r, 1, 3) if r.random() < 0.5 else r.choice(ADJECTIVES) + " " + r.choice(LOOSE)
    return key, [q.replace("{k}", key) for q in LOOSE_ASK], [s.replace("{k}", key) for s in LOOSE_SAY], r.choice([person, place, count, proper, title, year])


def draw(r):
    kind = r.choice(list(KINDS)) if r.random() < 0.75 else "person"
    relation = loose(r) if r.random() < 0.2 else r.choice(KINDS[kind][3])
    if kind == "person" and r.random() < 0.3:
        relation = KINDS[kind][3][0]
    return kind, relation, KINDS[kind][0](r)


def roughen(r, text):
    """Ways in which people write: no question mark, lower case, a courtesy."""
    x = r.random()
    if x < 0.08:
        text = text.rstrip("?.")
    elif x < 0.11:
        text = text[:1].lower() + text[1:]
    elif x < 0.14:
        text = r.choice(["Please tell me: ", "Do you know: ", "Quick question: ", "Tell me, ", "Please answer: ", "I wonder: ", "OK, ", "So ", "And ", "Please, "]) + text[:1].lower() + text[1:]
    return text


def plain_passages(r, kind, e, relation, v, told):
    """A passage about `e`, and at times another: about `e` too, or about something else. `told`: what else the first says."""
    value = relation[3]
    long = r.choice([0, 0, 1, 1, 1, 2, 2, 3, 5])
    twin = e if r.random() < 0.25 else KINDS[kind][0](r)
    passages = [passage(r, kind, e, relation, v, long, told)]
    if twin == e:
        told.clear()  # the second may say it again, and otherwise
        passages.append(passage(r, kind, e, relation, None, r.randint(min(1, long), long)))
    elif r.random() < 0.9:
        other = kind if r.random() < 0.8 else r.choice(list(KINDS))
        passages.append(passage(r, other, twin if other == kind else KINDS[other][0](r), relation if other == kind else KINDS[other][3][0], value(r) if other == kind and r.random() < 0.7 else None, r.randint(min(1, long), long)))
    return passages


# Relations that the lives of encyclopedia.py can state.
LIVES = {"occupation", "nationality", "spouse", "education", "award", "born place", "father"}
DRAWS = {"proper": proper, "nation": lambda r: r.choice(NATIONS), "date": date, "year": year, "place": place, "person": person, "job": lambda r: r.choice(JOBS), "title": title}


def life(r, e, relation, v, lead=True, length=10, more=()):
    """One passage: whole sentences, as many as fit; says the relations and values of `more` too."""
    key = relation[0]
    rivals = {*RIVALS.get(key, []), *(other[0] for other, _ in more)}
    low = r.choice([0, 1, 2, 4, 6])
    sentences, stated = biography(r, e, key, v, rivals, DRAWS, low, max(low, length), lead)
    if v is not None and not stated:
        sentences.insert(r.randint(0, min(4, len(sentences))), fill(r, r.choice(relation[2]), e, v, r.choice(["He", "She"])))
    for other, value in more:
        sentences.insert(r.randint(min(1, len(sentences)), len(sentences)), fill(r, r.choice(other[2]), e, value, r.choice(["He", "She"])))
    text = e + ":"
    for sentence in sentences:
        if len(f"{text} {sentence}".encode()) > PASSAGE_MAX:
            break
        text += " " + sentence
    return text


SIDE = {"spouse", "education", "award", "father"}  # relations that a lead never hints at


def lives(r, e, relation, v, told):
    side = [x for x in KINDS["person"][3] if x[0] in SIDE and x[0] != relation[0]]
    told += [(x, x[3](r)) for x in r.sample(side, r.choice([0, 1, 2, 3]))]
    passages = [life(r, e, relation, v, length=r.choice([1, 3, 6, 10]), more=told)]
    x = r.random()
    if x < 0.35:  # more of the same life
        passages.append(life(r, e, relation, None, lead=False))
        told.clear()
    elif x < 0.95:  # a namesake, or anyone
        other = f"{r.choice(NAMES)} {e.split(' ')[-1]}" if x < 0.55 else f"{e.split(' ')[0]} {proper(r)}" if x < 0.75 else person(r)
        passages.append(life(r, other, relation, relation[3](r) if r.random() < 0.8 else None, length=r.choice([1, 3, 6, 10])))
    return passages


def sample(r, progress=1.0):
    kind, relation, e = draw(r)
    key, questions, _, value = relation
    text = roughen(r, ask(r, key, questions, e))
    c = Context(substitute(ASK, {"1": text})).frame(f"RETRIEVE {quote(e + ' ' + key)} k=2")
    x = r.random()
    if r.random() < 0.4:
        return c
    if x < 0.05:
        return c.ret(r.choice(FAILURES)).frame('EXIT "?"')
    if x < 0.07:
        return c.ret("").frame('EXIT "?"')
    v = value(r)
    known = r.random() < 0.9
    told = []
    if kind == "person" and key in LIVES and r.random() < 0.6:
        passages = lives(r, e, relation, v if known else None, told)
    else:
        passages = plain_passages(r, kind, e, relation, v if known else None, told)
    if r.random() < 0.3:
        r.shuffle(passages)
    c.ret(" ".join(quote(p) for p in passages))
    text = " ".join(passages)
    c.frame(f"EXIT {quote(v if known and v in text else '?')}")
    return further(r, c, e, {key}, told, text)


def further(r, c, e, keys, told, text):
    """More questions of the same passages: many spans for the price of one long context."""
    keys |= {relation[0] for relation, _ in told}
    for (key, questions, _, _), v in r.sample(told, min(len(told), 3)):
        if v in text and key not in NO_INTRO and not keys & set(RIVALS.get(key, [])):
            c.text(substitute(ASK, {"1": ask(r, key, questions, e)})).frame(f"EXIT {quote(v)}")
    return c


FAMILIES = {"fact": (sample, 3.5)}
