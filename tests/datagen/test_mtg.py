"""The engine behind the judge's questions keeps the rules, and the questions follow from it."""

from collections.abc import Sequence

import pytest
from drafting import check_drafts, draw_many
from hypothesis import given
from hypothesis import strategies as st

from datagen.mtg import draw_mtg
from datagen.mtg_rules import (
    Change,
    Creature,
    Item,
    Permanent,
    apply_layers,
    can_attack,
    can_block,
    can_play,
    fight,
    find_dead,
    order_triggers,
    resolve,
)
from datagen.mtg_tables import INFRACTIONS, KEYWORDS

_WORDS = st.sampled_from(
    ("first strike", "double strike", "trample", "deathtouch", "lifelink", "indestructible", "vigilance")
)
SIZES = st.integers(1, 8)


def creatures(name: str) -> st.SearchStrategy[Creature]:
    parts = st.tuples(SIZES, SIZES, st.frozensets(_WORDS, max_size=3))
    return parts.map(lambda found: Creature(name, *found))


BLOCKERS = st.integers(0, 3).flatmap(lambda count: st.tuples(*(creatures(f"blocker {i}") for i in range(count))))


@given(creatures("attacker"), st.integers(1, 40))
def test_an_unblocked_attacker_deals_its_power_once_or_twice(attacker: Creature, life: int) -> None:
    combat = fight(attacker, (), life)
    twice = "double strike" in attacker.keywords and attacker.power < life
    assert combat.lost == attacker.power * (2 if twice else 1)
    assert combat.died == ()


@given(creatures("attacker"), BLOCKERS)
def test_a_blocked_attacker_without_trample_never_hurts_the_player(
    attacker: Creature, blockers: Sequence[Creature]
) -> None:
    lost = fight(attacker._replace(keywords=attacker.keywords - {"trample"}), blockers, 20).lost
    assert (lost == 0) == bool(blockers)


@given(creatures("attacker"), BLOCKERS)
def test_lifelink_gains_all_the_damage_and_changes_nothing_else(
    attacker: Creature, blockers: Sequence[Creature]
) -> None:
    bare = fight(attacker._replace(keywords=attacker.keywords - {"lifelink"}), blockers, 99)
    linked = fight(attacker._replace(keywords=attacker.keywords | {"lifelink"}), blockers, 99)
    assert bare.attacker_gain == 0
    assert linked._replace(attacker_gain=0) == bare
    assert linked.attacker_gain >= linked.lost


@given(creatures("attacker"), BLOCKERS)
def test_deathtouch_with_trample_sends_all_but_one_damage_per_blocker_through(
    attacker: Creature, blockers: Sequence[Creature]
) -> None:
    plain = attacker._replace(keywords=frozenset({"deathtouch", "trample"}))
    slow = [b._replace(keywords=b.keywords - {"first strike", "double strike"}) for b in blockers]
    assert fight(plain, slow, 99).lost == max(0, plain.power - len(slow))


@given(creatures("attacker"), creatures("blocker"))
def test_first_strike_kills_without_being_hit(attacker: Creature, blocker: Creature) -> None:
    attacker = attacker._replace(keywords=frozenset({"first strike"}))
    blocker = blocker._replace(keywords=frozenset({"deathtouch"}))
    died = fight(attacker, (blocker,), 20).died
    assert died == (("blocker",) if attacker.power >= blocker.toughness else ("attacker",))


@given(creatures("attacker"), BLOCKERS)
def test_indestructible_creatures_do_not_die_of_damage(attacker: Creature, blockers: Sequence[Creature]) -> None:
    solid = [b._replace(keywords=b.keywords | {"indestructible"}) for b in blockers]
    assert set(fight(attacker, solid, 99).died) <= {"attacker"}


def test_a_double_striker_tramples_over_a_blocker_that_its_first_strike_removed() -> None:
    attacker = Creature("attacker", 3, 3, frozenset({"double strike", "trample"}))
    assert fight(attacker, (Creature("blocker", 1, 2),), 20).lost == 1 + 3
    plain = attacker._replace(keywords=frozenset({"double strike"}))
    assert fight(plain, (Creature("blocker", 1, 2),), 20).lost == 0


def test_a_player_without_life_loses_before_the_second_step() -> None:
    attacker = Creature("attacker", 3, 3, frozenset({"double strike", "lifelink"}))
    assert fight(attacker, (), 3).attacker_gain == 3


def test_an_attacker_whose_blocker_has_left_stays_blocked() -> None:
    attacker = Creature("attacker", 3, 3)
    assert fight(attacker, (), 20, blocked=True).lost == 0
    assert fight(attacker._replace(keywords=frozenset({"trample"})), (), 20, blocked=True).lost == 3


@pytest.mark.parametrize(
    ("attacker", "blockers", "legal"),
    [
        ({"flying"}, [set()], False),
        ({"flying"}, [{"reach"}], True),
        ({"flying"}, [{"flying"}, set()], False),
        ({"menace"}, [set()], False),
        ({"menace"}, [set(), set()], True),
        (set(), [{"defender"}], True),
    ],
)
def test_flying_and_menace_restrict_blocks(attacker: set[str], blockers: list[set[str]], legal: bool) -> None:
    row = [Creature(f"b{i}", 1, 1, frozenset(words)) for i, words in enumerate(blockers)]
    assert (can_block(Creature("a", 1, 1, frozenset(attacker)), row) is None) == legal


def test_new_creatures_and_defenders_cannot_attack() -> None:
    assert can_attack(Creature("a", 1, 1), since_start_of_turn=True) is None
    assert can_attack(Creature("a", 1, 1), since_start_of_turn=False)
    assert can_attack(Creature("a", 1, 1, frozenset({"haste"})), since_start_of_turn=False) is None
    assert can_attack(Creature("a", 1, 1, frozenset({"haste", "defender"})), since_start_of_turn=True)


def test_the_stack_resolves_last_in_first_out_and_stops_when_a_player_is_dead() -> None:
    gain, burn = Item("Gain", "A", "gain", 5, "A"), Item("Burn", "B", "damage", 3, "A")
    result = resolve([gain, burn], {"A": 3, "B": 20}, {})
    assert (result.loser, result.outcomes) == ("A", (("Burn", "resolves"),))
    assert resolve([burn, gain], {"A": 3, "B": 20}, {}).life == {"A": 5, "B": 20}


def test_a_counterspell_removes_its_target_and_can_be_countered_itself() -> None:
    burn = Item("Burn", "A", "damage", 3, "B")
    stop, protect = Item("Stop", "B", "counter", 0, "Burn"), Item("Protect", "A", "counter", 0, "Stop")
    assert resolve([burn, stop], {"A": 9, "B": 9}, {}).life["B"] == 9
    assert resolve([burn, stop, protect], {"A": 9, "B": 9}, {}).life["B"] == 6


def test_a_creature_killed_in_response_leaves_the_pump_without_target() -> None:
    bear = {"Bear": Creature("Bear", 2, 2)}
    pump, burn = Item("Pump", "A", "pump", 3, "Bear"), Item("Burn", "B", "damage", 2, "Bear")
    result = resolve([pump, burn], {"A": 9, "B": 9}, bear)
    assert result.outcomes[-1] == ("Pump", "no legal target")
    assert result.died == ("Bear",)
    assert resolve([burn, pump], {"A": 9, "B": 9}, bear).died == ()


@given(st.lists(st.text("ab", min_size=1)), st.lists(st.text("cd", min_size=1)))
def test_the_other_players_triggers_resolve_first(active: list[str], other: list[str]) -> None:
    assert order_triggers(active, other) == tuple(reversed(active + other))


CHANGES = st.lists(
    st.builds(Change, st.sampled_from(("modify", "counters", "switch")), st.integers(0, 3), st.integers(0, 3))
)


@given(SIZES, SIZES, CHANGES)
def test_setting_comes_before_all_other_changes_whatever_its_timestamp(
    power: int, toughness: int, changes: list[Change]
) -> None:
    set_late = apply_layers(power, toughness, [*changes, Change("set", 1, 1)])
    assert set_late == apply_layers(1, 1, changes)


@given(SIZES, SIZES, CHANGES)
def test_two_switches_cancel_out(power: int, toughness: int, changes: list[Change]) -> None:
    assert apply_layers(power, toughness, [Change("switch"), *changes, Change("switch")]) == apply_layers(
        power, toughness, changes
    )


def test_state_based_actions_name_the_rule_of_each_departure() -> None:
    board = [
        Permanent("Shrunk", "A", "creature", 1, 2, counters=-2, indestructible=True),
        Permanent("Hurt", "A", "creature", 1, 2, damage=2),
        Permanent("Solid", "A", "creature", 1, 2, damage=2, indestructible=True),
        Permanent("Grown", "A", "creature", 1, 2, damage=2, counters=1),
        Permanent("Tired", "A", "planeswalker"),
    ]
    assert find_dead(board) == (("Shrunk", "704.5f"), ("Hurt", "704.5g"), ("Tired", "704.5i"))


@pytest.mark.parametrize(
    ("card", "step", "own", "empty", "legal"),
    [
        ("sorcery", "precombat main phase", True, True, True),
        ("sorcery", "precombat main phase", True, False, False),
        ("creature", "combat damage step", True, True, False),
        ("creature with flash", "combat damage step", False, False, True),
        ("instant", "untap step", True, True, False),
        ("land", "postcombat main phase", False, True, False),
    ],
)
def test_cards_are_played_when_their_type_allows(card: str, step: str, own: bool, empty: bool, legal: bool) -> None:
    assert (can_play(card, step, own_turn=own, empty_stack=empty) is None) == legal


def test_a_second_land_in_a_turn_is_refused() -> None:
    step = "precombat main phase"
    assert can_play("land", step, own_turn=True, empty_stack=True, land_played=True)


def test_every_keyword_says_in_its_explanation_what_an_answer_must_say() -> None:
    assert all(part in text for _, text, part in KEYWORDS.values())


def test_every_infraction_has_cases_that_share_no_wording() -> None:
    cases = [case for infraction in INFRACTIONS for case in infraction.cases]
    assert len(set(cases)) == len(cases)


def test_the_judges_questions_are_right_distinct_and_held_out_where_they_should_be() -> None:
    check_drafts(draw_mtg, 600)


def test_all_kinds_of_questions_are_asked() -> None:
    kinds = {draft.category for draft in draw_many(draw_mtg, 400)}
    assert kinds == {
        f"mtg_{kind}"
        for kind in (
            "combat", "blocking", "attacking", "stack", "interaction", "scenario", "triggers", "layers", "state_based",
            "timing", "keywords", "rules", "tournament",
        )
    }  # fmt: skip
