"""Writes userland/models/eval/{inside,outside}.jsonl: questions in wording that no generator uses.

The templates here are for measuring only; nothing of this file enters the training data.
"""
import json
from pathlib import Path

from words import rng

OUT = Path(__file__).resolve().parent.parent / "eval"
PEOPLE = ["Amelia Hartley", "Tobias Lindqvist", "Rosalind Okafor", "Desmond Fairweather", "Yevgenia Sokolova", "Bartholomew Quill", "Marisol Vega", "Kwame Boateng", "Ottoline Pryce", "Hiroshi Tanabe"]
CITIES = ["Lowestoft", "Tampere", "Arequipa", "Bergamo", "Duluth", "Kumasi", "Nagano", "Galway", "Antalya", "Cuenca"]
LANDS = ["Bhutan", "Moldova", "Suriname", "Lesotho", "Estonia", "Brunei", "Malawi", "Paraguay"]
FILMS = ["The Glass Harbour", "Midnight Orchard", "Seven Quiet Rooms", "Paper Lanterns", "The Last Cartographer"]
BOOKS = ["The Salt Ledger", "A Winter of Swans", "The Clockmaker's Niece", "Letters from Tarsus", "Blue Meridian"]
FIRMS = ["Halberd Optics", "Norwind Ferries", "Castellan Bank", "Quillon Foods", "Umbra Textiles"]
RIVERS = ["Neckar", "Tagus", "Murray", "Orinoco", "Dordogne"]
PEAKS = ["Mount Elbert", "Pico Duarte", "Monte Rosa", "Ben Macdui", "Mount Cook"]
KIDS = ["Nadia", "Rupert", "Imani", "Casper", "Lotte", "Gideon", "Beatrix", "Tariq"]
THINGS = ["acorns", "postcards", "seashells", "walnuts", "paintbrushes", "lanterns", "thimbles", "tulip bulbs"]

CALC = [
    "{k} planted {a} {t} last spring and {b} this spring. How many {t} did {k} plant altogether?",
    "A jar contained {b2} {t}. {k} took out {b} of them. How many {t} stayed in the jar?",
    "There are {a} {t} on the shelf. If {k} places {b} more beside them, how many will be on the shelf?",
    "{k} needs {b2} {t} for a project but has only {b}. How many more must {k} find?",
    "A baker fills {s} trays with {m} rolls apiece. How many rolls did the baker bake?",
    "{k} handed out {p} {t} evenly to {m} classmates. How many did every classmate receive?",
    "Last week the museum had {a} visitors; this week it had {b} visitors. How many visitors came over both weeks?",
    "{k} weighs {b2} pounds and {k2} weighs {b} pounds. How much heavier is {k} than {k2}?",
    "Each ticket to the fair is {m} dollars. {k} bought {s} tickets. What did the tickets cost altogether?",
    "A farmer gathered {a} eggs at dawn and another {b} at dusk. How many eggs were gathered that day?",
    "{k} scored {b2} goals this season, which is {b} more than {k2}. How many goals did {k2} score?",
    "{k} typed {m} words each minute for {s} minutes. How many words did {k} type?",
    "A rope of {b2} feet is cut, and {b} feet are used. What length of rope remains?",
    "A bus carries {b2} passengers. At the stop {b} get off. How many passengers are still on the bus?",
    "{k} picked {a} berries, ate {c}, then picked {b} more. How many berries does {k} have at the end?",
    "{k} bought {s} boxes of {m} crayons and lost {c} crayons. How many crayons are left?",
    "What is the result of {a} plus {b}?", "Please compute {b2} minus {b}.", "What would {s} multiplied by {m} be?", "If you take {b} from {b2}, what remains?",
]
FACT = [
    ("What line of work was {p} in?", PEOPLE), ("What trade did {p} practise?", PEOPLE), ("In what town was {p} born?", PEOPLE), ("Which year saw the birth of {p}?", PEOPLE), ("Who was {p}'s spouse?", PEOPLE),
    ("At which university was {p} a student?", PEOPLE), ("What is {p}'s profession?", PEOPLE), ("Where did {p} pass away?", PEOPLE), ("What is {p} known for doing as a job?", PEOPLE), ("What was the job of {p}?", PEOPLE),
    ("What's the population of {p}?", CITIES), ("How many residents does {p} have?", CITIES), ("What is the number of inhabitants of {p}?", CITIES), ("Who is mayor in {p}?", CITIES), ("{p} lies in which country?", CITIES),
    ("What city is the capital of {p}?", LANDS), ("Which currency do they use in {p}?", LANDS), ("What is the national language of {p}?", LANDS), ("Who is president of {p}?", LANDS),
    ("Who was {p} directed by?", FILMS), ("Which person directed the movie {p}?", FILMS), ("In which year did {p} premiere?", FILMS), ("Who is the novelist behind {p}?", BOOKS), ("Who penned {p}?", BOOKS), ("What year was {p} first published?", BOOKS),
    ("Who set up {p}?", FIRMS), ("What year was {p} established?", FIRMS), ("Where does {p} have its headquarters?", FIRMS), ("What is the length of the river {p}?", RIVERS), ("Into which sea does the {p} flow?", RIVERS),
    ("What height does {p} reach?", PEAKS), ("How tall is the mountain {p}?", PEAKS)]
PARTS = [
    ("How many more inhabitants does {a} have than {b}?", CITIES), ("Does {a} or {b} have the larger population?", CITIES), ("What is the population of {a} and {b} combined?", CITIES), ("Which of {a} and {b} has more people?", CITIES),
    ("By how much is the {a} longer than the {b}?", RIVERS), ("Which of the two is the longer river, the {a} or the {b}?", RIVERS), ("What do the lengths of the {a} and the {b} add up to?", RIVERS),
    ("By how many metres is {a} higher than {b}?", PEAKS), ("Which peak is higher, {a} or {b}?", PEAKS), ("How many years later than {a} was {b} founded?", FIRMS), ("Which firm is older, {a} or {b}?", FIRMS),
    ("How many years later than {a} did {b} come out?", FILMS), ("Which book appeared first, {a} or {b}?", BOOKS), ("Which of the books {a} and {b} has more pages?", BOOKS), ("How many years before {a} was {b} published?", BOOKS)]
LOGIC = [
    "Every {n1} is a {n2}. {P} is a {n1}. Is the following statement true or false? {P} is a {n2}.",
    "{P} is {a1}. All {a1} people are {a2}. If someone is {a2} then they are {a3}. Based on the above information, is the following statement true, false, or unknown? {P} is {a3}.",
    "{N1}s are {n2}s. Each {n2} is not {a1}. {P} is a {n1}. True or false: {P} is {a1}.",
    "The cat chases the mouse. If something chases the mouse then it is {a1}. {A1} things are {a2}. Is the cat {a2}?",
    "{P} is {a1}. {P} is not {a2}. If {P} is {a1} and {P} is not {a2} then {P} is {a3}. Can it be said that {P} is {a3}?",
    "{A1}, {a2} people are {a3}. {P} is {a2}. {P} is {a1}. Question: is {P} {a3}, yes or no?",
]
STORED = [
    "# begin\nSet total to 0.\n# step\nAdd {m} to total.\n# finish\nExit with total.", "Please run these instructions.\n# top\nSet x to {a}.\n# end\nPrint {a}.",
    "# main\nCopy alpha to beta.\n# out\nPrint done.", "Here are some instructions to carry out:\n# loop\nDecrement n.\n# test\nJump to loop when n holds something.", "# first\nWrite hello to greeting.\n\n# second\nStop."]
OUTSIDE = """Compose a lullaby for a tired astronaut.|Draft a resignation letter for a zookeeper.|I'd love a sonnet on rust and autumn leaves.|Pen a villanelle in the voice of a lighthouse.|Make me a rap about doing the laundry.|Come up with a slogan for a shoe shop.|Could you make up a bedtime tale with a shy dragon in it?
Give me an acrostic on the word HARBOUR.|Craft a toast for my cousin's birthday.|Put together a cover letter for a baker.|Turn the phrase "see you soon" into Icelandic.|What's Portuguese for umbrella?|Render this into Hungarian: we arrived before dawn.|How would a Norwegian say thank you?|I need this in Vietnamese: where is the station?
Condense the following into one line: the ship sank because nobody watched the pumps.|TL;DR of the article above?|Boil this paragraph down for me: the harvest failed and the town was hungry.|Polish my sentence: me and him goes to shop.|Is this grammatical: she don't knows?|How come leaves turn red in the fall?|For what reason do cats purr?
Why does bread rise?|Why do we yawn when others yawn?|Why won't my computer start?|Why is the ocean salty?|What causes rainbows?|How do vaccines protect us?|How does a submarine dive?|What is the trick to perfect pancakes?|How might I get a stain out of wool?|How do I change a bicycle tyre?|How can we stop climate change?|What is the recipe for lentil soup?
Teach me to juggle.|Show me how to fold a paper crane.|Walk me through making sourdough.|I can't fall asleep, any tips?|What would you cook for six guests?|My plants keep dying, what am I doing wrong?|How should I prepare for a job interview?|Which laptop would you recommend for a student?|Where is a good place to eat sushi tonight?
What should I name my puppy?|Do you think pineapple belongs on pizza?|What's your take on modern architecture?|Is honesty always the best policy?|Which is more beautiful, dawn or dusk?|In your view, was the revolution justified?|Who was the greatest painter of all time?|Are cats smarter than dogs?|Should children have phones?|Is free will an illusion?
What is consciousness?|Does the universe have an edge?|Can machines think?|What lies beyond death?|What is time, really?|Will it be sunny on Saturday?|Do I need an umbrella this afternoon?|What's the forecast for the weekend?|Is it cold outside?|How hot will it get today?|Good evening!|Hey there, friend.|What's up?|Howdy.|Nice weather, isn't it?
Are you conscious?|What's your name, by the way?|Who created you?|Do you ever get tired?|Can you feel pain?|What do you do for fun?|I'm feeling lonely.|You seem clever.|Thanks a lot, that helped.|Never mind, forget it.|Goodbye for now.|Knock knock.|Got any good jokes about plumbers?|Say something witty.|Tell me a riddle about shadows.|Cheer me up.
Write a bash one-liner that counts files.|Give me a regular expression for email addresses.|Implement quicksort in Rust.|How do I reverse a linked list in C++?|Explain what a mutex is.|What does this do: lambda x: x * 2|Why does my loop never end?|Can you review my pull request?|Convert this CSV into JSON.|Center a div with CSS.|Fix this: prnt("hi")|Optimise my SQL query.
Explain the theory of relativity like I'm five.|Contrast Stoicism with Epicureanism.|Discuss the causes of the French Revolution.|Outline the arguments for a basic income.|Analyse the symbolism of the green light.|What can we learn from the fall of Rome?|Evaluate the impact of railways on trade.|Describe a sunset to someone who cannot see.|Tell me about the culture of the Vikings.
Paint me a watercolour of a fjord.|Dim the lights in the bedroom.|Wake me at seven.|Add milk to my shopping list.|Text my sister that I'm late.|Book me a table for two.|Reserve a seat on the night train.|Skip this song.|Turn the volume up.|Take a selfie.|Order more printer ink.|Cancel my subscription.|What's on my calendar?|Find my keys.|Navigate home.
Let's role-play: you are a grumpy innkeeper.|Imagine a world without numbers.|Suppose the moon vanished. What then?|If animals could vote, who would win?|Would you rather fly or be invisible?|What superpower would you pick?|Invent a holiday and its customs.|Dream up a new flavour of ice cream.|Predict next year's fashion.|Guess which hand holds the coin.|Roleplay as my grandmother.
How do I tell my boss I'm leaving?|My friend is angry with me. What now?|Is it too late to say sorry?|How do I get over a breakup?|Am I a bad person?|Should I quit my job?|How do I make new friends?|What's the meaning of the proverb a stitch in time?|What's another way to say hungry?|Use the word serendipity in a sentence.|Does orange rhyme with anything?|Is irregardless a word?
What are the side effects of coffee?|Is chocolate bad for dogs?|How much water should I drink?|Do I have the flu?|Which exercises help a sore back?|Can I sue my landlord?|Is my contract valid?|How do taxes work?|Should I invest in gold?|How do I save for a house?|What's a good budget for a wedding?|Sort these by colour: sky, grass, coal.|Label the tone of this message: fine, whatever.
Give three synonyms for quick.|List reasons to visit the coast.|Brainstorm names for a bakery.|Rank these desserts: pie, cake, flan.|Fill in the blank: the early bird catches the ...|Finish my joke: a horse walks into a bar.|Unscramble these letters: tca.|Write the alphabet backwards.|Make an anagram of listen.|What is funnier than a clown?|Blah blah blah.|hmm|lol|qwerty uiop|...|Sure, why not.
Oh no!|I see.|Tell me more.|That was unexpected.|Why?|How so?|Says who?|Prove it.|What else?|Make it shorter.|Try again, but happier.|In what way?|Elaborate, please.|Give an example.|Can you repeat that?|I disagree with you.|That's wonderful news!|Ode to my toaster, please.|How do magnets attract each other?|Swap my shift with Omar's.|Do fish sleep?|What do you make of abstract painting?|Where did I leave my glasses?
What's cooking?|Hum a tune for me.|Is a hotdog a sandwich?|How would you explain snow to a camel?|Who left the milk out?""".replace("\n", "|").split("|")


def inside():
    r = rng(424242)
    out = []
    for i in range(70):
        m, s = r.randint(3, 24), r.randint(3, 15)
        b, c = r.randint(12, 90), r.randint(2, 9)
        k, k2 = r.sample(KIDS, 2)
        text = CALC[i % len(CALC)].format(k=k, k2=k2, t=r.choice(THINGS), a=r.randint(12, 400), b=b, b2=b + r.randint(5, 300), c=c, m=m, s=s, p=m * r.randint(3, 20))
        out.append((text, "calc"))
    for i in range(64):
        text, pool = FACT[i % len(FACT)]
        out.append((text.format(p=r.choice(pool)), "fact"))
    for i in range(30):
        text, pool = PARTS[i % len(PARTS)]
        a, b = r.sample(pool, 2)
        out.append((text.format(a=a, b=b), "parts"))
    for i in range(24):
        n1, n2 = r.sample(["wumpus", "lorpus", "marble", "spaniel", "grimpus", "sailboat"], 2)
        a = r.sample(["bright", "rough", "gentle", "round", "drowsy", "metallic"], 3)
        text = LOGIC[i % len(LOGIC)].format(P=r.choice(KIDS), n1=n1, n2=n2, N1=n1.capitalize(), a1=a[0], a2=a[1], a3=a[2], A1=a[0].capitalize())
        out.append((text, "logic"))
    for i in range(12):
        out.append((STORED[i % len(STORED)].format(m=r.randint(2, 9), a=r.randint(10, 99)), "stored"))
    return out


def main():
    OUT.mkdir(exist_ok=True)
    sets = {"inside": inside(), "outside": [(q, "outside") for q in OUTSIDE]}
    for name, rows in sets.items():
        lines = [json.dumps({"question": q, "kind": kind}, ensure_ascii=False) + "\n" for q, kind in rows]
        (OUT / f"{name}.jsonl").write_text("".join(lines))
        print(name, len(rows))


if __name__ == "__main__":
    main()
