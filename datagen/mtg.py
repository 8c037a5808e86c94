"""Questions for a Magic: The Gathering judge, whose answers follow from the engine in `mtg_rules` and from two tables.

Cards are invented and their rules text is stated, so that nothing rests on the memory of a card. Rules are explained in
our own words; numbers are those of the Comprehensive Rules. The penalties are a simplified table.
"""

import random

from datagen.draft import Draft
from datagen.mtg_rules import Creature, Item, can_attack, can_block, fight, order_triggers, resolve
from datagen.mtg_rulings import (
    BEASTS,
    PLAYERS,
    SPELLS,
    answer_with,
    ask_keywords,
    ask_layers,
    ask_penalty,
    ask_rule,
    ask_state_based,
    ask_timing,
    name_card,
)
from datagen.mtg_tables import ATTACK, BLOCK, FIGHT, OUTCOME, SCENE, SINCE, STACK, TRICK, TRIGGERS
from datagen.phrasing import Phraser
from heimdall.text import join_words

_ATTACKER_KEYWORDS = (
    "first strike", "double strike", "trample", "deathtouch", "lifelink", "flying", "menace", "vigilance",
    "indestructible",
)  # fmt: skip
_BLOCKER_KEYWORDS = ("first strike", "deathtouch", "lifelink", "reach", "flying", "defender", "indestructible")


def draw_mtg(phraser: Phraser) -> Draft:
    """One question for a judge, of a random category."""
    return phraser.rng.choice(_MAKERS)(phraser)


def _pick_creature(rng: random.Random, pool: tuple[str, ...], most: int) -> Creature:
    keywords = frozenset(rng.sample(pool, rng.randint(0, most)))
    return Creature(name_card(rng, BEASTS), rng.randint(1, 6), rng.randint(1, 6), keywords)


def _describe(creature: Creature) -> str:
    size = f"{creature.power}/{creature.toughness}"
    return f"{creature.name} ({size}{''.join(', ' + word for word in sorted(creature.keywords))})"


def _spell_keywords(creatures: tuple[Creature, ...]) -> str:
    """A name for the combination of keywords, which is what is held out."""
    return ";".join("+".join(sorted(creature.keywords)) or "none" for creature in creatures)


# --- Combat -----------------------------------------------------------------------------------------------------------


def _ask_combat(phraser: Phraser) -> Draft:
    rng = phraser.rng
    while True:
        attacker = _pick_creature(rng, _ATTACKER_KEYWORDS, 3)
        blockers = tuple(_pick_creature(rng, _BLOCKER_KEYWORDS, 2) for _ in range(rng.choice((0, 1, 1, 1, 2))))
        if not blockers or can_block(attacker, blockers) is None:
            break
    active, other = rng.sample(PLAYERS, 2)
    life = {active: rng.randint(3, 20), other: rng.randint(3, 20)}
    if blockers:
        text = phraser.pick("mtg.blocked", FIGHT["blocked"])
    else:
        text = phraser.pick("mtg.unblocked", FIGHT["unblocked"])
    text = text.format(
        a=active, b=other, c=_describe(attacker), d=join_words([_describe(b) for b in blockers] or [""]),
        x=life[active], y=life[other],
    )  # fmt: skip
    if len(blockers) > 1:
        text += phraser.pick("mtg.policy", FIGHT["policy"]).format(a=active)
    question = f"{text}\n\n{phraser.pick('mtg.combat.ask', FIGHT['ask']).format(a=active, b=other)}"
    result = fight(attacker, blockers, life[other])
    source = _spell_keywords((attacker, *blockers))
    said = [f"{active} has {life[active] + result.attacker_gain}"]
    said.append(f"{other} has {life[other] - result.lost + result.defender_gain}")
    said += [f"{c.name} {'dies' if c.name in result.died else 'survives'}" for c in (attacker, *blockers)]
    answer = f"{_explain_combat(attacker, blockers)} {'; '.join(said)}."
    if life[other] - result.lost + result.defender_gain <= 0:
        answer += f" {other} loses the game."
        said.append(f"{other} loses")
    return answer_with("combat", source, question, answer, *said)


def _explain_combat(attacker: Creature, blockers: tuple[Creature, ...]) -> str:
    early = [c.name for c in (attacker, *blockers) if c.keywords & {"first strike", "double strike"}]
    parts = [
        f"{join_words(early)} strike{'s' * (len(early) == 1)} in the earlier step."
        if early
        else "All damage is dealt at once."
    ]
    if blockers and "trample" in attacker.keywords:
        least = "; with deathtouch 1 damage is lethal" if "deathtouch" in attacker.keywords else ""
        parts.append(f"With trample, what exceeds lethal damage goes to the player{least}.")
    elif blockers:
        parts.append("The attacker is blocked and has no trample, so nothing reaches the player.")
    return " ".join(parts)


def _ask_block(phraser: Phraser) -> Draft:
    rng = phraser.rng
    attacker = _pick_creature(rng, ("flying", "menace", "trample", "deathtouch", "vigilance"), 2)
    if not attacker.keywords & {"flying", "menace"}:
        attacker = attacker._replace(keywords=attacker.keywords | {rng.choice(("flying", "menace"))})
    blockers = tuple(_pick_creature(rng, _BLOCKER_KEYWORDS, 2) for _ in range(rng.choice((1, 1, 2))))
    active, other = rng.sample(PLAYERS, 2)
    question = phraser.pick("mtg.block", BLOCK).format(
        a=active, b=other, c=_describe(attacker), d=join_words([_describe(blocker) for blocker in blockers])
    )
    reason, names = can_block(attacker, blockers), " and ".join(blocker.name for blocker in blockers)
    source = _spell_keywords((attacker, *blockers))
    if reason:
        answer = f"No, {names} cannot block: {reason}."
        return answer_with("blocking", source, question, answer, "cannot block", forbidden=("can block",))
    answer = f"Yes, {names} can block {attacker.name}."
    return answer_with("blocking", source, question, answer, "can block", forbidden=("cannot block", "can't block"))


def _ask_attack(phraser: Phraser) -> Draft:
    rng = phraser.rng
    creature = _pick_creature(rng, ("haste", "defender", "flying", "vigilance", "menace", "reach"), 3)
    old = rng.random() < 0.4
    player = rng.choice(PLAYERS)
    since = phraser.pick("mtg.since", SINCE[old])
    question = phraser.pick("mtg.attack", ATTACK).format(a=player, c=_describe(creature), s=since.format(a=player))
    reason = can_attack(creature, since_start_of_turn=old)
    source = f"{_spell_keywords((creature,))}/{old}"
    if reason:
        answer = f"No, it cannot attack: {reason}."
        return answer_with("attacking", source, question, answer, "cannot attack", forbidden=("can attack",))
    answer = f"Yes, {creature.name} can attack."
    return answer_with("attacking", source, question, answer, "can attack", forbidden=("cannot attack", "can't attack"))


# --- The stack --------------------------------------------------------------------------------------------------------


def _build_stack(rng: random.Random, active: str, other: str, creatures: tuple[Creature, ...], size: int) -> list[Item]:
    """Spells of which each is cast in response to the one before; some are aimed at a creature."""
    stack: list[Item] = []
    for number in range(size):
        creature = rng.choice(creatures)
        controller = (active, other)[number % 2] if rng.random() < 0.8 else rng.choice((active, other))
        foe = other if controller == active else active
        kinds = ["damage", "damage", "gain", "pump", "weaken", "bounce", "burn"]
        if stack:
            kinds += ["counter"] * 4
        kind, amount = rng.choice(kinds), rng.randint(1, 4)
        name = name_card(rng, SPELLS)
        match kind:
            case "counter":
                stack.append(Item(name, controller, "counter", 0, rng.choice(stack).name))
            case "damage":
                stack.append(Item(name, controller, "damage", amount, foe))
            case "gain":
                stack.append(Item(name, controller, "gain", amount, controller))
            case "burn":
                stack.append(Item(name, controller, "damage", amount, creature.name))
            case "pump":
                stack.append(Item(name, controller, "pump", amount, creature.name))
            case "weaken":
                stack.append(Item(name, controller, "weaken", amount, creature.name))
            case _:
                stack.append(Item(name, controller, "bounce", 0, creature.name))
    return stack


def _tell_spell(item: Item) -> str:
    return {
        "damage": f"deals {item.amount} damage to {item.target}",
        "gain": f"{item.target} gains {item.amount} life",
        "counter": f"counters {item.target}",
        "pump": f"gives {item.target} +{item.amount}/+{item.amount} until end of turn",
        "weaken": f"gives {item.target} -{item.amount}/-{item.amount} until end of turn",
        "bounce": f"returns {item.target} to its owner's hand",
    }[item.effect]


def _tell_stack(phraser: Phraser, stack: list[Item]) -> str:
    first, *others = stack
    text = phraser.pick("mtg.cast", STACK["cast"]).format(a=first.controller, s=f"{first.name} ({_tell_spell(first)})")
    respond = phraser.pick("mtg.respond", STACK["respond"])
    return text + "".join(
        " " + respond.format(a=item.controller, s=f"{item.name} ({_tell_spell(item)})") for item in others
    )


def _ask_stack(phraser: Phraser) -> Draft:
    rng = phraser.rng
    active, other = rng.sample(PLAYERS, 2)
    creature = Creature(name_card(rng, BEASTS), rng.randint(1, 4), rng.randint(1, 4))
    stack = _build_stack(rng, active, other, (creature,), rng.randint(2, 4))
    life = {active: rng.randint(2, 20), other: rng.randint(2, 20)}
    owner = rng.choice((active, other))
    result = resolve(stack, life, {creature.name: creature})
    setting = phraser.pick("mtg.life", STACK["life"]).format(a=active, b=other, x=life[active], y=life[other])
    on_creature = any(item.target == creature.name for item in stack)
    if on_creature:
        setting += f" {owner} controls {_describe(creature)}."
    story = f"{setting} {_tell_stack(phraser, stack)}"
    source = _spell_effects(stack)
    told = "; ".join(f"{name}: {outcome}" for name, outcome in result.outcomes)
    totals = [f"{player} has {total}" for player, total in result.life.items()]
    roll = rng.random()
    if on_creature and roll < 0.4:
        question = f"{story}\n\n{phraser.pick('mtg.fate', TRICK).format(c=creature.name)}"
        left = result.creatures.get(creature.name)
        if creature.name in result.died:
            fate = f"{creature.name} dies"
        elif left is None:
            fate = f"{creature.name} returns to hand"
        else:
            fate = f"{creature.name} survives as {left.power}/{left.toughness}"
        answer = f"The stack resolves from the top: {told}. {fate}."
        return answer_with("interaction", source, question, answer, fate)
    if roll < 0.6:
        asked = rng.choice(stack)
        question = f"{story}\n\n{phraser.pick('mtg.outcome', OUTCOME).format(s=asked.name)}"
        outcome = dict(result.outcomes).get(asked.name, "still on the stack")
        answer = f"The stack resolves from the top: {told}. {asked.name}: {outcome}."
        if result.loser:
            answer += f" {result.loser} loses the game."
        return answer_with("stack", source, question, answer, f"{asked.name}: {outcome}")
    question = f"{story}\n\n{phraser.pick('mtg.totals', STACK['ask']).format(a=active, b=other)}"
    answer = f"The stack resolves from the top: {told}. {totals[0]} life, {totals[1]} life."
    if result.loser:
        answer += f" {result.loser} loses the game at once."
        totals.append(f"{result.loser} loses")
    return answer_with("stack", source, question, answer, *totals)


def _spell_effects(stack: list[Item]) -> str:
    places = {item.name: place for place, item in enumerate(stack)}
    return ",".join(f"{item.effect}{places.get(item.target, '')}" for item in stack)


def _ask_scenario(phraser: Phraser) -> Draft:
    """Combat with tricks: the stack resolves after blocks, then damage is dealt by what is left."""
    rng = phraser.rng
    while True:
        attacker = _pick_creature(rng, _ATTACKER_KEYWORDS, 2)
        blocker = _pick_creature(rng, _BLOCKER_KEYWORDS, 1)
        if can_block(attacker, (blocker,)) is None:
            break
    active, other = rng.sample(PLAYERS, 2)
    life = {active: rng.randint(8, 20), other: rng.randint(8, 20)}
    stack = _build_stack(rng, active, other, (attacker, blocker), rng.randint(1, 2))
    result = resolve(stack, life, {attacker.name: attacker, blocker.name: blocker})
    story = phraser.pick("mtg.scene", SCENE).format(
        a=active, b=other, c=_describe(attacker), d=_describe(blocker), x=life[active], y=life[other]
    )
    ask = phraser.pick("mtg.combat.ask", FIGHT["ask"]).format(a=active, b=other)
    question = f"{story} {_tell_stack(phraser, stack)}\n\n{ask}"
    totals, died = dict(result.life), list(result.died)
    left = result.creatures.get(attacker.name)
    if left is not None:
        blockers = [result.creatures[blocker.name]] if blocker.name in result.creatures else []
        combat = fight(left, blockers, totals[other], blocked=True)
        totals[active] += combat.attacker_gain
        totals[other] += combat.defender_gain - combat.lost
        died += combat.died
    fates = []
    for creature in (attacker, blocker):
        gone = "dies" if creature.name in died else "survives"
        fates.append(
            f"{creature.name} {gone if gone == 'dies' or creature.name in result.creatures else 'returns to hand'}"
        )
    said = [*(f"{player} has {total}" for player, total in totals.items()), *fates]
    told = "; ".join(f"{name}: {outcome}" for name, outcome in result.outcomes)
    answer = f"First the stack: {told}. Then damage: {'; '.join(said)}."
    if totals[other] <= 0:
        answer += f" {other} loses the game."
        said.append(f"{other} loses")
    source = f"{_spell_keywords((attacker, blocker))}/{_spell_effects(stack)}"
    return answer_with("scenario", source, question, answer, *said)


def _ask_triggers(phraser: Phraser) -> Draft:
    rng = phraser.rng
    active, other = rng.sample(PLAYERS, 2)
    names = list(dict.fromkeys(name_card(rng, BEASTS) for _ in range(rng.randint(2, 5))))
    cut = rng.randint(1, max(1, len(names) - 1))
    mine, theirs = names[:cut], names[cut:]
    question = phraser.pick("mtg.triggers", TRIGGERS).format(
        a=active, b=other, m=", ".join(mine), t=", ".join(theirs) or "nothing"
    )
    order = ", ".join(order_triggers(mine, theirs))
    answer = (
        f"{active}, the active player, puts triggers on the stack first, so {other}'s resolve before them (603.3b). "
        f"Order of resolution: {order}."
    )
    return answer_with("triggers", f"{len(mine)}/{len(theirs)}", question, answer, order)


_MAKERS = (
    _ask_combat, _ask_combat, _ask_block, _ask_attack, _ask_stack, _ask_stack, _ask_scenario, _ask_triggers,
    ask_layers, ask_state_based, ask_timing, ask_keywords, ask_rule, ask_penalty,
)  # fmt: skip
