"""A small engine for the parts of Magic: The Gathering from which questions are made: the stack, combat, state-based
actions, power and toughness by layers, and when a card may be played.

It follows the Comprehensive Rules where their numbers are named; what it leaves out (costs, replacement effects,
prevention, more than two players) does not occur in the questions.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple


class Creature(NamedTuple):
    """A creature on the battlefield: its keywords, the damage marked on it, and whether a source with deathtouch has
    dealt it damage."""

    name: str
    power: int
    toughness: int
    keywords: frozenset[str] = frozenset()
    damage: int = 0
    poisoned: bool = False

    @property
    def dies(self) -> bool:
        """Whether state-based actions put it into the graveyard (704.5f, g, h)."""
        if self.toughness <= 0:
            return True
        return "indestructible" not in self.keywords and (self.damage >= self.toughness or self.poisoned)


# --- Combat -----------------------------------------------------------------------------------------------------------


class Combat(NamedTuple):
    """What one attack did: life lost by the defending player, life gained by either, who died, and in which step."""

    lost: int
    attacker_gain: int
    defender_gain: int
    died: tuple[str, ...]
    steps: int


def can_block(attacker: Creature, blockers: Sequence[Creature]) -> str | None:
    """Why these creatures together cannot block the attacker, in words; None where they can (509.1)."""
    if "menace" in attacker.keywords and len(blockers) == 1:
        return f"{attacker.name} has menace, and a single creature cannot block it"
    for blocker in blockers:
        if "flying" in attacker.keywords and not blocker.keywords & {"flying", "reach"}:
            return f"{attacker.name} has flying, and {blocker.name} has neither flying nor reach"
    return None


def can_attack(creature: Creature, *, since_start_of_turn: bool) -> str | None:
    """Why an untapped creature cannot attack, in words; None where it can (508.1, 302.6)."""
    if "defender" in creature.keywords:
        return f"{creature.name} has defender"
    if not since_start_of_turn and "haste" not in creature.keywords:
        return f"{creature.name} came under its controller's control this turn and has no haste"
    return None


def fight(attacker: Creature, blockers: Sequence[Creature], defender_life: int, *, blocked: bool = False) -> Combat:
    """Combat damage of one attacker and its blockers, in two steps where first or double strike is there (510.4).

    The attacker's controller gives each blocker, in the order named, lethal damage and no more; what is left goes to
    the defending player with trample (702.19), to the last blocker without. A blocked attacker without trample deals
    no damage once its blockers are gone (510.1c); `blocked` says that it was blocked by creatures no longer there. The
    defending player is out as soon as a step leaves no life.
    """
    blocked, lost, attacker_gain, defender_gain = blocked or bool(blockers), 0, 0, 0
    alive: list[Creature] = list(blockers)
    died: list[str] = []
    early = any(_strikes_first(creature) for creature in (attacker, *blockers))
    steps: tuple[bool, ...] = (True, False) if early else (False,)
    done = 0
    for first in steps:
        done += 1
        dealt_to_player, shares = 0, [0] * len(alive)
        if _deals_damage(attacker, first):
            dealt_to_player, shares = _assign(attacker, alive, blocked=blocked)
            if "lifelink" in attacker.keywords:
                attacker_gain += dealt_to_player + sum(shares)
        struck = 0
        for blocker in alive:
            if _deals_damage(blocker, first):
                struck += blocker.power
                defender_gain += blocker.power if "lifelink" in blocker.keywords else 0
        deadly = any("deathtouch" in b.keywords and b.power > 0 and _deals_damage(b, first) for b in alive)
        lost += dealt_to_player
        alive = [_hurt(b, share, "deathtouch" in attacker.keywords) for b, share in zip(alive, shares, strict=True)]
        attacker = _hurt(attacker, struck, deadly)
        died += [creature.name for creature in (attacker, *alive) if creature.dies]
        alive = [blocker for blocker in alive if not blocker.dies]
        if attacker.dies or defender_life - lost + defender_gain <= 0:
            break
    return Combat(lost, attacker_gain, defender_gain, tuple(died), done)


def _strikes_first(creature: Creature) -> bool:
    return bool(creature.keywords & {"first strike", "double strike"})


def _deals_damage(creature: Creature, first: bool) -> bool:
    if first:
        return _strikes_first(creature)
    return "double strike" in creature.keywords or "first strike" not in creature.keywords


def lethal_damage(creature: Creature, *, deathtouch: bool) -> int:
    """How much damage an attacker has to give a blocker before the rest may trample over (702.19b, 702.2c)."""
    missing = max(0, creature.toughness - creature.damage)
    return min(1, missing) if deathtouch else missing


def _assign(attacker: Creature, blockers: Sequence[Creature], *, blocked: bool) -> tuple[int, list[int]]:
    """What goes to the defending player and to each blocker."""
    left, trample = max(0, attacker.power), "trample" in attacker.keywords
    if not blockers:
        return (left if trample or not blocked else 0), []
    shares = []
    for blocker in blockers:
        shares.append(min(left, lethal_damage(blocker, deathtouch="deathtouch" in attacker.keywords)))
        left -= shares[-1]
    if trample:
        return left, shares
    shares[-1] += left
    return 0, shares


def _hurt(creature: Creature, amount: int, deadly: bool) -> Creature:
    return creature._replace(damage=creature.damage + amount, poisoned=creature.poisoned or (deadly and amount > 0))


# --- The stack --------------------------------------------------------------------------------------------------------

Effect = Literal["damage", "gain", "counter", "pump", "weaken", "bounce"]


class Item(NamedTuple):
    """A spell on the stack. `damage` and `gain` are for players or creatures by name, `counter` for a spell,
    `pump`/`weaken` give a creature +X/+X or -X/-X until end of turn, `bounce` returns one to its owner's hand."""

    name: str
    controller: str
    effect: Effect
    amount: int
    target: str


class Resolution(NamedTuple):
    """How the stack emptied: an outcome per spell in the order in which they left it, life totals, the creatures that
    died, those that are left, and who lost, if anybody."""

    outcomes: tuple[tuple[str, Literal["resolves", "countered", "no legal target"]], ...]
    life: dict[str, int]
    died: tuple[str, ...]
    creatures: dict[str, Creature]
    loser: str | None


def resolve(stack: Sequence[Item], life: Mapping[str, int], creatures: Mapping[str, Creature]) -> Resolution:
    """Resolves a stack, whose last item is on top, while all players pass (405.5); state-based actions are checked
    after each resolution (704.3). A spell whose one target is gone does not resolve (608.2b)."""
    left, totals, board = list(stack), dict(life), dict(creatures)
    outcomes: list[tuple[str, Literal["resolves", "countered", "no legal target"]]] = []
    died: list[str] = []
    loser: str | None = None
    while left and loser is None:
        item = left.pop()
        targets = {*totals, *board} if item.effect != "counter" else {other.name for other in left}
        if item.target not in targets:
            outcomes.append((item.name, "no legal target"))
            continue
        outcomes.append((item.name, "resolves"))
        if item.effect == "counter":
            left = [other for other in left if other.name != item.target]
            outcomes.append((item.target, "countered"))
        elif item.target in totals:
            totals[item.target] += item.amount if item.effect == "gain" else -item.amount
        elif item.effect == "bounce":
            del board[item.target]
        else:
            board[item.target] = _affect(board[item.target], item)
        dead = [name for name, creature in board.items() if creature.dies]
        died += dead
        for name in dead:
            del board[name]
        loser = next((player for player, total in totals.items() if total <= 0), None)
    return Resolution(tuple(outcomes), totals, tuple(died), board, loser)


def _affect(creature: Creature, item: Item) -> Creature:
    if item.effect == "damage":
        return _hurt(creature, item.amount, deadly=False)
    change = item.amount if item.effect == "pump" else -item.amount
    return creature._replace(power=creature.power + change, toughness=creature.toughness + change)


def order_triggers(active: Sequence[str], other: Sequence[str]) -> tuple[str, ...]:
    """The order in which simultaneous triggers resolve: the active player's go onto the stack first, each player's in
    the order given, and the last one resolves first (603.3b)."""
    return (*reversed(other), *reversed(active))


# --- Power and toughness ----------------------------------------------------------------------------------------------


class Change(NamedTuple):
    """What alters power and toughness, in the order of timestamps: `set` to values (613.4b), `modify` by values or by
    counters (613.4c), `switch` (613.4d)."""

    kind: Literal["set", "modify", "counters", "switch"]
    power: int = 0
    toughness: int = 0


_LAYERS = {"set": 0, "modify": 1, "counters": 1, "switch": 2}


def apply_layers(power: int, toughness: int, changes: Sequence[Change]) -> tuple[int, int]:
    """Power and toughness after all changes: by layer first, by timestamp within one (613.4, 613.7)."""
    for change in sorted(changes, key=lambda change: _LAYERS[change.kind]):
        if change.kind == "set":
            power, toughness = change.power, change.toughness
        elif change.kind == "switch":
            power, toughness = toughness, power
        else:
            power, toughness = power + change.power, toughness + change.toughness
    return power, toughness


# --- State-based actions ----------------------------------------------------------------------------------------------


class Permanent(NamedTuple):
    """What state-based actions look at. `counters` is the net number of +1/+1 counters, below zero for -1/-1 ones."""

    name: str
    controller: str
    kind: Literal["creature", "planeswalker"]
    power: int = 0
    toughness: int = 0
    damage: int = 0
    counters: int = 0
    indestructible: bool = False
    loyalty: int = 0


def find_dead(permanents: Sequence[Permanent]) -> tuple[tuple[str, str], ...]:
    """The permanents that leave when state-based actions are next checked, each with the rule's number."""
    found = []
    for permanent in permanents:
        toughness = permanent.toughness + permanent.counters
        if permanent.kind == "planeswalker":
            rule = "704.5i" if permanent.loyalty <= 0 else None
        elif toughness <= 0:
            rule = "704.5f"
        else:
            rule = "704.5g" if permanent.damage >= toughness and not permanent.indestructible else None
        if rule:
            found.append((permanent.name, rule))
    return tuple(found)


# --- Timing -----------------------------------------------------------------------------------------------------------

STEPS = (
    "untap step", "upkeep step", "draw step", "precombat main phase", "beginning of combat step",
    "declare attackers step", "declare blockers step", "combat damage step", "end of combat step",
    "postcombat main phase", "end step",
)  # fmt: skip
SORCERY_SPEED = ("sorcery", "creature", "artifact", "enchantment", "planeswalker")


def can_play(card: str, step: str, *, own_turn: bool, empty_stack: bool, land_played: bool = False) -> str | None:
    """Why a card of a type (`land`, `instant`, one of `SORCERY_SPEED`, or with flash, as in `creature with flash`)
    cannot be played, in words; None where it can by a player who has priority (117.1a, 305.1, 502.4)."""
    if step == "untap step":
        return "no player gets priority during the untap step"
    if card == "instant" or card.endswith("with flash"):
        return None
    if not own_turn:
        return "it is another player's turn"
    if not step.endswith("main phase"):
        return f"the {step} is not a main phase"
    if not empty_stack:
        return "the stack is not empty"
    if card == "land" and land_played:
        return "a land has been played this turn already"
    return None
