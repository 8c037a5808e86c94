"""Questions about Magic whose answers are looked up or follow from one rule: layers, state-based actions, timing,
keywords, rule numbers and penalties. What they share with `datagen.mtg` (names, answers) is here too."""

import random

from datagen.draft import Draft
from datagen.invention import invent_word
from datagen.mtg_rules import SORCERY_SPEED, STEPS, Change, Permanent, apply_layers, can_play, find_dead
from datagen.mtg_tables import DEAD, INFRACTIONS, KEYWORDS, LAYER, MEANING, NUMBER, PENALTY, PLAY, RULES
from datagen.phrasing import Phraser
from heimdall.answers import FactAnswer

PLAYERS = (
    "Ana", "Ben", "Chloe", "Dario", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Luka",
    "Mina", "Noor", "Otto", "Pia", "Quinn", "Rosa", "Sami", "Tess", "Umar", "Vera", "Wim", "Yara", "Zeno",
)  # fmt: skip
BEASTS = (
    "Hound", "Drake", "Warden", "Adept", "Golem", "Serpent", "Raider", "Falcon", "Titan", "Sentinel", "Beetle",
    "Knight", "Shade", "Ogre", "Archer", "Sprite", "Mammoth", "Lurker",
)  # fmt: skip
SPELLS = ("Blast", "Rebuke", "Rite", "Denial", "Chant", "Bolt", "Boon", "Wave", "Verdict", "Spark", "Ward", "Surge")


def name_card(rng: random.Random, words: tuple[str, ...]) -> str:
    """An invented name of two words."""
    return f"{invent_word(rng).capitalize()} {rng.choice(words)}"


def answer_with(
    category: str, source: str, question: str, answer: str, *required: str, forbidden: tuple[str, ...] = ()
) -> Draft:
    """A ruling that must say each of `required`."""
    expected = FactAnswer(required=tuple((wording,) for wording in required), forbidden=forbidden)
    return Draft(f"mtg_{category}", question, answer, expected, source=f"mtg/{category}/{source}", prompt="chat")


def ask_layers(phraser: Phraser) -> Draft:
    """What power and toughness are after several effects."""
    rng = phraser.rng
    name, power, toughness = name_card(rng, BEASTS), rng.randint(1, 5), rng.randint(1, 6)
    changes: list[Change] = []
    told = []
    for _ in range(rng.randint(2, 4)):
        kind = rng.choice(("set", "modify", "counters", "modify", "switch"))
        if kind == "set":
            changes.append(Change("set", rng.randint(0, 5), rng.randint(1, 6)))
            told.append(f"an effect that makes it {changes[-1].power}/{changes[-1].toughness}")
        elif kind == "switch":
            changes.append(Change("switch"))
            told.append("an effect that switches its power and toughness")
        elif kind == "modify":
            changes.append(Change("modify", rng.randint(0, 3), rng.randint(0, 3)))
            told.append(f"an effect that gives it +{changes[-1].power}/+{changes[-1].toughness} until end of turn")
        else:
            number = rng.randint(1, 3)
            changes.append(Change("counters", number, number))
            told.append(f"{number} +1/+1 counter{'s' * (number > 1)}")
    question = phraser.pick("mtg.layers", LAYER).format(c=name, p=f"{power}/{toughness}", e="; then ".join(told))
    final = "/".join(map(str, apply_layers(power, toughness, changes)))
    answer = (
        "Effects that set power and toughness apply first, then counters and other changes, then switches, "
        f"whatever the timestamps between these groups (613.4). {name} is {final}."
    )
    return answer_with("layers", ",".join(change.kind for change in changes), question, answer, f"{name} is {final}")


def ask_state_based(phraser: Phraser) -> Draft:
    """Which permanents state-based actions remove."""
    rng = phraser.rng
    player = rng.choice(PLAYERS)
    permanents: list[Permanent] = []
    told = []
    for _ in range(rng.randint(2, 4)):
        if rng.random() < 0.2:
            loyalty = rng.choice((0, 0, 1, 3))
            permanents.append(Permanent(name_card(rng, ("Sage", "Exile")), player, "planeswalker", loyalty=loyalty))
            told.append(f"the planeswalker {permanents[-1].name} with loyalty {loyalty}")
            continue
        toughness, counters = rng.randint(1, 5), rng.choice((0, 0, -1, -2, 1))
        damage, solid = rng.randint(0, 5), rng.random() < 0.25
        permanents.append(
            Permanent(name_card(rng, BEASTS), player, "creature", rng.randint(0, 5), toughness, damage, counters, solid)
        )
        size = f"{permanents[-1].power}/{toughness}"
        what = f"{'an indestructible' if solid else 'the'} {size} {permanents[-1].name}"
        sign, many = "+1/+1" if counters > 0 else "-1/-1", "s" * (abs(counters) > 1)
        marks = f" and {abs(counters)} {sign} counter{many}" if counters else ""
        told.append(f"{what} with {damage} damage marked on it{marks}")
    question = phraser.pick("mtg.dead", DEAD).format(a=player, p="; ".join(told))
    dead = find_dead(permanents)
    leaving = ", ".join(f"{name} ({rule})" for name, rule in dead) or "none"
    answer = f"State-based actions look at everything at once (704.3). Leaves the battlefield: {leaving}."
    source = ";".join(f"{p.kind}/{p.toughness}/{p.counters}/{p.damage}/{p.indestructible}" for p in permanents)
    said = [f"{name} ({rule})" for name, rule in dead] or ["Leaves the battlefield: none"]
    staying = tuple(f"{p.name} (704" for p in permanents if p.name not in dict(dead))
    return answer_with("state_based", source, question, answer, *said, forbidden=staying)


def ask_timing(phraser: Phraser) -> Draft:
    """Whether a card may be played now."""
    rng = phraser.rng
    flash = rng.choice(("creature", "artifact", "enchantment")) + " with flash"
    card = rng.choice(("land", "instant", flash, *SORCERY_SPEED))
    step = rng.choice((*STEPS, "precombat main phase", "postcombat main phase", "precombat main phase"))
    own, empty = rng.random() < 0.7, rng.random() < 0.6
    played = card == "land" and rng.random() < 0.4
    player, other = rng.sample(PLAYERS, 2)
    name, spell = name_card(rng, (*BEASTS, *SPELLS)), name_card(rng, SPELLS)
    stack = "the stack is empty" if empty else f"{other}'s {spell} is on the stack"
    lands = ""
    if card == "land":
        lands = f" {player} has {'played one land' if played else 'not played a land'} this turn."
    what, whose = f"{name}, {'an' if card[0] in 'aie' else 'a'} {card}", f"{player if own else other}'s"
    question = phraser.pick("mtg.play", PLAY).format(a=player, w=whose, s=step, k=stack, c=what, l=lands)
    reason = can_play(card, step, own_turn=own, empty_stack=empty, land_played=played)
    source = f"{card}/{step}/{own}/{empty}/{played}"
    if reason:
        answer = f"No, {name} cannot be played now: {reason}."
        return answer_with("timing", source, question, answer, "cannot be played", forbidden=("can be played",))
    answer = f"Yes, {name} can be played now by a player who has priority."
    return answer_with("timing", source, question, answer, "can be played", forbidden=("cannot be played",))


# --- Tables -----------------------------------------------------------------------------------------------------------


def ask_keywords(phraser: Phraser) -> Draft:
    """What one or two keywords do."""
    rng = phraser.rng
    words = rng.sample(sorted(KEYWORDS), rng.choice((1, 2, 2)))
    card, player = name_card(rng, BEASTS), rng.choice(PLAYERS)
    question = phraser.pick("mtg.meaning", MEANING).format(
        a=player, c=card, k=" and ".join(words), s=f"{rng.randint(1, 6)}/{rng.randint(1, 6)}"
    )
    answer = " ".join(f"{word.capitalize()} ({KEYWORDS[word][0]}): {KEYWORDS[word][1]}." for word in words)
    said = [part for word in words for part in (KEYWORDS[word][0], KEYWORDS[word][2])]
    return answer_with("keywords", "+".join(sorted(words)), question, answer, *said)


def ask_rule(phraser: Phraser) -> Draft:
    """Under which number a rule stands."""
    rng = phraser.rng
    subject = rng.choice(sorted(RULES))
    player, card = rng.choice(PLAYERS), name_card(rng, BEASTS)
    question = phraser.pick("mtg.number", NUMBER).format(r=subject, a=player, c=card)
    answer = f"Rule {RULES[subject]} covers {subject}."
    return answer_with("rules", subject, question, answer, RULES[subject])


def ask_penalty(phraser: Phraser) -> Draft:
    """Which penalty a case gets in the simplified table."""
    rng = phraser.rng
    infraction = rng.choice(INFRACTIONS)
    player, other = rng.sample(PLAYERS, 2)
    card, number = name_card(rng, BEASTS), rng.randint(1, 9)
    case = rng.randrange(len(infraction.cases))
    happened = infraction.cases[case].format(a=player, b=other, c=card)
    question = phraser.pick("mtg.penalty", PENALTY).format(h=happened, n=number, a=player)
    answer = (
        f"{infraction.name}: {infraction.penalty} for {player}, in the simplified table for a first offence at "
        "Competitive level; the head judge decides."
    )
    others = tuple(p for p in ("Warning", "Game Loss", "Match Loss", "Disqualification") if p != infraction.penalty)
    return answer_with(
        "tournament", f"{infraction.name}/{case}", question, answer, infraction.penalty, forbidden=others
    )
