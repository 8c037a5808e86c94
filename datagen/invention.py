"""Makes up nouns, relationships and properties letter by letter, so that no word list can be learnt by heart.

Half of the words are pronounceable noise (`zorbel`), half continue the spelling habits of the training words
(`customenter`): a real word that training never saw looks like the latter.
"""

import random
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable

from datagen.lexicon import HELD_OUT, TRAINING, Lexicon, Noun, Property, PropertyType, Relation, inflect, make_noun

Invent = Callable[[], str]  # gives another name at each call
_VOWELS, _CONSONANTS = "aeiou", "bcdfghjklmnpqrstvwxyz"
_END = "$"
_HELD_OUT_PART = 8  # every eighth word that can be made up is for held-out schemas only
_PREPOSITIONS = ("to", "for", "in", "at", "with", "from", "on")

_RESERVED = frozenset(
    """abstract assert async await boolean break byte case catch char class const continue debugger default defer
    delete double elif else enum eval except export extends final finally float from func function global goto
    implements import instanceof interface lambda long native none nonlocal null package pass print private
    protected public raise range record return sealed select short static strictfp string struct super switch
    synchronized this throw throws transient true try type typeof undefined using void volatile while with yield
    """.split()  # noqa: SIM905
)


def _split_words(lexicon: Lexicon) -> list[str]:
    """The lower-case words of a lexicon, in order and once each."""
    phrases = [noun.singular for noun in lexicon.nouns]
    phrases += [prop.words for prop in (*lexicon.properties, *lexicon.names)]
    phrases += [relation.name.lower().replace("_", " ") for relation in lexicon.relations]
    return list(dict.fromkeys(word for phrase in phrases for word in phrase.split() if word.isalpha()))


def _count_trigrams(words: list[str]) -> dict[str, tuple[tuple[str, ...], tuple[int, ...]]]:
    """For each two letters (or `^` before the start), the letters that follow in `words` and how often."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for word in words:
        padded = f"^^{word}{_END}"
        for at in range(len(padded) - 2):
            counts[padded[at : at + 2]][padded[at + 2]] += 1
    return {before: (tuple(after), tuple(after.values())) for before, after in counts.items()}


_TRIGRAMS = _count_trigrams(_split_words(TRAINING))
_REAL = frozenset(_split_words(TRAINING) + _split_words(HELD_OUT))


def invent_word(rng: random.Random, shortest: int = 4, longest: int = 8, *, held_out: bool = False) -> str:
    """A lower-case word of `shortest` to `longest` letters that is in neither lexicon.

    The words that are made up for held-out schemas are never made up for others.
    """
    while True:
        word = _spell_noise(rng, shortest, longest) if rng.random() < 0.5 else _spell_alike(rng)
        reserved = zlib.crc32(word.encode()) % _HELD_OUT_PART == 0
        if shortest <= len(word) <= longest and word not in _REAL and reserved == held_out:
            return word


def invent_identifiers(rng: random.Random, number: int) -> list[str]:
    """Different words of which none is reserved in Go, Java, JavaScript or Python."""
    words: list[str] = []
    while len(words) < number:
        word = invent_word(rng, 4, 7)
        if word not in words and word not in _RESERVED:
            words.append(word)
    return words


def _spell_noise(rng: random.Random, shortest: int, longest: int) -> str:
    length, word = rng.randint(shortest, longest), ""
    vowel = rng.random() < 0.4
    while len(word) < length:
        word += rng.choice(_VOWELS if vowel else _CONSONANTS)
        vowel = not vowel if rng.random() < 0.85 else vowel
    return word


def _spell_alike(rng: random.Random) -> str:
    padded = "^^"
    while padded[-1] != _END:
        letters, counts = _TRIGRAMS[padded[-2:]]
        padded += rng.choices(letters, counts)[0]
    return padded[2:-1]


def invent_noun(rng: random.Random, *, held_out: bool) -> Noun:
    """An invented entity with a regular plural."""
    return make_noun(_invent_phrase(rng, held_out=held_out))


def invent_relation(rng: random.Random, *, held_out: bool) -> Relation:
    """An invented relationship: a verb in one of two tenses, or with a preposition, or a code that a question names."""
    verb = invent_word(rng, 4, 7, held_out=held_out)
    past, present = inflect(verb)
    form = rng.choices(("past", "present", "preposition", "code"), (28, 28, 22, 22))[0]
    if form == "past":
        return Relation(past.upper(), (past,), (f"{past} by",))
    if form == "present":
        return Relation(present.upper(), (verb,), (f"{past} by",))
    if form == "preposition":
        preposition = rng.choice(_PREPOSITIONS)
        spelt = rng.choice((past, present))
        active = f"are {past} {preposition}" if spelt == past and rng.random() < 0.5 else f"{past} {preposition}"
        if spelt == present:
            active = f"{verb} {preposition}"
        return Relation(f"{spelt}_{preposition}".upper(), (active,), (f"{past} {preposition} by",))
    name = rng.choice(
        (f"HAS_{verb}", f"{verb}_{invent_word(rng, 3, 4, held_out=held_out)}", f"{verb}_{rng.randint(1, 99)}")
    ).upper()
    return make_coded_relation(name)


def make_coded_relation(name: str) -> Relation:
    """A relationship of which only its name tells, so that questions have to name it."""
    return Relation(name, (f"have {name} to", f"are linked by {name} to"), (f"linked by {name} from",))


def _invent_phrase(rng: random.Random, *, held_out: bool) -> str:
    if rng.random() < 0.7:
        return invent_word(rng, held_out=held_out)
    return f"{invent_word(rng, 3, 7, held_out=held_out)} {invent_word(rng, 3, 7, held_out=held_out)}"


def invent_name(rng: random.Random, *, held_out: bool) -> Property:
    """An invented text property whose values are names."""
    return Property(_invent_phrase(rng, held_out=held_out), "STRING")


def invent_property(rng: random.Random, *, held_out: bool) -> Property:
    """An invented property of one or two words and of a random type."""
    words = _invent_phrase(rng, held_out=held_out)
    kind: PropertyType = rng.choice(("STRING", "INTEGER", "FLOAT", "BOOLEAN"))
    if kind == "STRING":
        return Property(words, kind, pool=tuple(dict.fromkeys(invent_word(rng) for _ in range(4))))
    if kind == "BOOLEAN":
        return Property(words, kind, truth=words)
    return Property(words, kind, low=1, high=rng.choice((50, 500, 5000)))
