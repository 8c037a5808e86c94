"""The words schemas are made of: nouns, relations and typed properties, each held by training or by the held-out schemas.

The hand-written tables below carry what must be told (synonyms, superlatives, categories); `words/*.txt` hold the many for which rules
of inflection do. A word list alone does not teach a model to copy, so a share of every schema's words is made up
(`datagen.invention`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import Literal

PropertyType = Literal["STRING", "INTEGER", "FLOAT", "BOOLEAN"]


@dataclass(frozen=True)
class Noun:
    """An entity: `support ticket`, `support tickets`."""

    singular: str
    plural: str


@dataclass(frozen=True)
class Relation:
    """A relationship from subject to object. `active` phrases follow the plural subject, `passive` ones the object."""

    name: str
    active: tuple[str, ...]
    passive: tuple[str, ...]


@dataclass(frozen=True)
class Property:
    """A typed property. `low`/`high` bound numbers; `pool` holds categories, empty for names that are made up.

    `most` and `least` are superlatives that imply the property ("cheapest"); `truth` is what a node is of which a flag is
    true; the values of a `dated` text are ISO dates.
    """

    words: str
    type: PropertyType
    low: float = 0
    high: float = 0
    pool: tuple[str, ...] = ()
    most: str = ""
    least: str = ""
    truth: str = ""
    dated: bool = False


_NOUNS = """
customer order product supplier employee department project task ticket invoice warehouse shipment store city country
person company student course teacher school book author publisher library member movie actor director studio song
artist album playlist user post comment group message server service cluster database backup account payment card bank
branch loan patient doctor nurse hospital ward drug treatment clinic vehicle driver route depot station train flight
airport pilot hotel room guest booking restaurant dish chef recipe ingredient farm crop field machine sensor device
factory worker shift team player match stadium league coach sponsor event venue speaker talk device_model contract
lawyer case court judge client policy claim agent property tenant landlord building apartment museum painting painter
gallery exhibition visitor planet star telescope mission astronaut rocket river lake mountain forest ranger animal zoo
keeper species habitat document folder file editor version repository commit branch_point developer issue release
package license endpoint request region zone container image volume queue topic_feed consumer producer dashboard alert
metric pipeline job schedule artifact dataset experiment model_run researcher paper journal conference grant
laboratory sample gene protein disease symptom trial campaign advertisement channel audience lead deal vendor purchase
""".split()

_HELD_OUT_NOUNS = """
bakery cyclist bridge harbor ship captain cargo orchard beekeeper hive vineyard wine auction bidder sculpture tailor
garment workshop carpenter chair lighthouse island ferry passenger elevator tower architect blueprint satellite antenna
operator frequency parliament senator bill committee vote archive manuscript scribe monastery bell puzzle tournament
referee trophy whistle kitchen garden tractor barn miner tunnel quarry crystal battery turbine windmill engineer gearbox
podcast listener episode newsletter subscriber coupon basket locker parcel courier drone firmware gateway firewall
tenant_space voucher refund warranty mechanic garage tire puppet theater costume dancer orchestra violin concert
""".split()

_IRREGULAR = {"person": "people", "species": "species", "city": "cities"}


def make_noun(word: str) -> Noun:
    """A noun of one or two words (`support ticket`) with its plural."""
    singular = word.replace("_", " ")
    head, _, last = singular.rpartition(" ")
    if last in _IRREGULAR:
        plural = _IRREGULAR[last]
    elif last.endswith(("s", "x", "ch", "sh")):
        plural = last + "es"
    elif last.endswith("y") and last[-2] not in "aeiou":
        plural = last[:-1] + "ies"
    else:
        plural = last + "s"
    return Noun(singular, f"{head} {plural}".strip())


_RELATIONS = """
PLACED|placed/made|placed by/made by
WORKS_FOR|work for|employing
LIVES_IN|live in|inhabited by
OWNS|own/possess|owned by/belonging to
MANAGES|manage/run|managed by/run by
REPORTS_TO|report to|reported to by
CONTAINS|contain/include|contained in/included in
SUPPLIES|supply|supplied by
USES|use|used by
CREATED|created/made|created by
WROTE|wrote|written by
READS|read|read by
FOLLOWS|follow|followed by
LIKES|like|liked by
BOUGHT|bought|bought by
SOLD|sold|sold by
VISITED|visited|visited by
ATTENDED|attended|attended by
TEACHES|teach|taught by
ENROLLED_IN|are enrolled in|attended by
LOCATED_IN|are located in/are in|containing
DEPENDS_ON|depend on/need|needed by
MONITORS|monitor/watch|monitored by/watched by
RUNS_ON|run on|running
CONNECTED_TO|are connected to|connected from
REVIEWED|reviewed|reviewed by
APPROVED|approved|approved by
ASSIGNED_TO|are assigned to|assigned
BELONGS_TO|belong to|having
PRODUCES|produce|produced by
SHIPPED_TO|were shipped to|receiving
STORED_IN|are stored in|storing
TREATED|treated|treated by
PRESCRIBED|prescribed|prescribed by
PLAYED_IN|played in|featuring
DIRECTED|directed|directed by
SPONSORS|sponsor/fund|sponsored by/funded by
HOSTS|host|hosted by
CITES|cite|cited by
MENTIONS|mention|mentioned by
TAGGED_WITH|are tagged with|tagging
PART_OF|are part of|composed of
KNOWS|know|known by
MENTORS|mentor|mentored by
RENTED|rented|rented by
BOOKED|booked|booked by
DELIVERED|delivered|delivered by
CERTIFIED|certified|certified by
INSPECTED|inspected|inspected by
FUNDED|funded|funded by
ACQUIRED|acquired|acquired by
CALLS|call|called by
REPLACED|replaced|replaced by
TESTED|tested|tested by
LED|led|led by
OPERATES|operate|operated by
SERVES|serve|served by
JOINED|joined|joined by
ORDERED|ordered|ordered by
REQUESTED|requested|requested by
STUDIES|study|studied by
STUDIED|studied|studied by
APPLIES_TO|apply to|applied to by
COPIED|copied|copied by
VERIFIES|verify|verified by
MODIFIED|modified|modified by
REPLIED_TO|replied to|replied to by
CARED_FOR|cared for|cared for by
EXCHANGED|exchanged|exchanged by
MERGED_WITH|merged with|merged with by
RELATES_TO|relate to|related to by
RESOLVED|resolved|resolved by
CHANGES|change|changed by
HIRED|hired|hired by
STORES|store|stored by
REACHES|reach|reached by
WATCHED|watched|watched by
FIXES|fix|fixed by
PASSES|pass|passed by
BLOCKS|block|blocked by
OPENED|opened|opened by
CLOSED|closed|closed by
PAYS|pay|paid by
PAID_FOR|paid for|paid for by
HELPS|help|helped by
STARTED|started|started by
SENT_TO|were sent to|receiving
SENDS|send|sent by
RECEIVED|received|received by
GREW|grew|grown by
TOOK|took|taken by
DROVE|drove|driven by
FLEW_TO|flew to|reached by
KEEPS|keep|kept by
HOLDS|hold|held by
BUILT|built|built by
STARTS_AT|start at|starting
ENDS_AT|end at|ending
STAYS_IN|stay in|housing
SUBSCRIBED_TO|are subscribed to|subscribed to by
COLLABORATES_WITH|collaborate with|collaborating with
CONTRIBUTED_TO|contributed to|contributed to by
BACKED_BY|are backed by|backing
MADE_OF|are made of|used for
LINKED_TO|are linked to|linked from
""".split("\n")

_HELD_OUT_RELATIONS = """
REPAIRED|repaired|repaired by
GUARDS|guard|guarded by
PAINTED|painted|painted by
HARVESTED|harvested|harvested by
CARRIES|carry|carried by
ORBITS|orbit|orbited by
TRANSLATED|translated|translated by
DONATED_TO|donated to|receiving gifts from
BORROWED|borrowed|borrowed by
RECORDED|recorded|recorded by
NOMINATED|nominated|nominated by
DESIGNED|designed|designed by
FEEDS|feed|fed by
SUPERVISES|supervise|supervised by
ANNOTATED|annotated|annotated by
SHELTERS|shelter|sheltered by
LAUNCHED|launched|launched by
COLLECTED|collected|collected by
POWERS|power|powered by
TRAVELED_TO|traveled to|reached by
""".split("\n")


def inflect(verb: str) -> tuple[str, str]:
    """The past and the third person of a regular verb."""
    if re.search("[^aeiou]y$", verb):
        return verb[:-1] + "ied", verb[:-1] + "ies"
    doubled = verb + verb[-1] if re.fullmatch("[^aeiou]*[aeiou][^aeiouwxy]", verb) else verb
    past = verb + "d" if verb.endswith("e") else doubled + "ed"
    return past, verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh")) else "s")


def _relate(entry: str, *, past: bool) -> Relation:
    """The relationship of a verb with or without a preposition (`depend_on`), in the past or the present tense."""
    verb, _, preposition = entry.partition("_")
    done, does = inflect(verb)
    name, active, passive = (
        f"{word} {preposition}".strip() for word in ((done, done, done) if past else (does, verb, done))
    )
    return Relation(name.replace(" ", "_").upper(), (active,), (f"{passive} by",))


def _qualify(properties: Sequence[Property], modifiers: str, each: int) -> list[Property]:
    """Compounds of the properties: `each` of the modifiers before every one of them, in turn."""
    words = modifiers.split()
    return [
        replace(prop, words=f"{words[(number * each + turn) % len(words)]} {prop.words}")
        for number, prop in enumerate(properties)
        for turn in range(each)
    ]


def _read_words(name: str) -> list[str]:
    return resources.files("datagen").joinpath("words", f"{name}.txt").read_text(encoding="utf-8").split()


def _relation(line: str) -> Relation:
    name, active, passive = line.split("|")
    return Relation(name, tuple(active.split("/")), tuple(passive.split("/")))


_CATEGORIES: dict[str, str] = {
    "status": "open closed pending active archived blocked draft",
    "category": "basic premium standard gold silver bronze",
    "color": "red blue green black white yellow",
    "region": "north south east west central",
    "level": "junior senior lead expert novice",
    "language": "english german french spanish italian polish",
    "priority": "low medium high urgent",
    "type": "public private shared internal external",
    "city": "Paris Berlin Madrid Rome Vienna Oslo Lisbon Prague",
    "role": "admin owner guest analyst auditor",
    "format": "pdf json csv xml text",
    "country": "France Spain Japan Brazil Kenya Norway",
    "plan": "free trial monthly yearly",
    "environment": "staging production testing",
    "department": "sales finance support legal design",
    "genre": "drama comedy jazz rock history",
    "severity": "minor major critical",
    "size class": "tiny small medium large",
    "gender": "female male other",
    "mode": "manual automatic hybrid",
    "weekday": "monday tuesday wednesday friday sunday",
    "source": "web phone email partner",
    "method": "cash card transfer cheque",
    "brand": "acme nova orbit zenith",
    "state": "running stopped failed queued",
    "protocol": "http ftp ssh smtp",
    "origin": "local imported mixed",
    "quality": "poor fair good excellent",
    "team name": "red falcon tigers sharks",
    "stage": "planned started finished cancelled",
}
_HELD_OUT_CATEGORIES: dict[str, str] = {
    "material": "steel wood glass paper copper",
    "season": "spring summer autumn winter",
    "grade": "alpha beta gamma delta",
    "shape": "round square oval flat",
    "climate": "dry humid cold mild",
    "currency": "euro dollar yen pound",
}

# words, low, high, superlatives for the most and the least
_INTEGERS = """
age|18|90|oldest|youngest
year|1950|2024|newest|oldest
quantity|1|500||
capacity|10|900|largest|smallest
population|100|9000|most populous|least populous
stock|0|400||
score|1|100|highest-scoring|lowest-scoring
views|0|5000|most viewed|least viewed
duration|1|300|longest|shortest
size|1|999|biggest|smallest
salary|1000|9000|best paid|worst paid
count|0|99||
page count|20|900|longest|shortest
error count|0|80||
retry limit|1|20||
followers|0|9000|most followed|least followed
rank|1|200||
height|10|400|tallest|shortest
floor|0|60||
distance|1|900|farthest|nearest
width|1|500|widest|narrowest
votes|0|900||
points|0|300||
attempts|1|40||
reading time|1|90||
visitor count|0|5000||
bed count|1|60||
delay|0|240||
timeout|1|600||
version number|1|90|latest|earliest
port|20|9000||
experience|0|40|most experienced|least experienced
"""
_HELD_OUT_INTEGERS = """
depth|1|500|deepest|shallowest
mileage|10|9000||
seat count|2|300||
voltage|5|400||
speed|10|300|fastest|slowest
attendance|10|900|best attended|worst attended
"""
_FLOATS = """
price|1|500|most expensive|cheapest
rating|1|5|best rated|worst rated
weight|1|90|heaviest|lightest
total|10|900||
discount|0|50||
balance|10|5000|richest|poorest
budget|100|9000||
cost|5|800|costliest|cheapest
latency|1|400|slowest|fastest
area|5|600|largest|smallest
load|0|100|busiest|least busy
income|100|9000||
interest rate|0|20||
margin|0|60||
temperature|1|99|hottest|coldest
growth|0|80|fastest growing|slowest growing
shipping cost|1|90||
accuracy|1|99|most accurate|least accurate
volume|1|400||
tax|0|90||
hourly wage|5|150||
"""
_HELD_OUT_FLOATS = """
thickness|1|40|thickest|thinnest
humidity|1|99||
toll|1|60||
fee|1|90||
"""
_BOOLEANS = "active verified public archived enabled premium urgent deleted paid open locked shared encrypted completed available"
_HELD_OUT_BOOLEANS = "certified damaged insured"
_STRINGS = (
    "name",
    "title",
    "code",
    "email",
    "owner name",
    "serial number",
    "label",
    "short name",
    "username",
    "reference",
    "slug",
    "alias",
    "full name",
    "address",
)
_HELD_OUT_STRINGS = ("nickname", "motto", "tag", "call sign")
_DATES = (
    "start date", "end date", "due date", "creation date", "birth date", "order date", "release date", "signup date", "delivery date",
    "purchase date", "expiry date", "hire date", "last login date", "publication date", "payment date", "review date",
)  # fmt: skip
_HELD_OUT_DATES = ("launch date", "inspection date", "harvest date", "arrival date")


def _numbers(block: str, kind: PropertyType) -> list[Property]:
    found = []
    for line in block.strip().split("\n"):
        words, low, high, most, least = line.split("|")
        found.append(Property(words, kind, float(low), float(high), most=most, least=least))
    return found


@dataclass(frozen=True)
class Lexicon:
    """The vocabulary of one side of the split."""

    nouns: tuple[Noun, ...]
    relations: tuple[Relation, ...]
    properties: tuple[Property, ...]
    names: tuple[Property, ...]
    dates: tuple[Property, ...]
    held_out: bool


def _lexicon(
    nouns: list[str],
    relations: list[Relation],
    categories: list[Property],
    numbers: list[Property],
    booleans: list[str],
    names: tuple[str, ...],
    dates: tuple[str, ...],
    held_out: bool,
) -> Lexicon:
    flags = [Property(word.replace("_", " "), "BOOLEAN", truth=word.replace("_", " ")) for word in booleans]
    return Lexicon(
        tuple(make_noun(word) for word in dict.fromkeys(nouns)),
        tuple(relations),
        tuple(categories + numbers + flags),
        tuple(Property(word, "STRING") for word in names),
        tuple(Property(word, "STRING", dated=True) for word in dates),
        held_out,
    )


_MEASURED = (
    "net gross base peak daily weekly monthly annual initial final planned actual expected target local global internal external "
    "primary secondary nominal effective remaining reserved allocated estimated rated"
)
_KIND_OF = "home billing shipping parent legal contact default preferred previous current original assigned"


def _categories(pools: dict[str, str]) -> list[Property]:
    return [Property(word, "STRING", pool=tuple(values.split())) for word, values in pools.items()]


_TRAINING_CATEGORIES = _categories(_CATEGORIES)
_TRAINING_NUMBERS = _numbers(_INTEGERS, "INTEGER") + _numbers(_FLOATS, "FLOAT")

TRAINING = _lexicon(
    _NOUNS + _read_words("nouns"),
    [
        *(_relation(line) for line in _RELATIONS if line),
        *(_relate(entry, past=number % 2 == 0) for number, entry in enumerate(_read_words("verbs"))),
    ],
    _TRAINING_CATEGORIES + _qualify(_TRAINING_CATEGORIES, _KIND_OF, 6),
    _TRAINING_NUMBERS + _qualify(_TRAINING_NUMBERS, _MEASURED, 7),
    _BOOLEANS.split() + _read_words("flags"),
    _STRINGS,
    _DATES,
    held_out=False,
)
HELD_OUT = _lexicon(
    _HELD_OUT_NOUNS,
    [_relation(line) for line in _HELD_OUT_RELATIONS if line],
    _categories(_HELD_OUT_CATEGORIES),
    _numbers(_HELD_OUT_INTEGERS, "INTEGER") + _numbers(_HELD_OUT_FLOATS, "FLOAT"),
    _HELD_OUT_BOOLEANS.split(),
    _HELD_OUT_STRINGS,
    _HELD_OUT_DATES,
    held_out=True,
)
