"""Old rows among new ones: as many as asked for, none that gives a held-out question away."""

from datagen.replay import mix_replay
from heimdall.answers import TextAnswer
from heimdall.rows import Message, Row, Split


def make_row(number: int, question: str, split: Split = "train", schema: str | None = None) -> Row:
    turns = (Message(role="user", content=question), Message(role="assistant", content="yes"))
    return Row(
        id=f"{split}-general-{number}",
        family="general",
        split=split,
        prompt="chat",
        messages=turns,
        expected=TextAnswer(text="yes"),
        schema_id=schema,
    )


NEW = [make_row(number, f"new {number}?") for number in range(60)]
OLD = [make_row(number, f"old {number}?", schema=f"s-{number // 4}") for number in range(200)]


def test_the_share_is_that_of_all_rows_and_new_rows_stay_as_they_are() -> None:
    for share, replayed in ((0.0, 0), (0.25, 20), (0.4, 40), (0.9, 200)):
        mixed = mix_replay(NEW, OLD, [], share, seed=1)
        assert mixed[:60] == NEW
        assert len(mixed) - 60 == replayed
        assert len({row.id for row in mixed}) == len(mixed)


def test_rows_of_one_schema_stay_together_under_an_id_that_no_new_schema_has() -> None:
    replayed = mix_replay(NEW, OLD, [], 0.4, seed=1)[60:]
    schemas = [row.schema_id for row in replayed]
    assert len(set(schemas)) == 10
    assert all(schemas[start : start + 4] == [schemas[start]] * 4 for start in range(0, 40, 4))
    assert all(schema is not None and schema.startswith("replay-s-") for schema in schemas)


def test_the_same_seed_draws_the_same_and_another_seed_others() -> None:
    first, second, other = (mix_replay(NEW, OLD, [], 0.4, seed) for seed in (1, 1, 2))
    assert first == second != other


def test_what_a_new_or_a_held_out_row_asks_is_not_replayed() -> None:
    held_out = [make_row(0, "OLD 7", "test_iid"), make_row(1, "old  8?", "validation")]
    replayed = mix_replay([*NEW, make_row(99, "old 9?")], OLD, held_out, 0.9, seed=1)[61:]
    questions = {row.question for row in replayed}
    assert questions == {row.question for row in OLD} - {"old 7?", "old 8?", "old 9?"}
