"""Family 4d: logic puzzles → EXEC logic, stored programs → EXEC stored, anything else → EXIT "?"."""
import isa
import logic
from ask_facts import ASK, person, place, title
from phrasing import open_request
from render import Context, substitute
from words import ADJECTIVES, ANIMALS, ITEMS, NOUNS, adjective, capital, name, plural, pseudo

# {t} a topic, {T} several words on a topic, {p} a person, {x} a place, {a} an adjective, {n} a noun, {i} items, {l} a language, {w} a title, {k} a number
OUTSIDE = """Write a poem about {t}.|Write a {a} poem about {t}.|Write a short story about {t}.|Write a song about {t}.|Write a haiku on {t}.|Write me a letter to {p}.|Write an essay on {t}.|Write an email to my boss about {t}.
Write a limerick about {a} {i}.|Write a speech for a wedding.|Write a story in which {p} meets a {n}.|Write a review of {w}.|Write a tweet about {t}.|Write a blog post about {t}.|Compose a rhyme on {t}.|Make up a fairy tale about a {a} {n}.
Tell me a joke.|Tell me a joke about {t}.|Tell me a story.|Tell me a story about {t}.|Tell me something funny.|Tell me about yourself.|Tell me a secret.|Tell me your favourite colour.|Make me laugh.|Sing me a song.|Entertain me.
Translate "{T}" into {l}.|Translate this into {l}: {T}|How do you say "{t}" in {l}?|What does "{t}" mean in {l}?|Say good morning in {l}.|Please translate the next line into {l}: {T}|What is the {l} word for {t}?|Put this into {l}: {T}
Summarise this text: {T}|Summarise the plot of {w}.|Summarize the following: {T}|Give me a summary of {t}.|Shorten this: {T}|Rewrite this more politely: {T}|Rephrase: {T}|Correct the grammar: {T}|Fix the spelling of {t}.|Paraphrase the sentence "{T}".
Why is the sky blue?|Why do {i} fall down?|Why are {i} {a}?|Why do people like {t}?|Why is {t} so {a}?|Why does {p} like {t}?|Why did the {n} cross the road?|Why can {i} not speak?|Why should I learn about {t}?|Why do we need {t}?|Why does ice float?
How does a {n} work?|How do I fix my {n}?|How do I make {i}?|How do I cook {i}?|How can I learn {l}?|How can I sleep better?|How can I get rich?|How do {i} grow?|How do I write a good {n}?|How should I talk to {p}?|How do I get from {x} to {x2}?|How are you?|How are you today?
How do you feel?|How old are you?|How can I become a {n}?|How do I clean my {i}?|How do I learn to play the violin?|How would you describe {t}?|How is {t} made?|How does {t} affect {t2}?|How do I tie a knot?|How do I install this program?
What do you think of {t}?|What do you think about {p}?|What is your opinion on {t}?|What is your name?|What is your favourite {n}?|What should I eat today?|What should I wear tomorrow?|What should I do about {t}?|What can you do?|What are you doing?|What would happen if {i} could talk?
What is the best way to learn {t}?|What is the meaning of life?|What makes a good {n}?|What will the weather be like tomorrow?|What is the weather like in {x}?|What is love?|What is {t}?|What are {i} good for?|What are the pros and cons of {t}?|What are some ideas for {t}?|What do {i} and {t} have in common?
What does it feel like to be a {n}?|What is the difference between {t} and {t2}?|What happened today?|What is new?|What time is it in {x}?|What would you do with a {a} {n}?|What rhymes with {t}?|What is a synonym of {a}?|What is the opposite of {a}?|What is the plural of {n}?|What are the steps to build a {n}?
Is it going to rain in {x} tomorrow?|Is {t} better than {t2}?|Is {t} {a}?|Is it wrong to lie?|Is there life on Mars?|Is {p} a good person?|Is my {n} {a}?|Are you a robot?|Are you real?|Are you {a}?|Are {i} {a}?|Are there {a} {i}?|Am I {a}?|Can you help me with {t}?|Can {i} fly?|Can you sing?|Can I trust you?
Can you recommend a book about {t}?|Can you write code?|Can you explain {t}?|Could you draw a {n}?|Could you write a poem?|Could we meet tomorrow?|Do you like {t}?|Do you like {i}?|Do you love me?|Do you believe in {t}?|Do you have a {n}?|Do you know a good joke?|Do you speak {l}?|Do {i} dream?
Should I buy {i}?|Should I learn {l}?|Should I marry {p}?|Should we go to {x}?|Would you rather be a {n} or a {n2}?|Would you like to dance?|Will it snow tomorrow?|Will I be rich?|Will {p} win?|Who are you?|Who made you?|Who is your best friend?|Who would win, a {n} or a {n2}?|Who should I vote for?
Who is better, {p} or {p2}?|Who do you like more?|Where should I go on holiday?|Where can I buy {i}?|Where do you live?|Where are my {i}?|When should I plant {i}?|When will you be ready?|When is the best time to visit {x}?|Which is better, {t} or {t2}?|Which {n} should I buy?|Which do you prefer, {i} or {t}?
Explain {t}.|Explain {t} to a child.|Explain how a {n} works.|Explain why {i} are {a}.|Explain the idea of {t} in simple words.|Describe {t}.|Describe a {a} {n}.|Describe your day.|Describe the taste of {i}.|Discuss {t}.|Discuss the role of {t} in {t2}.|Compare {t} and {t2}.|Compare {i} with {t}.|Argue for {t}.|Argue against {t}.
Give me advice about {t}.|Give me a recipe for {i}.|Give me ideas for a party.|Give me three tips for {t}.|Give me feedback on my {n}.|Give some reasons for {t}.|Suggest a name for my {n}.|Suggest a gift for {p}.|Suggest a film for tonight.|Recommend a {a} restaurant in {x}.|Recommend me some music.|Plan a trip to {x}.|Plan my week.|Plan a party for {p}.
Help me with my homework.|Help me write a letter.|Help me choose a {n}.|Help me plan a trip to {x}.|Help!|Help me please.|Hello|Hello!|Hi there.|Hi, how are you?|Good morning.|Good night!|Thanks.|Thank you very much!|Bye.|See you later.|You are {a}.|I am {a}.|I am bored.|I feel {a} today.|I like {t}.|I love you.|I need help with {t}.|I want to learn {l}.
I have a headache, what should I do?|I do not understand {t}.|My {n} is {a}.|My {n} does not work.|My {n} is broken, how do I repair it?|Nice to meet you.|Let us talk about {t}.|Let us play a game.|Play some music.|Play chess with me.|Turn on the light.|Set an alarm for {k} o'clock.|Remind me to buy {i}.|Call {p}.|Send a message to {p}.|Book a flight to {x}.
Order a pizza.|Open the door.|Show me a picture of a {n}.|Draw a {a} {n}.|Paint a picture of {t}.|Design a logo for {w}.|Create a poster about {t}.|Generate an image of {x} at night.|Imagine you are a {n}.|Pretend to be {p}.|Act as a {n}.|Be my {n}.|Guess my name.|Guess what I am thinking.
Write a program that sorts {i}.|Write a Python function for {t}.|Write code that prints {t}.|Write a shell script to delete files.|Write an SQL query for all {i}.|Debug this code: {c}|What does this code do? {c}|Fix the bug in {c}|Convert this code to Java: {c}|Implement a stack in C.|Refactor this function: {c}|Explain this code: {c}
List some {a} {i}.|List ten ideas about {t}.|List the advantages of {t}.|Name three {a} things.|Name some things that are {a}.|Think of a {a} word.|Think about {t}.|Invent a new {n}.|Invent a word for {t}.|Continue the story: {T}|Finish this sentence: {T}|Complete: {T}|Repeat after me: {T}|Spell {t} backwards.|Count the letters in {t}.
Classify this text: {T}|Is this review positive or negative? {T}|What is the mood of this text? {T}|Extract the names: {T}|Find the verbs in: {T}|Make a table of {i}.|Make a list of {a} {i}.|Make a plan for {t}.|Rate my {n}.|Rank {i} by taste.|Predict the price of {i}.|Predict who will win.|Prove that {t} exists.|Prove the theorem of {p}.|Solve the riddle: {T}|Solve my problem with {t}.
{T}|{T}?|{t}|{t} and {t2}|{a} {i}!|asdf|???|ok|yes|no|Really?|What?|And then?|Go on.|Never mind.|Stop talking.|You are wrong.|That is {a}.|Wow, {t}!|Maybe {t}?|Let me think about {t}.|Tell {p} that I am {a}.|What if {t} were {a}?|What did you dream of?|What do {i} say?|What is on your mind?|How come {i} are {a}?|Whose fault is it?
Please write something about {t}.|Please explain {t}.|Please describe {x} in spring.|Please be {a}.|Please help me with {t}.|Please sort my {i}.|Could you tell me about {t}?|Could you explain why {i} are {a}?|I would like to know more about {t}.|What do people say about {p}?|What is it like to live in {x}?|What is so {a} about {t}?|Do people in {x} like {t}?|How was your day?
What do I need for {t}?|How do {i} differ from {t}?|What are your thoughts on {t} and {t2}?|What is the point of {t}?|What is the secret of {t}?|What is the future of {t}?|What is the purpose of {t}?|How important is {t}?|How likely is it that {t} is {a}?|How dangerous are {i}?|How good is {w}?|How much do you love {t}?|How many friends do you have?|How long will you live?
Was {w} any good?|Did you like {w}?|Did you see {w}?|Have you been to {x}?|Have you ever seen a {a} {n}?|Have you read {w}?|Has {p} called?|Had you heard of {t}?|Are we there yet?|Shall we dance?|May I ask you something?|Might {t} be {a}?|Must I go?|Were you {a} yesterday?|Am I right about {t}?|If you could be a {n}, what would you do?
If {t} is {a}, what should we do?|Since {i} are {a}, should I eat them?|Because of {t} I am {a}.|When I grow up I want to be a {n}.|While we wait, sing about {t}.|Before you go, tell me a joke.|After {t}, what comes next for us?|In your own words, what is {t}?|In one sentence, explain {t}.|As a {n}, how would you see {t}?|For a child of six, explain {t}.""".replace("\n", "|").split("|")
TOPICS = """the sea|the moon|love|winter|summer rain|friendship|music|gravity|photosynthesis|democracy|the internet|machine learning|black holes|inflation|climate change|cooking|gardening|football|chess|history|philosophy|mathematics|war and peace|old age|childhood|dreams|cats and dogs
happiness|sadness|quantum physics|evolution|volcanoes|dinosaurs|the stars|the stock market|electric cars|solar power|tea|coffee|bread|cheese|travel|holidays|school|work|money|health|sleep|exercise|yoga|painting|poetry|modern art|jazz|opera|fashion|robots|artificial intelligence|computers|privacy
recursion|sorting algorithms|the blockchain|taxes|insurance|marriage|family|my neighbour|my garden|a broken heart|the night|a long road|snow on the hills|an empty house|the last train|justice|freedom|truth|beauty|time|space|energy|water|fire|trees in autumn|birds|the ocean floor|magnets|electricity
vaccines|memory|language|grammar|religion|science|the weather|traffic|city life|country life|social media|video games|board games|magic|ghosts|luck|fear|anger|patience|courage|kindness|bees|whales|elephants|wolves|mushrooms|chocolate|pizza|soup|sushi|the Cold War|the Middle Ages|the Romans|Buddhism|Christmas|Easter|the Bible|Greek myths|the Renaissance|Shakespeare's plays|Mars|the Milky Way|Impressionism|Chinese food|Italian opera|German grammar|the Enlightenment|Sunday mornings
the Industrial Revolution|World War II|the Silk Road|Japanese gardens|the Beatles|Darwin's ideas|Newton's laws|the Pacific Ocean|the Sahara|African drums|Wednesday|the Olympic Games|Halloween|Norse legends|the Titanic""".replace("\n", "|").split("|")
TAKEN = """The quick fox runs over the hill.|I went to the market and bought nothing.|The meeting was moved to Friday because the manager was ill.|Life is short.|It was a dark night and nobody spoke.|The engine stopped and the boat drifted away.|She opened the letter and began to cry.|We should all be kind.|Water boils at a lower
temperature on a mountain.|The cat sat on the mat.|He never came back.|Please send the report by noon.|The food was cold and the waiter was rude.|I loved every minute of it.|They walked home in the rain.|The old man lived alone by the sea.|My sister plays the piano every evening.|The committee could not agree on a date.
Once upon a time there was a king who had no crown.|All good things come to an end.|The train was late again.|Nothing is as it seems.|The river was wide and the bridge was gone.""".replace("\n", "|").split("|")
SPOKEN = "French German Spanish Italian Latin Greek Japanese Chinese Russian Arabic Hindi Dutch Swedish Polish Turkish Korean Finnish Portuguese Welsh Swahili".split()
CODE = ["fn main() { println!(\"hi\"); }", "lambda a: a + 1", "console.log(x)", "a = [1, 2, 3]", "x * 2 + y", "map(str, range(5))", "try: open(f)", "echo $HOME | wc -c", "grep -r foo .", "<b>bold</b>", "var n = 3;", "puts 'x'", "i++", "class A: pass", "git push -f", "{ margin: 0 }", "for i in range(10): print(i)", "int main() { return 0; }", "x = x + 1", "def f(n): return n * f(n - 1)", "while (true) { wait(); }", "SELECT name FROM users", "if (a > b) swap(a, b);", "let y = f(x)", "print('hello')", "return a + b;"]
THINGS = """computer phone bike car house door window table story book letter engine clock camera radio fridge lamp bed shirt garden chair mirror teacher friend doctor pilot lawyer dragon wizard robot cat dog horse king queen poet cook farmer ghost tree ship plane
laptop printer guitar piano bridge roof kitchen candle bottle map flag ring key lock wheel pump""".split()
COURTESY = ["Please, ", "Hey, ", "Hi! ", "Now ", "Quickly: ", "OK. ", "Dear friend, ", "Sorry, ", "So, ", "Well, ", "Listen: ", "Excuse me. "]
AFTER = [" Thanks!", " Please.", " Keep it short.", " Be honest.", " I am serious.", " Use simple words.", " I really need it.", " It should be {a}.", " Use about {k} words.", " And make it {a}.", " It is for {p}."]


def topic(r):
    x = r.random()
    if x < 0.7:
        return r.choice(TOPICS)
    if x < 0.8:
        return r.choice(TOPICS) + " and " + r.choice(TOPICS)
    return r.choice([pseudo(r, 1, 3), f"{r.choice(ADJECTIVES)} {r.choice(ITEMS)}", f"the {r.choice(ADJECTIVES)} {r.choice(NOUNS)}", "a " + r.choice(THINGS), place(r)])


def outside(r):
    text = r.choice(OUTSIDE) if r.random() < 0.45 else open_request(r)
    fill = {"t": topic(r), "t2": topic(r), "T": " ".join(r.choice(TAKEN) for _ in range(r.choice([1, 1, 1, 2, 3, 4]))), "p": person(r) if r.random() < 0.4 else name(r), "p2": name(r), "x": place(r), "x2": place(r),
            "a": r.choice(ADJECTIVES), "a2": r.choice(ADJECTIVES), "n": r.choice(THINGS if r.random() < 0.7 else NOUNS), "n2": r.choice(NOUNS), "i": r.choice(ITEMS) if r.random() < 0.7 else plural(r.choice(ANIMALS)), "l": r.choice(SPOKEN), "w": title(r),
            "k": str(r.randint(1, 500)), "c": r.choice(CODE)}
    if r.random() < 0.12:
        text += r.choice(AFTER)
    text = text.format(**fill)
    if r.random() < 0.1:
        text = r.choice(COURTESY) + text[:1].lower() + text[1:]
    x = r.random()
    if x < 0.06:
        text = text.lower()
    elif x < 0.12:
        text = text.rstrip("?.!") or text
    return capital(text) if x > 0.2 else text


def outside_sample(r, progress=1.0):
    return Context(substitute(ASK, {"1": outside(r)})).frame('EXIT "?"')


CLOSING = ["Is it true that {s}?", "Does it follow that {s}?", "Do we know that {s}?", "Can we conclude that {s}?", "Is it the case that {s}?", "Must it be that {s}?", "Prove that {s}.", "Decide whether {s}.",
           "Is \"{s}\" true?", "What can be said: {s}?", "Therefore {s}. True or false?", "Is it so that {s}?"]


def puzzle(r, limit):
    """Facts and rules in a paragraph, then a question about one statement."""
    out, size = [], 0
    world = logic.World(r)
    style = r.random()
    while size < limit:
        if style < 0.35:
            text, _ = logic.fact(world) if r.random() < 0.12 else logic.kind_rule(world)
        elif r.random() < 0.45:
            text, _ = logic.fact(world)
        else:
            text, _ = r.choice([logic.people_rule, logic.if_rule])(world)
        text = capital(text) + "."
        if size and size + len(text) > limit:
            break
        out.append(text)
        size += len(text) + 1
    words_, _ = logic.fact(world)
    asked = r.choice([x for x in logic.ASKS if x])
    statement = capital(words_) + "."
    x = r.random()
    if x < 0.2:
        who, _ = world.entity()
        asked, statement = "", f"Is {who} {adjective(r)}?"
    elif x < 0.35:
        asked, statement = "", r.choice(CLOSING).format(s=words_)
    glue = r.choice([" ", " ", "\n", " Question: "])
    return " ".join(out) + glue + asked + statement


def puzzle_sample(r, progress=1.0):
    limit = r.choice([40, 50, 60, 80, 100, 150, 200, 300, 500, 850])
    return Context(substitute(ASK, {"1": puzzle(r, limit)})).frame("EXEC logic")


def stored(r, limit):
    out, size = [], 0
    if r.random() < 0.4:
        out.append(r.choice(["Run this program:", "Execute the following program.", "Here is a program:", "Run:", "What does this program print?", "Carry out these steps:", "Follow this program."]))
    while size < limit:
        rule = r.choice(isa.isa()["rules"])
        text, _ = isa.instance(r, rule, r.choice(rule["say"]), 0.3)
        head = "# " + isa.operand(r, "label", 0.7)
        out += [head, text]
        size += len(head) + len(text) + 2
        if r.random() < 0.3:
            out.append("")
    return "\n".join(out).strip()


def stored_sample(r, progress=1.0):
    return Context(substitute(ASK, {"1": stored(r, r.choice([10, 40, 80, 120, 200, 400, 700]))})).frame("EXEC stored")


FAMILIES = {"other": (outside_sample, 2.4), "puzzle": (puzzle_sample, 0.35), "stored": (stored_sample, 0.15)}
