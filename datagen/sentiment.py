"""Reviews with their sentiment, as a whole or for one aspect, composed by a grammar from which the label follows.

An opinion is worth +2 or -2; an intensifier makes that 3, a downtoner 1. `not` turns a positive one into -2 and a
negative one into +1. What is said after `but`, or in the main clause after `although`, counts twice. The sign of the
sum is the label; a sum of zero is `mixed`, a review without opinions `neutral`.
"""

import random
from typing import NamedTuple

from datagen.draft import Draft
from datagen.invention import invent_word
from datagen.phrasing import Phraser
from heimdall.answers import TextAnswer

# Strong words stand alone; only what has degrees is negated, intensified or toned down ("not superb" is no blame).
_STRONG = {
    "+": ("excellent", "wonderful", "impressive", "delightful", "outstanding", "superb", "fantastic", "remarkable", "splendid", "marvellous"),
    "-": ("terrible", "awful", "dreadful", "miserable", "horrible", "lousy", "unacceptable", "atrocious", "abysmal", "appalling"),
}  # fmt: skip
_GRADED = {
    "+": ("good", "nice", "pleasant", "useful", "likeable", "enjoyable", "agreeable", "convincing", "satisfying", "charming"),
    "-": ("bad", "poor", "disappointing", "annoying", "frustrating", "tiresome", "dull", "weak", "unpleasant", "clumsy"),
}  # fmt: skip
_INTENSE = ("very", "really", "extremely", "incredibly", "truly", "exceptionally", "thoroughly", "especially", "hugely")
_SLIGHT = {
    "+": ("fairly", "reasonably", "moderately", "sufficiently", "passably", "tolerably", "mostly", "more or less"),
    "-": ("a bit", "slightly", "somewhat", "a little", "mildly", "a touch", "vaguely", "marginally"),
}  # fmt: skip
_CONTRAST = (
    "{x}, but {y}.", "{x}; however, {y}.", "although {x}, {y}.", "{x}, yet {y}.", "while {x}, {y}.", "{x}. Still, {y}.", "even though {x}, {y}.", "{x}, but then again {y}.", "granted, {x}; nevertheless {y}.",
)  # fmt: skip
_JOIN = (
    "{x} and {y}.", "{x}. Also, {y}.", "{x}, and {y}.", "{x}; besides, {y}.", "{x}. In addition, {y}.", "{x}. What is more, {y}.", "{x}. And {y}.", "{x}; on top of that, {y}.",
)  # fmt: skip
_NEUTRAL = (
    "I used the {a} on {d}", "the {a} was there on {d}", "we looked at the {a} on {d}", "the {a} came up on {d}", "on {d} I tried the {a}", "the {a} is the same as on {d}", "somebody mentioned the {a} on {d}", "the {a} was part of it on {d}",
)  # fmt: skip
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "the first day", "the last day")
_DOMAINS: dict[str, tuple[str, ...]] = {
    "restaurant": ("service", "soup", "menu", "wine list", "dessert", "terrace", "music", "bread"), "hotel": ("breakfast", "room", "pool", "lobby", "bathroom", "view", "bed", "lift"),
    "laptop": ("keyboard", "screen", "battery", "speaker", "fan", "hinge", "webcam", "touchpad"), "app": ("search", "layout", "login", "map", "help page", "export", "sync", "dark mode"),
    "course": ("teacher", "workbook", "pace", "exam", "forum", "video quality", "classroom", "feedback"), "phone": ("camera", "display", "charger", "sound", "reception", "case", "fingerprint reader", "torch"),
    "novel": ("plot", "hero", "ending", "dialogue", "pacing", "cover", "first chapter", "villain"), "train ride": ("seat", "wifi", "snack bar", "luggage rack", "air conditioning", "timetable", "window", "staff"),
    "database": ("query speed", "documentation", "installer", "backup tool", "console", "support", "import", "upgrade path"), "car": ("steering", "brake", "boot", "radio", "gearbox", "heating", "dashboard", "paint"),
    "concert": ("sound mix", "light show", "opening act", "singer", "hall", "ticket counter", "drummer", "encore"), "museum": ("audio guide", "exhibition", "shop", "cafe", "signage", "cloakroom", "lighting", "garden"),
}  # fmt: skip
_SUBJECT = (
    "Review of {n}, a {k}:", "{n} ({k}).", "About the {k} {n}:", "My view of {n}, the {k}.", "{k} {n}, a visitor writes:", "Customer comment on {n} ({k}):", "Subject: {n}, {k}.", "What I think of the {k} called {n}.", "Notes on {n}, a {k}.",
)  # fmt: skip
_ASK = (
    "What is the sentiment: positive, negative, mixed or neutral?", "Label the sentiment (positive, negative, mixed, neutral).", "Is this review positive, negative, mixed or neutral?", "Sentiment? One of positive, negative, mixed, neutral.", "Classify: positive, negative, mixed or neutral.",
    "Overall, does the writer sound positive, negative, mixed or neutral?", "Give the overall sentiment as one word: positive, negative, mixed or neutral.", "Which of positive, negative, mixed and neutral describes it?", "Tell me in one word whether it is positive, negative, mixed or neutral.",
)  # fmt: skip
_ASK_ASPECT = (
    "What is the sentiment about the {a}: positive, negative or neutral?", "How does the writer feel about the {a} (positive, negative, neutral)?", "Label the opinion on the {a}: positive, negative or neutral.", "Only the {a}: positive, negative or neutral?", "Sentiment towards the {a}? One of positive, negative, neutral.",
    "Is the {a} judged positive, negative or neutral?", "Classify what is said of the {a} as positive, negative or neutral.", "As to the {a}, is the review positive, negative or neutral?", "In one word (positive, negative, neutral): the {a}?",
)  # fmt: skip
_KINDS = ("+", "-", "++", "--", "~+", "~-", "!+", "!-", "0")
_WORTH = {"+": 2, "-": -2, "++": 3, "--": -3, "~+": 1, "~-": -1, "!+": -2, "!-": 1, "0": 0}


class Clause(NamedTuple):
    """What is said of one aspect: `kind` is `+` or `-`, doubled where intensified, after `~` where toned down, after `!`
    where negated, or `0` for no opinion; `weight` is 2 where a contrast points to it."""

    aspect: str
    kind: str
    weight: int = 1

    @property
    def score(self) -> int:
        """What it adds to the review's sum."""
        return _WORTH[self.kind] * self.weight


def label_review(clauses: list[Clause]) -> str:
    """The label of a review as a whole."""
    if all(clause.kind == "0" for clause in clauses):
        return "neutral"
    return label_score(sum(clause.score for clause in clauses)) or "mixed"


def label_score(score: int) -> str | None:
    """The label of a sum, None for zero."""
    return "positive" if score > 0 else "negative" if score < 0 else None


def draw_sentiment(phraser: Phraser) -> Draft:
    """A review to be labelled, as a whole or for one of its aspects."""
    rng = phraser.rng
    domain = rng.choice(list(_DOMAINS))
    pairs = rng.choice((1, 1, 2))
    aspects = rng.sample(_DOMAINS[domain], 2 * pairs)
    kinds = _choose_kinds(rng, 2 * pairs)
    clauses: list[Clause] = []
    sentences: list[str] = []
    shape = []
    for at in range(0, 2 * pairs, 2):
        contrast = rng.random() < 0.5
        pair = [Clause(aspects[at], kinds[at]), Clause(aspects[at + 1], kinds[at + 1], 2 if contrast else 1)]
        frame = phraser.pick("sentiment.contrast", _CONTRAST) if contrast else phraser.pick("sentiment.join", _JOIN)
        first, second = (_tell_clause(phraser, clause) for clause in pair)
        text = frame.format(x=first, y=second)
        sentences.append(text[0].upper() + text[1:])
        clauses += pair
        shape.append(f"{kinds[at]}{'but' if contrast else 'and'}{kinds[at + 1]}")
    subject = phraser.pick("sentiment.subject", _SUBJECT).format(n=invent_word(rng).capitalize(), k=domain)
    review = f"{subject[0].upper()}{subject[1:]} {' '.join(sentences)}"
    if rng.random() < 0.4:
        asked = rng.choice(clauses)
        label = label_score(asked.score) or "neutral"
        ask, category = phraser.pick("sentiment.aspect", _ASK_ASPECT).format(a=asked.aspect), "sentiment_aspect"
        shape.append(str(clauses.index(asked)))
    else:
        label, ask, category = label_review(clauses), phraser.pick("sentiment.ask", _ASK), "sentiment_review"
    source = f"{category}/{','.join(shape)}"
    return Draft(category, f"{review}\n\n{ask}", label, TextAnswer(text=label), source=source, prompt="chat")


def _choose_kinds(rng: random.Random, number: int) -> list[str]:
    """Kinds of clauses; one review in six has no opinions at all."""
    if rng.random() < 1 / 6:
        return ["0"] * number
    return [rng.choice(_KINDS) for _ in range(number)]


def _tell_clause(phraser: Phraser, clause: Clause) -> str:
    if clause.kind == "0":
        day = phraser.rng.choice(_DAYS)
        return phraser.pick("sentiment.neutral", _NEUTRAL).format(a=clause.aspect, d=day)
    sign = clause.kind[-1]
    plain = len(clause.kind) == 1 and phraser.rng.random() < 0.5
    words = f"strong.{sign}" if plain else f"graded.{sign}"
    word = phraser.pick(f"sentiment.{words}", (_STRONG if plain else _GRADED)[sign])
    match clause.kind[0], len(clause.kind):
        case "~", _:
            word = f"{phraser.pick(f'sentiment.slight.{sign}', _SLIGHT[sign])} {word}"
        case "!", _:
            word = f"not {word}"
        case _, 2:
            word = f"{phraser.pick('sentiment.intense', _INTENSE)} {word}"
    return f"the {clause.aspect} was {word}"
