"""Conversations about runtime actions, whose last sentence is a request only together with what was said before.

NornicDB's own page sends the current message alone. Other clients of its chat endpoint send what was said before, and
NornicDB passes all of it on, uncut: the user's words, and for each answer what the client was told. That is never the
model's JSON but a sentence about the result, which has this project's words here.
"""

import random
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from datagen.actions import QUERY, Params, ask_for_action, draw_name, draw_topic, match_actions
from datagen.draft import Draft
from datagen.invention import invent_word
from datagen.lexicon import TRAINING
from datagen.phrasing import Phraser, polish
from heimdall.answers import ActionAnswer, format_action
from heimdall.rows import UNRELATED, Message
from nornicdb.contract import Contract

CATEGORY = "follow_up_action"
_UNRELATED_SHARE = 0.25  # of the conversations, whose last sentence says everything itself
_LONGER_SHARE = 0.35  # of the conversations, which begin with a request about something else
_CONFIG, _EVENTS, _HELLO = "heimdall.watcher.set_config", "heimdall.watcher.events", "heimdall.watcher.hello"
_BROADCAST, _NOTIFY, _DISCOVER = "heimdall.watcher.broadcast", "heimdall.watcher.notify", "heimdall.watcher.discover"


class Change(NamedTuple):
    """What a sentence makes of the request before it."""

    text: str
    action: str
    params: Params


Changer = Callable[[Phraser, str, Params], Change | None]


def draw_follow_up(contract: Contract, phraser: Phraser) -> Draft | None:
    """A conversation with its next action, or None where the dice do not fit the contract."""
    rng, actions = phraser.rng, match_actions(contract)
    name = rng.choices(sorted(actions), [4 if each in _CHANGES else 1 for each in sorted(actions)])[0]
    asked, params = ask_for_action(name, phraser)
    unrelated = rng.random() < _UNRELATED_SHARE
    if unrelated:
        last = rng.choice(sorted(actions))
        change: Change | None = Change(*_ask(last, phraser))
    else:
        change = rng.choice(_list_changers(name, actions, contract))(phraser, name, params)
    requests = [(name, params), *([(change.action, change.params)] if change else [])]
    if change is None or not all(_takes(contract, actions[each], given) for each, given in requests):
        return None
    before = rng.choice(sorted(actions)) if rng.random() < _LONGER_SHARE else None
    history = _converse(before, *ask_for_action(before, phraser), rng) if before else ()
    action = actions[change.action]
    return Draft(
        category=UNRELATED if unrelated else CATEGORY,
        question=_polish(change.text, change.action if unrelated else None, rng),
        answer=format_action(action, change.params),
        expected=ActionAnswer(action=action, params=change.params),
        productions=(action, *phraser.used),
        history=(*history, *_converse(name, asked, params, rng)),
    )


def _ask(name: str, phraser: Phraser) -> Change:
    text, params = ask_for_action(name, phraser)
    return Change(text, name, params)


def _takes(contract: Contract, name: str, params: Params) -> bool:
    action = contract.find_action(name)
    return action is not None and params.keys() <= {param.name for param in action.params}


def _polish(text: str, name: str | None, rng: random.Random) -> str:
    if name == QUERY:  # a query is passed on to the letter
        return text
    return polish(text, rng, question=text.startswith(("what", "how", "which", "is", "are", "can", "and what")))


def _converse(name: str, asked: str, params: Params, rng: random.Random) -> tuple[Message, Message]:
    """A request and what the user was told."""
    told = rng.choice(_TOLD[name]).format(
        **{"name": "World", "kind": "info", **params, "n": rng.randint(2, 60), "m": rng.randint(61, 9000)},
        value=next(iter(params.values()), ""),
    )
    user = Message(role="user", content=_polish(asked, name, rng))
    return user, Message(role="assistant", content=told)


# What a user is told when an action has run.
_TOLD: dict[str, tuple[str, ...]] = {
    "heimdall.help": ("There are {n} actions; ask for the status, metrics, events, statistics or a query.", "I can show the state of the server, search the graph and run queries."),
    "heimdall.status": ("{n} plugins are loaded.", "The assistant is running with {n} actions."),
    "heimdall.watcher.status": ("The server is running: {m} nodes, {n} goroutines.", "Everything is fine; {n} goroutines are running."),
    "heimdall.watcher.health": ("The watcher is healthy and has been up for {m} seconds.", "The watcher is in good health."),
    "heimdall.watcher.config": ("The temperature is 0.1 and at most {m} tokens are written.", "At most {m} tokens are written at temperature 0.1."),
    "heimdall.watcher.metrics": ("{n} MB of memory are in use; {m} collections so far.", "There are {n} goroutines and {m} MB of heap."),
    "heimdall.watcher.db_stats": ("The database holds {m} nodes and {n} relationships.", "There are {m} nodes, {n} clusters and no embeddings."),
    _HELLO: ("Hello, {name}!", "Hello {name}, all is well here."),
    _CONFIG: ("Done, it is {value} now.", "The setting is {value} from now on."),
    _EVENTS: ("There are {n} events; the last one was a query.", "These are the events: a query, a status check and a greeting."),
    _BROADCAST: ("{n} clients have received it.", "That was sent to {n} connected clients."),
    _NOTIFY: ("The notification was sent.", "Sent: {message}"),
    _DISCOVER: ("There are {n} results for '{query}'.", "Nothing was found for '{query}'."),
    QUERY: ("The query has returned {n} rows.", "{n} rows."),
}  # fmt: skip


def _again(phraser: Phraser, name: str, params: Params) -> Change:
    texts = (
        "again", "once more", "the same again", "do that again", "do it once more", "again, please", "please repeat that", "repeat it", "once more, please", "do the same again",
    )  # fmt: skip
    return Change(phraser.pick("follow.again", texts), name, params)


def _set_other_value(phraser: Phraser, name: str, params: Params) -> Change | None:
    ((key, old),) = params.items()
    value = phraser.rng.randint(1, 4096) if key == "max_tokens" else phraser.rng.randint(1, 20) / 10
    texts = (
        "no, make it {}", "make it {} instead", "and now {}", "change it to {}", "rather {}", "set it to {} instead", "I meant {}", "no, I meant {}", "now change it to {}", "make that {}", "rather make it {}", "no, set it to {}",
    )  # fmt: skip
    text = phraser.pick("follow.value", texts).format(value)
    return None if value == old else Change(text, name, {key: value})


def _other_limit(phraser: Phraser, name: str, params: Params) -> Change | None:
    limit = phraser.rng.randint(1, 60)
    texts = (
        "only {} of them", "now the last {}", "the last {} instead", "make it {}", "and now {} of them", "no, {} of them", "make it {} instead", "at most {} of them", "I meant {}", "now only the last {}", "no, make it {}",
    )  # fmt: skip
    text = phraser.pick("follow.limit", texts).format(limit)
    return None if params.get("limit") == limit else Change(text, name, {**params, "limit": limit})


def _greet_another(phraser: Phraser, name: str, params: Params) -> Change | None:
    other = draw_name(phraser)
    texts = (
        "and now {}", "now the same for {}", "also {}", "and {} too", "the same for {}, please", "{} as well", "now {} as well", "do the same for {}", "also for {}", "and the same for {}", "now also {}",
    )  # fmt: skip
    text = phraser.pick("follow.name", texts).format(other)
    return None if params.get("name") == other else Change(text, name, {"name": other})


def _draw_type(rng: random.Random) -> str:
    return rng.choice(("info", "warning", "error", "success"))


def _notify_instead(phraser: Phraser, name: str, params: Params) -> Change:
    kind = _draw_type(phraser.rng) if phraser.rng.random() < 0.6 else None
    texts = (
        "now send it as a {}", "also as a {}", "the same as a {}", "and as a {}", "make it a {} instead", "send the same as a {}", "now the same as a {}", "do the same as a {}", "send it as a {} too", "and now as a {}", "also send it as a {}",
    )  # fmt: skip
    text = phraser.pick("follow.notify", texts).format(f"{kind} notification" if kind else "notification")
    return Change(text, _NOTIFY, {**({"type": kind} if kind else {}), **params})


def _broadcast_too(phraser: Phraser, name: str, params: Params) -> Change:
    texts = (
        "now tell everyone", "broadcast it too", "send the same to all clients", "also broadcast it", "and tell everybody", "now broadcast the same", "tell everybody the same", "send that to everyone too", "now send it to everybody", "also tell everyone",
    )  # fmt: skip
    return Change(phraser.pick("follow.broadcast", texts), _BROADCAST, {"message": params["message"]})


def _other_type(phraser: Phraser, name: str, params: Params) -> Change | None:
    kind = _draw_type(phraser.rng)
    texts = (
        "make it {} {} instead", "the same as {} {}", "no, as {} {}", "now as {} {}", "send it as {} {} instead", "I meant {} {}", "rather as {} {}", "no, I meant {} {}", "and now as {} {}", "rather make it {} {}",
    )  # fmt: skip
    text = phraser.pick("follow.type", texts).format("an" if kind[0] in "ei" else "a", kind)
    rest = {key: value for key, value in params.items() if key != "type"}
    return None if params.get("type") == kind else Change(text, name, {"type": kind, **rest})


def _other_topic(phraser: Phraser, name: str, params: Params) -> Change | None:
    topic = draw_topic(phraser)
    texts = (
        "and {}", "now the same for {}", "what about {}", "and what about {}", "the same for {}", "rather {}", "no, I meant {}", "now {} instead", "do the same for {}", "and now {}", "and now what about {}", "{} instead",
    )  # fmt: skip
    text = phraser.pick("follow.topic", texts).format(topic)
    return None if params["query"] == topic else Change(text, name, {**params, "query": topic})


def _limit_results(phraser: Phraser, name: str, params: Params) -> Change | None:
    limit = phraser.rng.randint(1, 30)
    texts = (
        "only {} results", "the same, but at most {} results", "with a limit of {}", "give me {} results instead", "make it {} results", "{} results are enough", "the same with {} results", "but at most {} results", "now with a limit of {}", "only {} results, please",
    )  # fmt: skip
    text = phraser.pick("follow.results", texts).format(limit)
    return None if params.get("limit") == limit else Change(text, name, _sort({**params, "limit": limit}))


def _limit_types(phraser: Phraser, name: str, params: Params) -> Change | None:
    label = "".join(word.capitalize() for word in phraser.rng.choice(TRAINING.nouns).singular.split())
    texts = (
        "only {} nodes", "the same, but only {} nodes", "among nodes of type {}", "now among {} nodes", "but only of type {}", "the same with {} nodes only", "only nodes of type {}, please", "but among {} nodes", "now only {} nodes", "the same among nodes of type {}",
    )  # fmt: skip
    text = phraser.pick("follow.types", texts).format(label)
    return None if params.get("types") == [label] else Change(text, name, _sort({**params, "types": [label]}))


def _sort(params: Params) -> Params:
    """Discover's parameters in the order in which requests for it have them."""
    return {key: params[key] for key in ("query", "types", "limit", "depth") if key in params}


def _edit_query(phraser: Phraser, name: str, params: Params) -> Change | None:
    """The same query about another label, with a limit or another one, or only counted."""
    rng, cypher = phraser.rng, str(params["cypher"])
    kind = rng.choice(("label", "limit", "count"))
    if kind == "label" and re.search(r"\([nm]:\w+\)", cypher):
        known = rng.choice(TRAINING.nouns).singular.title().replace(" ", "")
        label = known if rng.random() < 0.5 else invent_word(rng).capitalize()
        text = phraser.pick("follow.label", _OTHER_LABEL).format(label)
        changed = re.sub(r"\(([nm]):\w+\)", rf"(\1:{label})", cypher, count=1)
    elif kind == "limit" and "count(" not in cypher:
        limit = rng.randint(1, 50)
        text = phraser.pick("follow.rows", _OTHER_ROWS).format(limit)
        changed = f"{cypher.partition(' LIMIT ')[0]} LIMIT {limit}"
    elif kind == "count" and re.fullmatch(r"MATCH \(n:\w+\) RETURN n(\.\w+|)( LIMIT \d+|)", cypher):
        text = phraser.pick("follow.count", _COUNT)
        changed = f"{cypher.partition(' RETURN ')[0]} RETURN count(n)"
    else:
        return None
    return None if changed == cypher else Change(text, name, {**params, "cypher": changed})


_OTHER_LABEL = (
    "now for {}", "the same for {}", "and for {}", "the same with {}", "now the same for {}", "and {}", "{} instead", "do the same for {}", "now with {}", "and the same for {}",
)  # fmt: skip
_OTHER_ROWS = (
    "only {} rows", "with LIMIT {}", "the same with a limit of {}", "at most {} rows", "make it {} rows", "only the first {} rows", "the same, but at most {} rows", "now with a limit of {}", "the first {} rows only", "now only {} rows",
)  # fmt: skip
_COUNT = (
    "how many are there", "just count them", "count them", "only the number of them", "and how many are there", "only count them", "now just the number of them", "now count them", "and just count them",
)  # fmt: skip


def _other_database(phraser: Phraser, name: str, params: Params) -> Change:
    texts = (
        "and now for the database {}", "the same for the database {}", "now in the database {}", "and in the database {}", "the same in the database {}, please", "do the same in the database {}", "and for the database {}", "now for the database {}", "the same in the database {}",
    )  # fmt: skip
    database = invent_word(phraser.rng)
    return Change(phraser.pick("follow.database", texts).format(database), name, {**params, "database": database})


_CHANGES: dict[str, tuple[Changer, ...]] = {
    _CONFIG: (_set_other_value,),
    _EVENTS: (_other_limit, _other_limit, _again),
    _HELLO: (_greet_another,),
    _BROADCAST: (_notify_instead, _notify_instead, _again),
    _NOTIFY: (_broadcast_too, _other_type, _again),
    _DISCOVER: (_other_topic, _other_topic, _limit_results, _limit_types),
    QUERY: (_edit_query, _edit_query, _edit_query, _again),
}


def _list_changers(name: str, actions: Mapping[str, str], contract: Contract) -> tuple[Changer, ...]:
    """What can be made of a request; a change to an action that the contract lacks is none."""
    changers = _CHANGES.get(name, (_again,))
    if _BROADCAST not in actions or _NOTIFY not in actions:
        changers = tuple(each for each in changers if each not in (_notify_instead, _broadcast_too)) or (_again,)
    if _takes(contract, actions[name], {"database": ""}):
        changers = (*changers, _other_database)
    return changers
