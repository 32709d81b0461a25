"""Words that the generators draw from: our own lists, and pseudo-words so that copying generalises."""
import random

NAMES = """Anne Bob Charlie Dave Erin Fiona Gary Harry Alex Max Rex Sally Sam Wren Stella Polly Fae Tom Mary John Jane Lucy
Peter Paul Emma Olivia Noah Liam Ava Mia Ethan Leo Zoe Nina Omar Ali Fatima Chen Wei Yuki Ken Hana Ravi Priya Anil Lars
Ingrid Olaf Sven Marta Pablo Diego Rosa Carla Luca Marco Giulia Hans Greta Otto Klara Ivan Olga Boris Tara Sean Nora
Frank Grace Henry Ida Jack Kate Laura Mike Nancy Oscar Pam Quinn Ruth Steve Tina Victor Wendy Walter Helen George Alice
Arthur Clara Felix Hugo Iris Jonas Mila Maya Jason Tim Dan Joan Fred Sara Melanie Keith Sandy Benny Tammy Joel Dana""".split()

ADJECTIVES = """red green blue cold kind nice big young rough round smart quiet furry white black yellow brown orange purple
pink gray small large tall short old new fast slow hot warm cool dry wet soft hard loud silent happy sad angry calm shy
brave proud lazy busy clean dirty dark bright dull sharp blunt heavy light thin thick wide narrow deep shallow rich poor
strong weak sweet sour bitter salty spicy fruity floral earthy wooden metallic luminous opaque transparent liquid solid
aggressive feisty nervous mean amenable friendly gentle honest hungry thirsty tired awake early late empty full open
closed cheap costly rare common wild tame fresh stale smooth bumpy straight curved tiny huge gigantic noisy careful
careless clever foolish polite rude lucky unlucky popular famous fancy plain pretty ugly funny serious sleepy sick
healthy wise jolly grumpy fierce patient curious silly modest moderate windy snowy melodic muffled discordant""".split()

ANIMALS = """cow cat dog mouse lion tiger bear rabbit squirrel eagle wolf fox horse sheep goat pig hen duck goose owl
crow hawk parrot snake frog toad lizard turtle whale shark seal otter beaver badger deer moose camel llama monkey gorilla
panda koala zebra giraffe hippo rhino elephant donkey hamster ferret raccoon skunk hedgehog bee ant spider crab""".split()

TWO_WORD_ANIMALS = ["bald eagle", "polar bear", "house cat", "wild boar", "sea lion", "red fox", "barn owl", "guinea pig"]

NOUNS = """teacher farmer doctor student painter singer dancer sailor soldier baker cook driver writer robot dragon wizard
knight giant fairy ghost pirate king queen prince planet star stone tree flower rose tulip insect mammal bird reptile fish
vertebrate invertebrate carnivore herbivore animal arthropod snake cat feline tabby canine dog number integer prime
fraction vehicle car truck boat plane fruit apple pear vegetable carrot tool hammer saw instrument piano violin""".split()

# (base, third person)
VERBS = [(v, v + "s") for v in """see eat like need visit help love want know follow hear find own admire trust fear
feed greet hate ignore lead meet praise protect respect serve avoid bite call choose count draw envy forgive guide hug
invite join kick lift miss notice obey phone pull push remember rescue scare shake support tease thank understand warn
welcome paint""".split()]
VERBS += [("chase", "chases"), ("watch", "watches"), ("catch", "catches"), ("teach", "teaches"), ("touch", "touches"),
          ("carry", "carries"), ("copy", "copies"), ("study", "studies"), ("miss", "misses"), ("kiss", "kisses"),
          ("push", "pushes"), ("wash", "washes"), ("reach", "reaches"), ("worry", "worries"), ("bury", "buries"),
          ("attack", "attacks"), ("chase", "chases"), ("nurse", "nurses"), ("raise", "raises"), ("accuse", "accuses")]
VERBS = sorted(set(VERBS) - {("miss", "misss"), ("push", "pushs")})

ITEMS = """apples oranges pears plums bananas peaches lemons cherries grapes berries books pens pencils crayons markers
notebooks stickers stamps coins cards marbles balls balloons kites toys dolls blocks puzzles games cookies cupcakes
muffins pies cakes candies sweets chocolates lollipops sandwiches pizzas eggs bottles cups plates spoons boxes baskets
bags shells rocks stones flowers roses tulips daisies trees seeds leaves fish birds chickens ducks cows sheep horses
puppies kittens rabbits tickets photos songs videos posters shirts socks hats shoes gloves scarves buttons beads ribbons
nails screws bricks tiles chairs tables lamps keys cars bikes trucks boats planes trains robots badges letters magazines
newspapers pages papers chapters points""".split()

COLOURS = "red green blue yellow white black brown orange purple pink gray silver golden violet crimson scarlet".split()

ONSETS = "b bl br c ch cl cr d dr f fl fr g gl gr h j k kl kr l m n p pl pr qu r s sc sh sl sm sn sp st str sw t th tr tw v w y z".split()
VOWELS = "a e i o u a e i o ai ea ee ie oa oo ou".split()
CODAS = ["", "", "", "n", "m", "l", "r", "s", "t", "k", "d", "p", "g", "nd", "nt", "rk", "st", "x", "ng", "sh", "ck"]


def syllable(r):
    return r.choice(ONSETS) + r.choice(VOWELS) + r.choice(CODAS)


def pseudo(r, low=1, high=3):
    return "".join(syllable(r) for _ in range(r.randint(low, high)))


def letters(r, low=3, high=10):
    return "".join(r.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(r.randint(low, high)))


def pus(r):
    """An invented kind: wumpus, zorpus, brimpus…"""
    return (pseudo(r, 1, 2) + "pus") if r.random() < 0.6 else (
        r.choice("bdfghjlmnprstvwyz") + r.choice("aeiou") + r.choice("mrn") + "pus")


def plural(noun):
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def third(verb):
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def capital(text):
    return text[:1].upper() + text[1:]


def name(r):
    return r.choice(NAMES) if r.random() < 0.6 else capital(pseudo(r, 1, 3))


def adjective(r):
    x = r.random()
    return r.choice(ADJECTIVES) if x < 0.7 else pseudo(r, 1, 3) if x < 0.9 else letters(r)


def rng(seed):
    return random.Random(seed)
