"""Words for `datagen.mtg`: keywords, rule numbers, penalties, and the wordings of its questions."""

from typing import NamedTuple

# Keyword: number of its rule, what it does in our words, and a part of that which an answer must say.
KEYWORDS: dict[str, tuple[str, str, str]] = {
    "deathtouch": ("702.2", "any damage above zero that this deals to a creature is enough to destroy it", "enough to destroy"),
    "defender": ("702.3", "this creature cannot attack", "cannot attack"),
    "double strike": ("702.4", "this deals combat damage in the first-strike step and again in the regular one", "again in the regular one"),
    "first strike": ("702.7", "this deals its combat damage in an earlier step than creatures without it", "in an earlier step"),
    "flash": ("702.8", "this may be cast whenever an instant could be", "whenever an instant could"),
    "flying": ("702.9", "only creatures with flying or reach can block this", "flying or reach"),
    "haste": ("702.10", "this may attack and use tap abilities in the turn in which it arrives", "in the turn in which it arrives"),
    "hexproof": ("702.11", "opponents cannot choose this as a target", "opponents cannot"),
    "indestructible": ("702.12", "neither lethal damage nor effects that say destroy put this into the graveyard", "neither lethal damage nor"),
    "lifelink": ("702.15", "its controller gains as much life as the damage that this deals", "gains as much life"),
    "reach": ("702.17", "this can block creatures with flying", "can block creatures with flying"),
    "shroud": ("702.18", "nobody, its controller included, can choose this as a target", "its controller included"),
    "trample": ("702.19", "damage beyond what is lethal to its blockers may go to the player it attacks", "beyond what is lethal"),
    "vigilance": ("702.20", "attacking does not tap this", "does not tap"),
    "ward": ("702.21", "an opponent's spell or ability that targets this is countered unless its controller pays", "unless its controller pays"),
    "menace": ("702.111", "this can be blocked only by two or more creatures", "two or more creatures"),
    "prowess": ("702.108", "this gets +1/+1 until end of turn when its controller casts a noncreature spell", "noncreature spell"),
}  # fmt: skip

# What is looked up, and the rule's number in the Comprehensive Rules.
RULES: dict[str, str] = {
    **{f"the keyword {word}": number for word, (number, _, _) in KEYWORDS.items()},
    "the order in which the active and the other players decide": "101.4",
    "priority and who has it": "117",
    "the untap step": "502", "the upkeep step": "503", "the draw step": "504", "the main phases": "505", "the combat phase as a whole": "506",
    "declaring attackers": "508", "declaring blockers": "509", "combat damage": "510", "the end of combat step": "511",
    "the ending phase": "512", "the end step": "513", "the cleanup step": "514",
    "what happens to the stack when all players pass": "405.5", "casting spells": "601", "activating abilities": "602",
    "handling triggered abilities": "603", "static abilities": "604", "mana abilities": "605", "loyalty abilities": "606",
    "how spells and abilities resolve": "608", "a spell whose targets have become illegal": "608.2b", "the layers of continuous effects": "613",
    "replacement effects": "614", "prevention effects": "615", "state-based actions": "704", "losing at 0 life": "704.5a",
    "drawing from an empty library": "704.5b", "losing to ten poison counters": "704.5c", "a creature with toughness 0": "704.5f",
    "a creature with lethal damage": "704.5g", "a planeswalker without loyalty": "704.5i", "two legendary permanents of one name": "704.5j",
    "simultaneous triggers of two players going onto the stack": "603.3b",
}  # fmt: skip


class Infraction(NamedTuple):
    """A row of the simplified penalty table, with cases that are it."""

    name: str
    penalty: str
    cases: tuple[str, ...]


INFRACTIONS: tuple[Infraction, ...] = (
    Infraction("Tardiness", "Game Loss", (
        "{a} sits down three minutes after the round began", "{a} arrives at the table shortly after the start of the round without permission",
        "when the round starts, {a} is still at the food stand and comes four minutes late to play {b}",
    )),
    Infraction("Outside Assistance", "Match Loss", (
        "{a} asks a friend in the crowd which creature to block with", "between two turns {a} asks a spectator whether {c} is worth playing",
        "{a} reads notes taken before the match while playing against {b}", "a spectator, {a}, whispers to {b} to hold {c} back",
    )),
    Infraction("Slow Play", "Warning", (
        "{a} takes minutes for a simple decision without meaning to gain time", "{a} checks the same graveyard over and over and the match hardly moves, with no intent to run out the clock",
        "{a} thinks far too long about {c}, honestly undecided",
    )),
    Infraction("Stalling", "Disqualification", (
        "{a} plays slowly on purpose so that time runs out against {b}", "ahead by a game, {a} deliberately shuffles for minutes to use up the clock",
        "{a} admits to thinking long about {c} only to let the round end",
    )),
    Infraction("Decklist Problem", "Game Loss", (
        "the list that {a} handed in has fewer cards than are legal", "{a}'s decklist names a card that the format does not allow",
        "{a} registered 58 cards for a format that asks for 60",
    )),
    Infraction("Marked Cards", "Warning", (
        "some of {a}'s sleeves are worn, without any pattern", "the sleeve of {c} in {a}'s deck is bent by accident and there is no pattern",
        "a few sleeves of {a} have small nicks, spread at random",
    )),
    Infraction("Insufficient Shuffling", "Warning", (
        "{a} gives the deck one quick riffle after searching and presents it, honestly", "after a search {a} only cuts the deck once and offers it to {b}, thinking that is enough",
        "{a} pile-counts the deck, calls it shuffled and presents it in good faith",
    )),
    Infraction("Looking at Extra Cards", "Warning", (
        "{a} knocks the top card of the library over and sees it", "while shuffling {b}'s deck {a} flips {c} face up by accident",
        "{a} picks up two cards stuck together from the library and sees the second one before it touches the hand",
    )),
    Infraction("Game Rule Violation", "Warning", (
        "{a} casts {c} with one mana too few, by mistake", "{a} attacks with {c}, which has defender, and neither notices at first",
        "{a} forgets that {c} enters tapped and untaps it with the others", "{a} resolves {c} without paying an added cost, by oversight",
    )),
    Infraction("Failure to Maintain Game State", "Warning", (
        "{a} did not notice that the opponent, {b}, broke a rule with {c} two turns ago", "{b} made a mistake with {c} and {a}, the opponent, let it pass unnoticed for a turn",
        "{b} paid too little for {c} a turn ago, and {a}, the opponent, notices it only now",
    )),
    Infraction("Unsporting Conduct, Minor", "Warning", (
        "{a} uses foul language loudly at the table", "{a} throws {c} onto the table in anger, hurting nobody and damaging nothing",
        "{a} leaves a lot of rubbish at the table and ignores a first request to tidy up",
    )),
    Infraction("Unsporting Conduct, Major", "Match Loss", (
        "{a} insults {b} because of where {b} comes from", "{a} mocks {b} with a slur", "{a} harasses {b} with hateful words after losing {c}",
    )),
    Infraction("Aggressive Behavior", "Disqualification", (
        "{a} threatens to hit {b}", "{a} shoves {b} after the match", "{a} tears up {b}'s {c} in rage", "{a} pulls the chair from under {b} in anger",
    )),
    Infraction("Theft of Tournament Material", "Disqualification", (
        "{a} takes {b}'s {c} home on purpose", "{a} slips a deck box of {b} into a bag to keep it", "{a} steals cards from the draft table",
    )),
    Infraction("Cheating", "Disqualification", (
        "{a} knowingly draws an extra card, hoping that {b} does not see it", "{a} stacks the deck so that {c} is on top",
        "{a} notices that a life total is wrong in {a}'s favour, knows that this must be said and keeps silent to win", "{a} lies to the judge about {c} to gain an advantage",
    )),
)  # fmt: skip

FIGHT: dict[str, tuple[str, ...]] = {
    "blocked": (
        "{a} ({x} life) attacks {b} ({y} life) with {c}. {b} blocks with {d}.", "{b} is at {y} life, {a} at {x}. {a}'s {c} attacks and is blocked by {d}.",
        "attack by {a}: {c}. Block by {b}: {d}. Life totals: {a} {x}, {b} {y}.", "with {a} at {x} and {b} at {y} life, {c} attacks {b}, who puts {d} in its way.",
        "{a} swings at {b} with {c}, and the block is {d}. {a} is on {x} life and {b} on {y}.", "{b}, at {y} life, blocks {a}'s {c} with {d}. {a} has {x} life.",
        "{c}, controlled by {a} at {x} life, runs into {d}, controlled by {b} at {y} life.", "combat: {a} sends {c} at {b}, {b} answers with {d} as blocker. {a} has {x} life, {b} has {y}.",
        "{a} declares {c} as the only attacker. {b} declares {d} as blocking it. Before damage {a} has {x} life and {b} {y}.",
    ),
    "unblocked": (
        "{a} ({x} life) attacks {b} ({y} life) with {c}, and nobody blocks.", "{c} attacks for {a}; {b} does not block. {a} has {x} life, {b} has {y}.",
        "{b}, at {y} life, lets {a}'s {c} through. {a} is at {x}.", "attack by {a}: {c}. No blocks by {b}. Life totals: {a} {x}, {b} {y}.",
        "with {a} at {x} life and {b} at {y}, {c} connects unblocked with {b}.", "{a} swings at {b} with {c} and meets no blocker. {a} is on {x} life, {b} on {y}.",
        "{a} declares {c} as an attacker and {b} has nothing to block with. Life: {a} {x}, {b} {y}.", "no creature of {b} stops {c}, with which {a} attacks. {b} has {y} life and {a} {x}.",
    ),
    "policy": (
        " {a} gives each blocker, in that order, just lethal damage, and any rest to the player with trample or else to the last blocker.",
        " In the order named {a} assigns lethal damage to each blocker; what is left goes to the player if there is trample and to the last blocker if not.",
        " {a} kills the blockers in the order named as far as damage goes; a rest tramples over if it can, else the last blocker takes it.",
        " Damage goes to the blockers in this order, lethal damage each; the surplus tramples over or, without trample, hits the last blocker.",
        " {a} spends as little damage as is lethal on each blocker in turn; a surplus goes to the player with trample, otherwise to the last blocker.",
        " Blockers get lethal damage one after the other in the order named, and the surplus is for the player under trample, for the last blocker without.",
        " {a}'s choice: exactly lethal damage for each blocker in this order, then the rest to the player (trample) or the last blocker (no trample).",
        " {a} assigns damage down the line, lethal to each; with trample the remainder reaches the player, without it the last blocker gets it.",
    ),
    "ask": (
        "What are the life totals after combat damage, and who dies?", "How does this combat end for both players and all creatures?", "Which creatures die, and how much life do {a} and {b} have?",
        "Work out combat damage: life of {a}, life of {b}, creatures that die.", "Please rule on the damage: deaths and life totals?", "What is the result of the combat damage?",
        "Life totals and dead creatures afterwards?", "After damage, what do {a} and {b} stand at and what died?", "Who survives, and at what life totals are {a} and {b}?",
        "Resolve this combat for me, with both life totals.",
    ),
}  # fmt: skip

BLOCK = (
    "{a} attacks {b} with {c}. Can {b} block with {d} alone?", "may {d}, with no other creature, block {a}'s {c}, asks {b}", "{b} wants to block {a}'s {c} with {d} and nothing else. Legal?",
    "attacker of {a}: {c}. Proposed block of {b}: {d}. Is that block legal?", "is it legal for {b} to declare {d} as the only blocking force against {a}'s {c}?", "{c} attacks for {a}. {b} points at {d}. Is this a legal block?",
    "judge, {a} attacks with {c}; is blocking with just {d} allowed for {b}?", "block check: {d} of {b} against {c} of {a}, no further blockers. Allowed or not?", "can {b} stop {a}'s {c} with nothing more than {d} as blockers?",
)  # fmt: skip

ATTACK = (
    "{a} controls an untapped {c}. {s} Can it attack this turn?", "{c} is untapped under {a}'s control. {s} May it attack?",
    "it is {a}'s turn. {s} Is {c}, untapped, able to attack?", "attack with {c}? {a} has it untapped. {s}",
    "{a} wants to attack with the untapped {c}. {s} Is that legal?", "{s} {a} has {c} untapped and declares it as an attacker. Allowed?",
    "ruling please: {a}, untapped {c}. {s} Can {a} attack with it now?", "{a} asks whether {c} (untapped) is allowed to attack. {s}",
    "judge! {a} swings with {c}, which is untapped. {s} Is the attack legal?",
)  # fmt: skip
SINCE = {
    True: ("It was there when the turn began.", "It has been under {a}'s control since last turn.", "It has been on the battlefield for two turns."),
    False: ("It came onto the battlefield this turn.", "{a} cast it this very turn.", "It entered the battlefield a moment ago."),
}  # fmt: skip

STACK: dict[str, tuple[str, ...]] = {
    "life": (
        "{a} has {x} life and {b} has {y}.", "Life totals: {a} {x}, {b} {y}.", "{a} is at {x}, {b} at {y} life.", "With {a} on {x} life and {b} on {y}, the following happens.",
        "{b} has {y} life, {a} {x}.", "The score is {x} life for {a} and {y} for {b}.", "{a} stands at {x} life, {b} at {y}.", "Start: {a} {x} life, {b} {y} life.",
    ),
    "cast": (
        "{a} casts {s}.", "{a} begins with {s}.", "First {a} casts {s}.", "{a} puts {s} on the stack.", "The first spell is {a}'s {s}.", "{a} starts things off by casting {s}.",
        "On an empty stack {a} casts {s}.", "{a} opens with {s}.",
    ),
    "respond": (
        "In response {a} casts {s}.", "Before anything resolves, {a} adds {s}.", "{a} responds with {s}.", "{a} holds priority or gets it and casts {s} on top.", "On top of that {a} casts {s}.",
        "With that on the stack {a} casts {s}.", "{a} answers with {s}.", "Still nothing has resolved, and {a} casts {s}.", "{a} reacts with {s}.",
    ),
    "ask": (
        "All pass. What are the life totals in the end?", "Then everybody passes. How much life do {a} and {b} have?", "No more spells are cast. Life totals once the stack is done?",
        "Nobody adds anything. What do {a} and {b} stand at afterwards?", "Both pass until the stack is empty: give me both life totals.", "The stack now resolves completely; at what life are {a} and {b}?",
        "How does this end for {a} and {b}, if nobody responds further?", "Let it all resolve. Final life totals?", "With no further responses, what is the life of each player?",
    ),
}  # fmt: skip
TRICK = (
    "All pass. What happens to {c}?", "Then everybody passes. Does {c} survive?", "Nobody adds anything. Where does {c} end up?", "What becomes of {c} once the stack is done?", "Both pass until the stack is empty: what is the fate of {c}?",
    "No more spells are cast. Is {c} still on the battlefield, and how big?", "Let it all resolve. What about {c}?", "How does this end for {c}?", "After all of it has resolved, what is left of {c}?",
)  # fmt: skip
OUTCOME = (
    "All pass. What happens to the spell {s}?", "Then everybody passes. Does {s} resolve?", "Nobody adds anything. What is the outcome for {s}?", "Is {s} countered, does it resolve, or has it no legal target?", "Both pass until the stack is empty: how does {s} end?",
    "No more spells are cast. Does {s} do anything?", "Let the stack resolve. What about {s}?", "How does {s} leave the stack?", "In the end, does {s} take effect?",
)  # fmt: skip
TRIGGERS = (
    "it is {a}'s turn and abilities trigger at once. {a} orders them onto the stack as {m}; {b} as {t}. In which order do they resolve?", "simultaneous triggers on {a}'s turn: {a} puts down {m}, {b} puts down {t}. Order of resolution?",
    "{a} is the active player. {a}'s triggers in the order put on the stack: {m}. {b}'s: {t}. What resolves first, second and so on?", "at {a}'s upkeep triggers of {a} ({m}, in this order onto the stack) and of {b} ({t}) go off together. How do they resolve?",
    "two players have triggers at the same time. Active player {a}, putting them on the stack in this order: {m}. {b}, likewise: {t}. List the resolution order.", "order these for me: {a} (active) stacks {m}, {b} (not active) stacks {t}. Which resolves when?",
    "APNAP question: {a}'s turn, {a} stacks {m}, then {b} stacks {t}. Resolution order?", "during {a}'s turn the following trigger together, named in the order in which each player stacks them: {m} for {a}; {t} for {b}. How do they come off the stack?",
    "in what sequence do these resolve on {a}'s turn: {a} has stacked {m} and {b} has stacked {t}, all triggered by one event?",
)  # fmt: skip
LAYER = (
    "{c} is a {p} creature. In this order of timestamps it gets {e}. What are its power and toughness?", "a {p} {c} is affected by, oldest first: {e}. How big is it?", "base {p}, name {c}. Applied over time: {e}. Power and toughness now?",
    "my {p} creature {c} got {e}. What size does it have?", "layers question: {c} ({p}) with {e}, in that order of timestamps. Result?", "how large is {c}, printed {p}, after {e}?",
    "work out the size of {c}: it starts as {p} and receives {e}.", "{c} has {p} printed on it and then comes under {e}. Final power and toughness?", "determine power/toughness of {c}: printed {p}; in timestamp order {e}.",
)  # fmt: skip
DEAD = (
    "{a} controls {p}. What leaves the battlefield when state-based actions are checked?", "state-based actions are about to be checked for {a}'s board: {p}. What goes?", "on {a}'s side: {p}. Which of these does not survive state-based actions?",
    "check {a}'s permanents: {p}. What is put into the graveyard, and by which rule?", "{a} has {p}. A player would get priority now; what dies first?", "which of {a}'s permanents are gone after state-based actions: {p}?",
    "just before priority {a} has {p}. Name all that leave and the rules behind it.", "board of {a}: {p}. Apply state-based actions.", "tell me what {a} loses to state-based actions, given {p}",
)  # fmt: skip
PLAY = (
    "it is {w} turn, {s}, and {k}. {a} has priority if anyone does.{l} Can {a} play {c}?", "{a} would like to play {c}. Turn: {w}; now: {s}; {k}.{l} Allowed?", "during the {s} of {w} turn, while {k}, may {a} play {c}?{l}",
    "{c}: can {a} play it in {w} {s} if {k}?{l}", "timing question. {w} turn, {s}; {k}.{l} Is {a} able to play {c}?", "{a} reaches for {c} in the {s} of {w} turn; {k}.{l} Is this a legal time?", "legal or not: {a} plays {c} during {w} {s}, when {k}?{l}",
    "right now it is the {s} on {w} turn and {k}.{l} {a} tries to play {c}. Does that work?", "would {a} be allowed to play {c} at this moment: {w} turn, {s}, {k}?{l}",
)  # fmt: skip
MEANING = (
    "what do the keywords on {a}'s {s} {c} do: {k}?", "{a} has a {s} creature {c} with {k}. Explain the keywords.", "explain {k} on {c}, a {s} creature of {a}", "{a} asks what {k} means on the {s} {c}", "{c} ({s}) reads: {k}. What does that mean for {a}?",
    "new player {a} opened {c}, {s} with {k}, and wonders what it does.", "give {a} the rules meaning of {k}, printed on {c} ({s}).", "what is the effect of {k} on a {s} creature such as {a}'s {c}?", "please tell {a} how {k} works; the card is {c}, {s}.",
    "how do I explain {k} to {a}, whose {s} {c} has it?",
)  # fmt: skip
NUMBER = (
    "which rule number covers {r}? {a} wants to look it up for {c}.", "{a} has a question about {c}: where in the rules is {r}?", "rule number for {r}, please; it is for {a} and {c}.", "where do I find {r} in the Comprehensive Rules, asks {a} with {c} in hand",
    "cite the rule on {r} for {a} ({c} is involved).", "looking at {c}, {a} needs the number of the rule about {r}.", "{r}: which rule is that? {a} argues about {c}.", "under what number does the rulebook treat {r}? This is for {a}'s {c}.", "{a} and {c} again: what rule deals with {r}?",
)  # fmt: skip
PENALTY = (
    "round {n}, Competitive event: {h}. Which penalty does {a} get?", "{h}. What is the penalty at Competitive level in round {n}?", "in round {n} {h}. First offence. Infraction and penalty for {a}?", "how do I penalise {a} at a Competitive event, round {n}: {h}?",
    "judge call in round {n}: {h}. What do I give {a}, first time this happens?", "{h}, in round {n} of a Competitive tournament. What is this called and what follows for {a}?", "first offence of {a}, round {n}: {h}. Penalty?", "what does the simplified penalty table say if {h} (round {n})?",
    "Competitive, round {n}. {h}. The penalty for {a} is?",
)  # fmt: skip
SCENE = (
    "{a} attacks {b} with {c}, and {b} blocks with {d}. {a} has {x} life, {b} has {y}. After blocks:", "{a} ({x} life) attacks with {c}; {b} ({y} life) has blocked with {d}. Before damage:",
    "blocks are declared: {d} of {b} stands before {c} of {a}. Life: {a} {x}, {b} {y}. Now this is cast:", "{b}, at {y} life, blocks {a}'s {c} with {d}; {a} is at {x}. Then come tricks.",
    "combat, after blocks. {a}, {x} life: {c}, attacking. {b}, {y} life: {d}, blocking.", "{c} of {a} is blocked by {d} of {b}. {a} stands at {x} life, {b} at {y}. During the declare blockers step:",
    "{a} at {x} and {b} at {y} life. {a}'s {c} was blocked by {d}, and spells follow.", "declare blockers step: {b} put {d} in front of {a}'s {c}. {a} has {x} life and {b} {y}.",
    "{a} sent {c}, {b} chose {d} to block; life totals {x} for {a}, {y} for {b}. Next:",
)  # fmt: skip
