"""More ways to ask: nouns for each relation, comparatives, and open requests put together from parts."""
from words import capital

# Relation key → what people call it in "the … of X".
CALLED = {
    "occupation": ["occupation", "profession", "job", "career", "trade", "calling", "vocation", "main job"],
    "born place": ["birthplace", "place of birth", "birth town", "home town", "native city"],
    "born date": ["date of birth", "birthday", "birth date", "day of birth"],
    "died": ["date of death", "death date", "day of death"], "died place": ["place of death", "deathplace"],
    "spouse": ["spouse", "wife", "husband", "partner"], "father": ["father", "dad"], "education": ["university", "college", "alma mater", "school"],
    "nationality": ["nationality", "citizenship"], "sport": ["sport"], "award": ["award", "prize"],
    "population": ["population", "number of inhabitants", "population count", "number of people"], "country": ["country"], "mayor": ["mayor"],
    "area": ["area", "surface area", "size in square kilometres"], "elevation": ["elevation", "altitude"], "capital": ["capital", "capital city"],
    "currency": ["currency", "money"], "language": ["language", "official language", "tongue"], "president": ["president", "head of state"], "continent": ["continent"],
    "director": ["director"], "genre": ["genre", "style"], "released": ["release year", "year of release"], "producer": ["producer"], "composer": ["composer"],
    "screenwriter": ["screenwriter"], "cast": ["main actor", "star", "lead actor"], "author": ["author", "writer"], "published": ["publication year", "year of publication"],
    "publisher": ["publisher", "publishing house"], "pages": ["number of pages", "page count"], "performer": ["performer", "singer", "artist"], "label": ["label", "record label"],
    "founder": ["founder"], "founded": ["founding year", "year of foundation"], "headquarters": ["headquarters", "head office", "seat"], "industry": ["industry", "line of business"],
    "employees": ["number of employees", "staff size"], "length": ["length", "total length"], "source": ["source"], "mouth": ["mouth"], "height": ["height"],
    "range": ["mountain range", "range"], "architect": ["architect", "designer"], "opened": ["opening year", "year of completion"], "location": ["location"],
    "colour": ["colour", "color"], "food": ["food", "diet"], "weight": ["weight"], "inventor": ["inventor", "discoverer"]}
GENERIC = ["What is {e}'s {k}?", "What's the {k} of {e}?", "What's {e}'s {k}?", "{e}: {k}?", "{k} of {e}?", "{K} of {e}", "Name {e}'s {k}.", "Can you tell me the {k} of {e}?", "I want to know the {k} of {e}.",
           "I'm looking for the {k} of {e}.", "Find the {k} of {e}.", "Look up the {k} of {e}.", "Do you know {e}'s {k}?", "What was {e}'s {k}?", "Could you find out the {k} of {e}?", "Please give me {e}'s {k}.",
           "And the {k} of {e}?", "What was the {k} of {e}?", "What is the {k} of {e}?", "{e}'s {k}?", "Which {k} does {e} have?", "What {k} did {e} have?", "Say what the {k} of {e} is.", "Do you happen to know the {k} of {e}?",
           "State the {k} of {e}.", "Search for the {k} of {e}.", "What does one call the {k} of {e}?"]
PEOPLE = ["Who is {e}'s {k}?", "Who was {e}'s {k}?", "Who is the {k} of {e}?", "Who was the {k} of {e}?", "Who's the {k} of {e}?", "Name the {k} of {e}.", "By name, who is the {k} of {e}?", "Who acted as the {k} of {e}?"]
WHO = {"spouse", "father", "mayor", "president", "director", "producer", "composer", "screenwriter", "author", "performer", "founder", "architect", "inventor"}
MORE = {
    "mayor": ["Who serves as mayor of {e}?", "Who became mayor of {e}?", "At {e}, who is mayor?", "Who is now the mayor in the city of {e}?", "Who leads {e} as its mayor?", "Who runs the town of {e}?", "Who holds the office of mayor of {e}?", "Who heads the city of {e}?", "In {e}, who is the mayor?"],
    "president": ["Who serves as president of {e}?", "Who became president of {e}?", "Who is now the president in {e}?", "Who leads {e} as its president?", "Who rules {e}?", "Who heads the state of {e}?", "In {e}, who is the president?"], "nationality": ["From which country is {e}?", "Is {e} of what nationality?"],
    "father": ["Whose child was {e}?", "By which father was {e} raised?"], "sport": ["What game does {e} play?", "In which sport is {e} active?"], "award": ["Which honour did {e} get?", "For which prize is {e} known?"],
    "river": ["By which river was {e} built?"], "area": ["What area does {e} cover?", "How much land does {e} cover?"], "elevation": ["At what altitude is {e}?", "How far above the sea is {e}?"],
    "continent": ["In which part of the world is {e}?", "{e} is on which continent?"], "genre": ["What type of work is {e}?", "As what genre is {e} known?"], "producer": ["By whom was {e} produced?", "Which producer made {e}?"],
    "composer": ["Whose music is in {e}?", "By whom is the music of {e}?"], "screenwriter": ["By whom was the screenplay of {e} written?", "Whose script was {e} made from?"], "cast": ["Which actor plays in {e}?", "Who acted in {e}?", "Who can be seen in {e}?"],
    "publisher": ["By which house was {e} published?", "Which publisher brought out {e}?"], "pages": ["How long is the book {e}?", "How thick is {e} in pages?"], "label": ["On which label did {e} come out?", "Under which label was {e} released?"],
    "industry": ["What is {e} known for making?", "In what business is {e}?", "What goods does {e} sell?"], "source": ["From where does the {e} come?", "In which place does the {e} begin?", "Where does the {e} start?"],
    "mouth": ["Which sea does the {e} reach?", "Into which water does the {e} run?", "What does the {e} flow into?", "Where does the {e} run to?", "In which water does the {e} end?"], "range": ["Which mountains is {e} part of?", "{e} is part of which range?"], "location": ["In what place does {e} stand?", "{e} stands where?"],
    "colour": ["What is the {e}'s colour?", "Of what colour is the {e}?"], "food": ["On what does the {e} live?", "What is eaten by the {e}?"], "weight": ["What does the {e} weigh?", "How many kilos is the {e}?"], "inventor": ["Who came up with the {e}?", "By whom was the {e} discovered?"],
    "occupation": ["What does {e} do as work?", "What was {e} known for professionally?", "What was {e}'s field of work?", "In which business did {e} work?", "What kind of job does {e} hold?", "What did {e} practise as a profession?", "What is {e} known to be by trade?", "What did {e} do all day for money?", "What has {e} been working as?", "{e} worked as what?", "What did people know {e} as?", "By trade, what was {e}?", "What is {e} famous as?", "For what work is {e} remembered?", "{e} is what by profession?", "What did {e} do?", "How did {e} earn a living?", "What was {e} by profession?", "As what did {e} work?", "What kind of work did {e} do?", "What has {e} worked as?", "In what field did {e} work?"],
    "born place": ["Where does {e} come from?", "Where did {e}'s life begin?", "Which place was {e} born in?", "In what place was {e} born?", "{e} was born where?"],
    "born date": ["On which date was {e} born?", "What day was {e} born?", "{e} was born when?", "When was the birth of {e}?"],
    "died": ["On which date did {e} die?", "When was the death of {e}?", "{e} died when?"], "died place": ["In which city did {e} die?", "{e} died where?", "What place did {e} die in?"],
    "spouse": ["Whom did {e} marry?", "To whom was {e} married?", "Who was {e} married to?"], "education": ["From which university did {e} graduate?", "In which college was {e} enrolled?", "{e} studied where?", "To which school did {e} go?", "Where did {e} get a degree?", "Where did {e} go to college?", "From where did {e} graduate?", "Which college did {e} attend?"],
    "population": ["{e} has how many people?", "In {e}, how many people are there?", "What is the head count of {e}?", "How many live in {e}?", "How populous is {e}?", "What number of people live in {e}?", "How many people are there in {e}?", "How many people call {e} home?", "How large is the population of {e}?"],
    "country": ["In which country does {e} lie?", "{e} sits in what country?", "Within which country is {e}?", "What land does {e} lie in?", "{e} can be found in which land?", "In which state on the map is {e}?", "{e} is in which country?", "In what land is {e}?", "{e} is found in what country?", "To which country does {e} belong?", "What country does {e} belong to?", "Which country is {e} part of?"], "capital": ["Which city do they govern {e} from?", "What is the name of the capital in {e}?", "{e} has which capital?", "In {e}, which city is the capital?", "What is {e}'s capital?", "Which town is the capital of {e}?", "From which city is {e} governed?"],
    "currency": ["What money do they spend in {e}?", "What do they pay with in {e}?", "In {e}, what is the money called?", "With which currency does one pay in {e}?", "Which money do the people of {e} use?", "What do people pay with in {e}?", "What money is used in {e}?"], "language": ["What language do they speak in {e}?", "In {e}, which language is spoken?", "Which tongue do the people of {e} use?", "What do people speak in {e}?", "In which language do people talk in {e}?"],
    "director": ["Who made the film {e}?", "Who was behind the camera for {e}?", "The film {e} was directed by whom?", "Which director made {e}?"], "released": ["What year is {e} from?", "When did {e} come out?", "When did {e} reach the cinemas?"],
    "author": ["Which author is behind {e}?", "Who is the person that wrote {e}?", "Which writer gave us {e}?", "The book {e} is by whom?", "By which writer is {e}?", "Who came up with {e}?", "Who is {e} by?", "Who was {e} written by?", "Which author wrote {e}?", "Whose novel is {e}?", "Who created {e}?"], "published": ["When did {e} appear?", "What year did {e} appear?", "When was the book {e} published?"],
    "founder": ["Who was it that founded {e}?", "Who is behind the founding of {e}?", "Who launched {e}?", "Who began {e}?", "{e} was founded by whom?", "Which people started {e}?", "Who got {e} going?", "Who created {e}?", "Who established {e}?", "Who was {e} founded by?", "Which person founded {e}?"], "founded": ["Since when does {e} exist?", "What year was {e} founded?", "What is the year in which {e} was founded?", "When did {e} start?"],
    "headquarters": ["Where is the head office of {e}?", "From where does {e} operate?", "What city is {e} based in?"], "length": ["The {e} is how long?", "For how many kilometres does the {e} run?", "What length does the {e} have?", "How many kilometres long is the {e}?", "How many miles long is the {e}?"],
    "height": ["What is the height that {e} has?", "How high up does {e} go?", "{e} is how high?", "How high does {e} rise?", "How many metres high is {e}?", "How many feet tall is {e}?", "To what height does {e} rise?"], "performer": ["Who is {e} by?", "Who recorded {e}?", "Whose song is {e}?"], "architect": ["Who drew the plans of {e}?", "By whom was {e} designed?"],
    "employees": ["How many workers does {e} have?", "How many people does {e} employ?", "How big is the staff of {e}?"], "opened": ["What year was {e} built?", "How old is {e}?", "When did {e} open?"]}


def ask(r, key, questions, e):
    """One way of asking for a relation of `e`."""
    x = r.random()
    if x < 0.5 or key not in CALLED:
        return r.choice(questions).format(e=e)
    if x < 0.7 and key in MORE:
        return r.choice(MORE[key]).format(e=e)
    k = r.choice(CALLED[key])
    if key in WHO and r.random() < 0.5:
        return r.choice(PEOPLE).format(e=e, k=k)
    return capital(r.choice(GENERIC).format(e=e, k=k, K=capital(k)))


# Comparisons: "+" asks for the greater, "-" for the lesser; the noun is what is compared.
COMPARE = {
    "How many people live in {e}?": ("population", ["larger", "bigger", "more populous", "more crowded"], ["smaller", "less populous", "tinier"], "city"),
    "How long is the {e}?": ("length", ["longer"], ["shorter"], "river"), "How high is {e}?": ("height", ["higher", "taller"], ["lower"], "mountain"),
    "How tall is {e}?": ("height", ["taller", "higher"], ["shorter", "lower"], "building"), "What is the area of {e}?": ("area", ["larger", "bigger", "wider"], ["smaller"], "country"),
    "How heavy is the {e}?": ("weight", ["heavier"], ["lighter"], "animal"), "How many pages does {e} have?": ("number of pages", ["longer", "thicker"], ["thinner", "shorter"], "book"),
    "How many people work for {e}?": ("number of employees", ["bigger", "larger"], ["smaller"], "company"), "When was {e} founded?": ("founding year", ["younger", "newer", "more recent"], ["older", "more ancient"], "company"),
    "When was {e} published?": ("publication year", ["newer", "more recent"], ["older", "earlier"], "book"), "When was {e} released?": ("release year", ["newer", "more recent"], ["older", "earlier"], "film"),
    "When was {e} completed?": ("year of completion", ["newer", "younger"], ["older"], "building"), "When was {e} born?": ("birth year", ["younger"], ["older"], "person")}
WHICH = ["Which is {er}, {a} or {b}?", "Which {n} is {er}, {a} or {b}?", "{a} or {b}: which is {er}?", "Between {a} and {b}, which is {er}?", "Of {a} and {b}, which is {er}?", "Which one is {er}: {a} or {b}?", "What is {er}, {a} or {b}?",
         "Which of these is {er}: {a} or {b}?", "Is it {a} or {b} that is {er}?", "Is {a} or {b} {er}?", "Tell me which is {er}, {a} or {b}.", "Which {n} is the {er} one, {a} or {b}?", "Say which {n} is {er}: {a} or {b}."]
YES = ["Is {a} {er} than {b}?", "Is it true that {a} is {er} than {b}?", "Would you say {a} is {er} than {b}?", "Is {a} really {er} than {b}?"]
GAP = ["What is the difference in {k} between {a} and {b}?", "What is the difference between the {k} of {a} and the {k} of {b}?", "Subtract the {k} of {b} from the {k} of {a}.", "How much {er} is {a} than {b}?", "How far apart are {a} and {b} in {k}?",
       "What is the {k} of {a} minus the {k} of {b}?", "{a} is how much {er} than {b}?", "What is the gap in {k} between {a} and {b}?", "How much bigger is the {k} of {a} than that of {b}?"]
TOTAL = ["What is the total {k} of {a} and {b}?", "What is the sum of the {k} of {a} and the {k} of {b}?", "Add the {k} of {a} to the {k} of {b}.", "How much is the {k} of {a} plus the {k} of {b}?", "What is the {k} of {a} and {b} in total?",
         "What is the {k} of {a} and {b} taken together?", "What do {a} and {b} have in total as {k}?", "What is the joint {k} of {a} and {b}?"]


def compare(r, part, a, b):
    """(question, how) about the two entities; the article of "the {e}" stays."""
    noun, more, less, kind = COMPARE[part]
    the = "the " if "the {e}" in part else ""
    years = noun.endswith("year") or noun.startswith("year")
    x = r.random()
    if x < 0.45:
        up = r.random() < 0.5
        return r.choice(WHICH).format(a=the + a, b=the + b, er=r.choice(more if up else less), n=kind), "max" if up else "min"
    if x < 0.6:
        up = r.random() < 0.5
        return r.choice(YES).format(a=the + a, b=the + b, er=r.choice(more if up else less)), "yes" if up else "no"
    if x < 0.8 or years:
        return r.choice(GAP).format(a=the + a, b=the + b, er=r.choice(more), k=noun), "diff"
    return r.choice(TOTAL).format(a=the + a, b=the + b, k=noun), "sum"


DO = """write draw paint sing explain describe compare discuss translate summarise rewrite shorten improve correct check plan prepare cook bake clean repair build invent imagine suggest recommend choose guess predict rank rate sort order
book call send open close start stop play pause show hide find bring buy sell fix teach train design sketch model code debug test compile install delete rename copy paste print scan upload download share post publish edit colour fold cut
wash dry iron water feed walk wake remind schedule cancel confirm invite greet thank praise comfort entertain amuse surprise convince warn defend criticise review grade mark solve decode encrypt hack crack unlock mix brew grill fry
plant prune harvest decorate furnish rent lease insure tune record film photograph frame hang carve knit sew tailor polish sharpen paraphrase proofread outline brainstorm list name classify label tag organise tidy pack unpack ship
deliver track measure weigh estimate justify argue prove refute question interview quiz coach motivate advise counsel diagnose treat heal""".split()
OBJECT = """me|us|my friend|my boss|my dog|my essay|my code|my room|my holiday|my car|this text|this page|this picture|this song|this joke|these photos|these words|the story|the garden|the dinner|the lights|the window|the door|the letter|the kitchen|the report
the menu|a poem|a letter|a story|a picture|a song|a plan|a speech|a cake|a game|a party|a website|a logo|a dream|a monster|a spaceship|a bridge|some music|some ideas|some soup|something nice|something new|anything you like|nothing at all|your life|your home|your favourite film
the internet|the future|the world|the moon|the neighbours|our trip|our team|our house|their wedding|her birthday|his speech""".replace("\n", "|").split("|")
TAIL = ["", "", "", " for me", " about {t}", " with {i}", " in {x}", " for {p}", " tomorrow", " tonight", " right now", " as soon as you can", " without {i}", " like {p} would", " in a {a} way", " using only {i}", " before {k} o'clock", " if you can", " because I am {a}"]
OPEN = """Who is the best {n} ever?|Who is the most {a} {n}?|Who was the most {a} {n} in history?|Who is your hero?|Who knows why {i} are {a}?|Who likes {t}?|Who invented being {a}?|Who took my {n}?|Who wants {i}?|Who could teach me about {t}?|Who gets to decide about {t}?
What is the best {n}?|What is the worst {n} in the world?|What is a good {n} for {p}?|What is the reason for {t}?|What is the use of {t}?|What is {a}?|What is {t} good for?|What is wrong with my {n}?|What is wrong with {t}?|What is the fastest way to make {i}?|What is an easy way to cook {i}?
What is going on?|What is your plan?|What is your advice on {t}?|What is there to do in {x}?|What is it that makes {t} {a}?|What is my name?|What is in my bag?|What is the trouble with {i}?|What are {i}?|What are the rules of {t}?|What are the effects of {t}?|What are good {i}?|What are you afraid of?|What are we?
What was that?|What was your first word?|What was it like before {t}?|What do you know about {t}?|What do you want?|What do {i} eat when they are {a}?|What do I do with {i}?|What did I say?|What did people do before {t}?|What does {p} think about {t}?|What does it take to be a {n}?|What does a {a} {n} look like?
What would {p} say?|What would you change about {t}?|What should we talk about?|What should I do with my {n}?|What should a {n} know about {t}?|What could go wrong?|What can I do against {t}?|What can I cook with {i}?|What if there were no {i}?|What kind of {n} are you?|What sort of {i} do you like?|What colour suits me?
What music fits {t}?|What book should I read next?|What about {t}?|What a {a} day!|What reasons are there for {t}?|What questions should I ask {p}?|What gift would {p} like?|What words describe {t}?|What makes {i} {a}?|What makes you {a}?|What happens if I eat {i}?|What happens when {i} get {a}?|What comes after {t}?
How many {i} should I eat?|How many {i} are too many?|How many ways are there to be {a}?|How many times must I tell you?|How much {t} is enough?|How much should I pay for {i}?|How much sleep do I need?|How much do you know?|How much time do we have?|How long should I cook {i}?|How long do {i} stay {a}?|How long until dinner?
How old is too old for {t}?|How high can you count?|How high should I jump?|How tall will I grow?|How heavy is my bag?|How far can {i} fly?|How fast can you run?|How often should I call {p}?|How often do you think of {t}?|How big is your brain?|How deep is your love?|How {a} am I?|How {a} is {t}?|How {a} should {i} be?
How can {i} be so {a}?|How can we make {t} less {a}?|How can I be a better {n}?|How can I help {p}?|How do {i} work?|How do you make a {n}?|How do people celebrate {t}?|How do I choose a {n}?|How do I stop being {a}?|How do I explain {t} to {p}?|How did you get so {a}?|How did {t} change us?|How does one become {a}?
How does a {n} feel?|How does {t} taste?|How should I start?|How should we deal with {t}?|How would {p} feel about {t}?|How would life be without {t}?|How is life?|How is it going?|How is the weather?|How are {i} made?|How are you feeling today?|How about {t}?|How about dinner?|How sad!|How nice of you.
Where is my {n}?|Where is everybody?|Where is the nearest {n} shop?|Where is a good place for {t}?|Where are you?|Where are we going?|Where are all the {i}?|Where do {i} go in winter?|Where do you come from?|Where do I put the {i}?|Where does {t} come from?|Where did you learn that?|Where did all the {i} go?|Where can I learn {t}?
Where can I see {a} {i}?|Where can we meet?|Where should I put my {n}?|Where should we eat?|Where would you go?|Where will this end?|When is dinner?|When is it my turn?|When is {t} a bad idea?|When are you coming?|When do {i} sleep?|When do we leave?|When does it end?|When did you last laugh?|When can I see you?|When can we talk about {t}?
When will it be {a}?|When will {t} be over?|When should I stop?|When should I tell {p}?|When would you use {i}?|Which {n} do you like?|Which {n} suits me?|Which {i} are {a}?|Which {i} taste best?|Which is more {a}, {t} or {t2}?|Which is your favourite {n}?|Which way?|Which of my {i} should I sell?|Which one of you is {a}?
Whose {n} is this?|Whose idea was {t}?|Why?|Why not?|Why me?|Why now?|Why is my {n} {a}?|Why is it so {a} here?|Why is everyone {a}?|Why are you {a}?|Why are we here?|Why do I feel {a}?|Why do {i} have wings?|Why do {n}s like {t}?|Why do you ask?|Why does my {n} make noise?|Why does nobody like {t}?|Why does {t} matter?|Why did you say that?
Why did {t} fail?|Why can't I sleep?|Why can't {i} swim?|Why should anyone care about {t}?|Why would anyone eat {i}?|Why would a {n} need {i}?|Why must {i} be {a}?|Why won't you answer?|Why won't my {n} open?|Why isn't {t} {a}?|Why don't we go to {x}?|Why doesn't {p} call me?|Why aren't there more {i}?
Is this {a}?|Is it {a}?|Is it okay to eat {i}?|Is it safe to touch {i}?|Is it better to be {a} or {a2}?|Is it normal that {i} are {a}?|Is it possible to love {t}?|Is it time to go?|Is that so?|Is that a {n}?|Is there a cure for {t}?|Is there any {t} left?|Is there something {a} about {t}?|Is my {n} still alive?|Is {t} overrated?|Is {t} dangerous for {i}?
Is {t} worth it?|Is a {n} more {a} than a {n2}?|Is anybody there?|Isn't {t} {a}?|Are {i} good for me?|Are {i} better than {t}?|Are we friends?|Are you {a} today?|Are you a {n}?|Are you sure?|Are all {i} {a}?|Are any {i} {a}?|Aren't {i} {a}?|Am I too {a}?|Am I allowed to eat {i}?|Was it {a}?|Was I {a}?|Were {i} always {a}?
Do I look {a}?|Do I need a {n}?|Do I have to?|Do we need more {i}?|Do you want {i}?|Do you understand {t}?|Do you remember me?|Do you mind?|Do you feel {a}?|Do you eat {i}?|Do {i} feel {a}?|Do {i} like {t}?|Do {i} need {t}?|Does anyone care?|Does it hurt?|Does {t} make you {a}?|Does {t} help against {t2}?|Does my {n} look {a}?|Does size matter?
Did I do well?|Did it rain?|Did you hear that?|Did you miss me?|Did {p} like {t}?|Didn't I tell you?|Don't you like {t}?|Have I met you?|Have you got {i}?|Have you eaten?|Have you tried {t}?|Has it stopped raining?|Has {t} changed?|Can I eat {i}?|Can I be {a}?|Can I come in?|Can I bring my {n}?|Can we be {a}?|Can we talk?|Can we build a {n} from {i}?
Can you see me?|Can you dance?|Can you feel {t}?|Can you lend me a {n}?|Can you bring me {i}?|Can you show me {t}?|Can you write about {t}?|Can you fix my {n}?|Can {t} be {a}?|Can a {n} be {a}?|Could {i} ever be {a}?|Could you be more {a}?|Could you repeat that?|Could you sing about {t}?|Could I borrow your {n}?|Could it be {a}?
Should {i} be {a}?|Should I be {a}?|Should I eat {i} before {t}?|Should I call {p}?|Should I sell my {n}?|Should I worry about {t}?|Should we fear {t}?|Should we ban {t}?|Should people be {a}?|Would it be {a} to eat {i}?|Would you eat {i}?|Would you help {p}?|Would you marry a {n}?|Would a {n} like {t}?|Will {i} ever be {a}?|Will you marry me?
Will you be my {n}?|Will {t} end?|Will it be {a} next week?|Will robots replace every {n}?|Won't you stay?|May I eat the {i}?|May I call you {p}?|I think {t} is {a}.|I think that {i} are {a}.|I hate {t}.|I hate {i}.|I want {i}.|I want a {n}.|I want to talk about {t}.|I want to be a {n}.|I wish I were {a}.|I wonder about {t}.|I wonder why {i} are {a}.|I dreamed of a {a} {n}.
I saw a {n} today.|I lost my {n}.|I forgot my {n} in {x}.|I just want to be {a}.|I can't find my {n}.|I can't stand {t}.|I don't like {i}.|I don't know what to do.|I'm {a}.|I'm so {a} today.|I'm hungry.|I'm worried about {t}.|I'm trying to learn {t}.|I've never seen a {n}.|I've been {a} all day.|I'd like some {i}, please.|I'd like you to sing.|I'll be back.
You said {t} was {a}.|You look {a}.|You should try {i}.|You never listen.|You know {t}?|We need {i}.|We love {t}.|We are {a}.|They say {t} is {a}.|People say {i} are {a}.|It is {a} today.|It is so {a} in {x}.|It was {a}.|It's {a}.|It's my birthday!|That's {a}.|That's not what I asked.|This is {a}.|This {n} is {a}.|These {i} are {a}.|Those {i} look {a}.
There is a {n} in my {n2}.|There are no {i} left.|My {i} are {a}.|My favourite {n} is {a}.|My {n} hates {i}.|My life is {a}.|My friend {p} is {a}.|Your {n} is {a}.|Everybody loves {t}.|Nobody likes {i}.|Nothing works.|Something is wrong with my {n}.|Somebody stole my {n}.|Everything is {a}.|No more {i}!|More {i}, please!|Enough of {t}.|What's {t}?|What's wrong with {t}?|What's the best {n}?|What's the plan for tonight?|What's a {n}?|What's so {a} about {i}?|What's your favourite {n}?|What's it like in {x}?|What's the point of {t}?
What's happening?|What's that noise?|What's good about {t}?|What's the use of {i}?|What's the weather in {x}?|What's on TV?|What's for dinner?|What's better, {i} or {t}?|Who's there?|Who's your favourite {n}?|Where's my {n}?|Where's the party?|How's life?|How's your {n}?|When's dinner?|Why's that?|Who's {a}?
Tell me about {t}.|Tell me about {x}.|Tell me about life in {x}.|Tell me all about {i}.|Tell me how you feel.|Tell me why {i} are {a}.|Tell me what to do.|Tell me everything.|Talk to me about {t}.|Teach me {l}.|Discuss the meaning of {t}.|Explain what {t} is.|Explain {t} in {l}.|Explain it to a {n}.|Explain why {t} matters.
In my opinion {t} is {a}.|In your opinion, is {t} {a}?|In general, are {i} {a}?|In {x} everything is {a}.|For me {t} is {a}.|On Mondays I am {a}.|At night I hear {i}.|At least {i} are {a}.|To be {a} or not to be?|With {i} or without?|From now on be {a}.|By the way, do you like {t}?|According to you, what is {t}?|Honestly, is {t} {a}?
How do you spell "{t}"?|How do you pronounce {x}?|What is the {l} for "{t}"?|What is "{t}" called in {l}?|What is this in {l}: {T}|I want this in {l}: {T}|Is "{T}" good style?|Is "{T}" correct?|Is this sentence right: {T}|What is wrong with this sentence: {T}|Make this shorter: {T}|Make this sound {a}: {T}
What does {c} print?|What does this print: {c}|Why does {c} fail?|Run this: {c}|Is this code right: {c}|{c}|Improve this: {c}|Rewrite in Python: {c}|Comment this code: {c}|Test this: {c}|What is the output of {c}?|Translate {c} into Java.|Write a {n} class in Java.|Write unit tests for {c}
Oh dear.|Oh, {t}!|Well done!|Good job.|Good luck!|Good to know.|Great!|Nice.|Cool {n}!|Fine.|Okay then.|Sorry about that.|Excuse me?|Pardon?|Indeed.|Of course.|Not bad.|No way!|No thanks.|Yes please.|Yes, but why?|Hmm, {t}?|Ha ha ha.|Welcome!|Cheers!|Happy birthday, {p}!|Merry Christmas!|Good evening, {p}.|Hey {p}!|Hello {p}, how are things?""".replace("\n", "|").split("|")


def open_request(r):
    """A request or remark that no resource answers, as a template with slots."""
    x = r.random()
    if x < 0.55:
        return r.choice(OPEN)
    verb = r.choice(DO)
    text = f"{capital(verb)} {r.choice(OBJECT)}{r.choice(TAIL)}."
    if x < 0.7:
        text = r.choice(["Can you ", "Could you ", "Would you ", "Please ", "I want you to ", "I'd like you to ", "You should ", "Will you ", "Try to ", "Help me to ", "I need to ", "How do I ", "How can I ", "Why should I ", "When should I ",
                         "Where can I ", "Shall I ", "May I ", "Let us ", "Teach me to ", "Show me how to ", "Is it hard to ", "Who can ", "What is the best way to ", "Tell me how to ", "Do I have to ", "Don't "]) + verb + text[len(verb):]
        if text.split(" ")[0] in ("Can", "Could", "Would", "Will", "How", "Why", "When", "Where", "Shall", "May", "Is", "Who", "What", "Do"):
            text = text[:-1] + "?"
    return text

