"""Requests for NornicDB's runtime actions in everyday English, each with its one right action and parameters.

Where two actions could answer, the reading follows the few-shot examples that NornicDB itself shows the model: counts of
nodes, embeddings, clusters and features are `db_stats`; the state of the server is `watcher.status`.
"""

from collections.abc import Callable
from typing import Any

from datagen.invention import invent_word
from datagen.lexicon import TRAINING
from datagen.phrasing import Phraser
from nornicdb.contract import Contract

Params = dict[str, Any]

_SHOW = (
    "show",
    "show me",
    "give me",
    "get",
    "display",
    "what is",
    "I want to see",
    "let me see",
    "fetch",
    "print",
    "tell me",
    "pull up",
)
_LIST = (
    "show",
    "show me",
    "list",
    "give me",
    "get",
    "display",
    "what are",
    "I want to see",
    "print",
    "fetch",
    "bring up",
    "let me look at",
)
_WRAP = (
    "{}", "{}", "{}", "please {}", "{} please", "can you {}", "could you {}", "hey, {}", "{} now", "{} for me", "heimdall, {}",
    "I would like you to {}", "quickly {}", "{} quickly", "I need you to {}", "hey heimdall, {}", "just {}", "would you {}", "would you {} for me",
)  # fmt: skip

# The objects of a showing verb, and whole sentences that need none.
_PLAIN: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "heimdall.help": (
        _LIST,
        (
            "the available actions", "all actions", "your commands", "the commands you know", "the list of actions", "everything you can do",
            "what actions exist", "your abilities", "all supported commands", "the actions I can use", "your capabilities", "the command list", "a list of your commands", "your actions", "the actions you support", "the list of commands",
        ),
        (
            "help", "what can you do", "which actions are available", "how can you help me", "what commands do you support",
            "help me get started", "what am I able to ask you", "which commands do you understand", "I need help with your actions",
            "what are you capable of", "what kinds of things can I request", "what can I ask you", "which kinds of commands exist",
            "tell me what you can do", "which actions do you support", "what can I request",
        ),
    ),
    "heimdall.status": (
        _SHOW,
        (
            "the assistant status", "the heimdall status", "the SLM status", "your own status", "the number of loaded plugins",
            "the status of the assistant", "the plugin count", "the status of the language model", "how many plugins are loaded",
            "the SLM system status", "the assistant's own status", "the count of registered actions", "the number of registered actions", "how many actions are registered",
        ),
        (
            "heimdall status", "how many plugins do you have", "are you running", "is the assistant loaded", "how many plugins are active",
            "slm status", "what is your status, heimdall", "how many actions are registered in heimdall", "assistant status check",
            "is heimdall itself up", "is heimdall running", "how are you doing, heimdall", "are all plugins loaded", "how many plugins are there", "count the loaded plugins",
        ),
    ),
    "heimdall.watcher.status": (
        _SHOW,
        (
            "the status", "the system status", "the server status", "the overall status", "the current status", "the full status report",
            "the nornicdb status", "the state of the server", "a status overview", "the complete system status", "the general state of the system",
            "a summary of the server state", "a summary of the system", "the state of the system", "the current state of the server", "a general status overview",
        ),
        (
            "status", "check the system", "get status", "how is the server doing", "is everything running fine", "what is the status",
            "system status", "is the system ok", "check the server", "how are things going on the server", "health check",
            "is nornicdb up and running", "run a status check", "is the server fine", "how is nornicdb doing", "is nornicdb running fine", "check the status of the server",
        ),
    ),
    "heimdall.watcher.health": (
        _SHOW,
        (
            "the health of the watcher", "the watcher health", "the watcher's uptime", "the health status of the watcher",
            "how long the watcher has been running", "whether the watcher is healthy", "the watcher health status", "the uptime of the watcher",
            "the watcher's state of health", "if the watcher is well", "how well the watcher is doing", "the state of the watcher",
            "how healthy the watcher is", "if the watcher is healthy",
        ),
        (
            "is the watcher healthy", "check the health of the watcher", "watcher health", "how healthy is the watcher",
            "is the watcher alive", "how long has the watcher been up", "check watcher health", "does the watcher feel fine",
            "is the watcher in good health", "is the watcher doing well", "is the watcher up", "what is the health of the watcher", "is the watcher fine",
        ),
    ),
    "heimdall.watcher.config": (
        _SHOW,
        (
            "the configuration", "the current configuration", "the config", "the settings", "your settings", "the current settings",
            "the SLM configuration", "the configured temperature", "the max tokens setting", "your current config", "the active settings",
            "how the assistant is configured", "the configured settings", "the assistant's settings", "the settings in use", "your current settings",
        ),
        (
            "config", "configuration", "what are the current settings", "which settings are active", "how are you configured",
            "show config", "what temperature is configured", "which temperature do you use", "what is max_tokens set to",
            "what configuration is in use", "list your settings", "what are your settings", "how is the assistant configured", "what settings do you use", "which configuration is active",
        ),
    ),
    "heimdall.watcher.metrics": (
        _SHOW,
        (
            "the metrics", "the runtime metrics", "the memory usage", "the goroutine count", "the garbage collection statistics",
            "detailed metrics", "the memory metrics", "the process metrics", "the GC figures", "the performance metrics",
            "the number of goroutines", "how much memory is used", "the heap usage", "the heap metrics", "how many goroutines are running",
            "how much heap is used", "the usage of memory",
        ),
        (
            "metrics", "how much memory is the server using", "how many goroutines are running", "show metrics",
            "how often does the garbage collector run", "what is the memory consumption", "runtime metrics",
            "how much heap is allocated", "what does memory look like", "how busy is the garbage collector", "how much memory is allocated",
            "what is the heap usage", "how many goroutines are there", "how much heap is the server using",
        ),
    ),
    "heimdall.watcher.db_stats": (
        _SHOW,
        (
            "the database statistics", "the database stats", "the total number of nodes", "the total number of relationships",
            "the number of embeddings", "the number of k-means clusters", "the feature flags", "the clustering info", "the node count",
            "the edge count", "database info", "the enabled features", "the totals for the database", "the number of edges", "the totals of nodes and relationships", "the number of nodes in the database",
            "the size of the database in nodes", "the database totals",
        ),
        (
            "how many nodes", "how many nodes are there", "how many relationships", "how many embeddings", "how many clusters are there",
            "what features are enabled", "database statistics", "which feature flags are on", "how many edges does the database have",
            "how big is the database", "database stats", "how many k-means clusters exist", "what is the total node count",
            "which features are switched on", "how many relationships does the whole database hold", "how many nodes does the whole database have",
            "what features are switched on", "how many nodes does the database hold", "how many relationships does the database have",
        ),
    ),
}  # fmt: skip

_FIRST_NAMES = (
    "Anna",
    "Bob",
    "Carla",
    "Deniz",
    "Erik",
    "Fatima",
    "Goran",
    "Hana",
    "Ivo",
    "Jana",
    "Kofi",
    "Lena",
    "Mara",
    "Nils",
    "Olga",
    "Pavel",
)
_DESCRIPTIONS = (
    "slow",
    "recent",
    "important",
    "failed",
    "shared",
    "old",
    "new",
    "unusual",
    "internal",
    "open",
    "secure",
    "missing",
)
_HAPPENINGS = (
    "maintenance starts at {time}", "the {thing} backup is finished", "please save your work", "the {thing} import failed",
    "restarting in {n} minutes", "{thing} is full", "deployment of {thing} at {time}", "the {thing} index is rebuilt",
    "read only mode until {time}", "welcome {name}", "disk usage is at {n} percent", "{name} is on call today",
)  # fmt: skip


def draw_topic(phraser: Phraser) -> str:
    """Something to search for."""
    rng = phraser.rng
    noun = rng.choice(TRAINING.nouns).plural if rng.random() < 0.6 else invent_word(rng)
    roll = rng.random()
    if roll < 0.35:
        return f"{rng.choice(_DESCRIPTIONS)} {noun}"
    if roll < 0.55:
        return f"{noun} {rng.choice(('in', 'for', 'about', 'from'))} {rng.choice(TRAINING.nouns).plural}"
    return noun if roll < 0.8 else f"{rng.choice(TRAINING.nouns).singular} {invent_word(rng)}"


def _announcement(phraser: Phraser) -> str:
    rng = phraser.rng
    thing = rng.choice(TRAINING.nouns).singular if rng.random() < 0.6 else invent_word(rng)
    time = (
        f"{rng.randint(1, 12)}{rng.choice(('am', 'pm'))}"
        if rng.random() < 0.5
        else f"{rng.randint(0, 23)}:{rng.choice(('00', '15', '30'))}"
    )
    return rng.choice(_HAPPENINGS).format(thing=thing, time=time, n=rng.randint(2, 95), name=draw_name(phraser))


def draw_name(phraser: Phraser) -> str:
    """A person's name."""
    rng = phraser.rng
    return rng.choice(_FIRST_NAMES) if rng.random() < 0.3 else invent_word(rng).capitalize()


def _quote(text: str, phraser: Phraser) -> str:
    mark = phraser.rng.choice(("", "", "'", '"'))
    return f"{mark}{text}{mark}"


def _plain(action: str) -> Callable[[Phraser], tuple[str, Params]]:
    verbs, objects, sentences = _PLAIN[action]

    def ask(phraser: Phraser) -> tuple[str, Params]:
        if phraser.rng.random() < 0.4:
            return phraser.pick(f"{action}.sentence", sentences), {}
        return f"{phraser.pick('action.verb', verbs)} {phraser.pick(f'{action}.object', objects)}", {}

    return ask


def _hello(phraser: Phraser) -> tuple[str, Params]:
    if phraser.rng.random() < 0.4:
        plain = (
            "say hello", "hello", "run the hello test", "send a greeting", "hello world", "greet me", "do a hello test", "say hi",
            "test whether you answer with a greeting", "give a friendly hello", "answer with a hello", "send a friendly greeting", "give a greeting", "test the hello",
        )  # fmt: skip
        return phraser.pick("hello.plain", plain), {}
    name = draw_name(phraser)
    named = (
        "say hello to {}", "greet {}", "say hi to {}", "send a greeting to {}", "hello, I am {}", "hello from {}", "welcome {} with a hello",
        "give {} a greeting", "my name is {}, say hello", "I am {}, say hi", "say a friendly hello to {}", "send {} a hello", "my name is {}, greet me",
    )  # fmt: skip
    return phraser.pick("hello.named", named).format(name), {"name": name}


def _set_config(phraser: Phraser) -> tuple[str, Params]:
    frames = (
        "set {k} to {v}", "change {k} to {v}", "update {k} to {v}", "make {k} {v}", "put {k} at {v}", "configure {k} as {v}",
        "I want {k} to be {v}", "use {v} as {k}", "switch {k} to {v}", "adjust {k} so that it is {v}", "adjust {k} to {v}", "{k} should be {v}", "switch {k} over to {v}", "change {k} so that it is {v}", "use {v} for {k}",
    )  # fmt: skip
    value: int | float
    if phraser.rng.random() < 0.5:
        key, value = "max_tokens", phraser.rng.randint(1, 4096)
        spelling = phraser.pick(
            "config.max_tokens",
            ("max_tokens", "max tokens", "the max tokens", "the token limit", "the maximum number of tokens"),
        )
    else:
        key, value = "temperature", phraser.rng.randint(1, 20) / 10
        spelling = phraser.pick("config.temperature", ("temperature", "the temperature", "the sampling temperature"))
    return phraser.pick("set_config", frames).format(k=spelling, v=value), {key: value}


def _events(phraser: Phraser) -> tuple[str, Params]:
    verb = phraser.pick("action.verb", _LIST)
    if phraser.rng.random() < 0.45:
        objects = (
            "the recent events", "the latest events", "the event log", "the last events", "recent system events", "what happened recently",
            "the entries of the event log", "the past events", "the newest system events", "the log of recent events",
        )  # fmt: skip
        return f"{verb} {phraser.pick('events.plain', objects)}", {}
    number = phraser.rng.randint(1, 60)
    limited = (
        "the last {} events", "the latest {} events", "{} recent events", "the {} most recent events", "up to {} events",
        "the newest {} system events", "the past {} events", "at most {} recent events", "the last {} entries of the event log",
        "the {} newest events", "no more than {} events",
    )  # fmt: skip
    return f"{verb} {phraser.pick('events.limit', limited).format(number)}", {"limit": number}


def _broadcast(phraser: Phraser) -> tuple[str, Params]:
    text = _announcement(phraser)
    frames = (
        "broadcast {}", "broadcast the message {}", "tell everyone {}", "send {} to all clients", "announce {}", "broadcast to everyone: {}",
        "send a broadcast saying {}", "let all users know: {}", "inform everybody that {}", "tell all users {}", "inform all clients: {}", "say to everybody: {}", "let everyone know that {}",
        "tell all connected clients {}", "send the message {} to everybody",
    )  # fmt: skip
    return phraser.pick("broadcast", frames).format(_quote(text, phraser)), {"message": text}


def _notify(phraser: Phraser) -> tuple[str, Params]:
    text = _announcement(phraser)
    kind = phraser.rng.choice((None, None, "info", "warning", "error", "success"))
    titled = phraser.rng.random() < 0.3
    word = "notification" if kind is None else f"{kind} notification"
    frames = (
        "send a {w}: {m}", "create a {w} saying {m}", "show a {w} with the text {m}", "raise a {w}: {m}", "push a {w} that says {m}",
        "post a {w}: {m}", "issue a {w} reading {m}", "pop up a {w}: {m}", "issue a {w}: {m}", "show a {w} reading {m}", "create a {w}: {m}", "send a {w} that says {m}",
    )  # fmt: skip
    params: Params = {} if kind is None else {"type": kind}
    if titled:
        title = phraser.rng.choice(("Maintenance", "Backup", "Alert", "Import", "Upgrade", "Reminder", "Notice"))
        word += phraser.pick(
            "notify.title",
            (" titled {}", " with title {}", " with the title {}", " called {}", " headed {}", " with {} as the title"),
        ).format(title)
        params["title"] = title
    return phraser.pick("notify", frames).format(w=word, m=_quote(text, phraser)), {**params, "message": text}


def _discover(phraser: Phraser) -> tuple[str, Params]:
    topic = draw_topic(phraser)
    frames = (
        "search for {}", "find information about {}", "what do we know about {}", "tell me about {}", "look for knowledge about {}",
        "discover {}", "search the knowledge graph for {}", "find anything related to {}", "what is known about {}",
        "do a semantic search for {}", "explore what the graph says about {}", "search semantically for {}", "explore {}", "what the graph knows about {}",
        "is anything known about {}", "what does the graph hold about {}", "do a search for {}", "find what the graph knows about {}",
    )  # fmt: skip
    text, params = phraser.pick("discover", frames).format(_quote(topic, phraser)), {"query": topic}
    extra: Params = {}
    if phraser.rng.random() < 0.2:
        label = "".join(word.capitalize() for word in phraser.rng.choice(TRAINING.nouns).singular.split())
        text += phraser.pick(
            "discover.types",
            (
                " among {} nodes",
                " in nodes of type {}",
                ", only {} nodes",
                " limited to type {}",
                " restricted to {} nodes",
                " limited to {} nodes",
            ),
        ).format(label)
        extra["types"] = [label]
    if phraser.rng.random() < 0.2:
        limit = phraser.rng.randint(1, 30)
        text += phraser.pick(
            "discover.limit",
            (
                ", at most {} results",
                " and give me {} results",
                ", limit {}",
                " with a limit of {}",
                ", no more than {} hits",
                ", no more than {} results",
            ),
        ).format(limit)
        extra["limit"] = limit
    if phraser.rng.random() < 0.15:
        depth = phraser.rng.randint(1, 3)
        text += phraser.pick(
            "discover.depth",
            (
                " with depth {}",
                ", depth {}",
                " going {} levels deep",
                " at depth {}",
                " following {} levels",
                " to a depth of {}",
            ),
        ).format(depth)
        extra["depth"] = depth
    return text, {**params, **extra}


def _query(phraser: Phraser) -> tuple[str, Params]:
    """A Cypher statement that the user has written and only wants to be run."""
    rng = phraser.rng
    label = (
        "".join(word.capitalize() for word in rng.choice(TRAINING.nouns).singular.split())
        if rng.random() < 0.5
        else invent_word(rng).capitalize()
    )
    other = rng.choice(TRAINING.relations).name
    prop = rng.choice((*TRAINING.names, *TRAINING.properties)).words.replace(" ", "_")
    cypher = rng.choice(
        (
            f"MATCH (n:{label}) RETURN count(n)", f"MATCH (n:{label}) RETURN n.{prop}", f"MATCH (n:{label}) RETURN n LIMIT {rng.randint(1, 50)}",
            f"MATCH (n:{label})-[:{other}]->(m) RETURN m.{prop}", f"MATCH (a)-[r:{other}]->(b) RETURN count(r)",
            f"MATCH (n:{label}) WHERE n.{prop} IS NOT NULL RETURN n.{prop} ORDER BY n.{prop}", f"MATCH (n)-[:{other}]-(m:{label}) RETURN DISTINCT n",
        )
    )  # fmt: skip
    frames = (
        "run {}", "execute {}", "run this query: {}", "execute this cypher: {}", "run the cypher query {}", "{}", "please execute {}",
        "send this query to the database: {}", "evaluate the statement {}", "evaluate {}", "run the statement {}", "execute the query {}",
        "run this cypher: {}", "execute this statement: {}",
    )  # fmt: skip
    return phraser.pick("query.run", frames).format(cypher), {"cypher": cypher}


QUERY = "heimdall.watcher.query"  # the reference contract's name; a row has that of its own contract
# Actions that have another name in later contracts, where this is the one that does the same.
_LATER = {"heimdall.help": "heimdall_watcher_help", "heimdall.watcher.discover": "heimdall_watcher_search"}

ACTIONS: dict[str, Callable[[Phraser], tuple[str, Params]]] = {
    **{name: _plain(name) for name in _PLAIN},
    "heimdall.watcher.hello": _hello,
    "heimdall.watcher.set_config": _set_config,
    "heimdall.watcher.events": _events,
    "heimdall.watcher.broadcast": _broadcast,
    "heimdall.watcher.notify": _notify,
    "heimdall.watcher.discover": _discover,
    QUERY: _query,
}


def match_actions(contract: Contract) -> dict[str, str]:
    """The contract's name of each action in `ACTIONS` that it has: later ones have `_` in place of `.`."""
    matched = {}
    for name in ACTIONS:
        spellings = (name, name.replace(".", "_"), _LATER.get(name))
        found = next((spelling for spelling in spellings if spelling in contract.action_names), None)
        if found is not None:
            matched[name] = found
    return matched | {QUERY: contract.query_action}


def ask_for_action(name: str, phraser: Phraser) -> tuple[str, Params]:
    """A request for the named action and the parameters that it states."""
    text, params = ACTIONS[name](phraser)
    if name != QUERY:
        verb_first = text.split()[0] in ("show", "give", "get", "list", "set", "run", "send", "tell", "check", "change", "find", "search", "broadcast", "announce", "display", "fetch", "print")  # fmt: skip
        if verb_first:
            text = phraser.pick("action.wrap", _WRAP).format(text)
    return text, params
