"""Schema commands and procedures, in the syntax that NornicDB takes. No embedded engine runs them: they are judged by
their canonical form, and proven by the parser and the dialect's rules alone."""

from datagen.statements.drawing import Drawing, Statement, Subject


def _guard(d: Drawing) -> tuple[str, str]:
    """Whether what is there already is no fault, in Cypher and in English."""
    if not d.roll(0.4):
        return "", ""
    return "IF NOT EXISTS ", d.rng.choice((", if there is none yet", " unless it exists", ", if it does not exist"))


def _name_index(d: Drawing, s: Subject, holds: str) -> str:
    return f"{s.head.label}_{holds}".lower() if d.roll(0.5) else d.invent().lower()


def draw_index(d: Drawing) -> Statement:
    """CREATE INDEX on one or two properties."""
    s = d.bare()
    first = d.prop(s.head)
    props = (first, d.prop(s.head, first)) if d.roll(0.3) else (first,)
    said = " and ".join(map(d.names.prop, props))
    if d.roll(0.3):
        name = f"{s.head.label}_{'_'.join(prop.name for prop in props)}".lower()
        named = f" named {name}"
    else:
        name = named = ""
    exists, once = _guard(d)
    frames = (
        "create an index on {p} of {h}{v}{w}", "index {h} by {p}{v}{w}", "add an index for the {p} of {h}{v}{w}", "make lookups of {h} by {p} fast with an index{v}{w}", "put an index{v} on the {p} of {h}{w}", "I need an index on {h} over {p}{v}{w}", "create index for {h} on {p}{v}{w}", "speed up searching {h} by {p}: create an index{v}{w}",
        "set up an index{v} over {p} for {h}{w}", "have {p} of {h} indexed{v}{w}",
    )  # fmt: skip
    cypher = f"CREATE INDEX {name + ' ' if name else ''}{exists}FOR (n:{s.head.label}) ON ({', '.join(f'n.{prop.name}' for prop in props)})"
    return d.state("index" if len(props) == 1 else "composite_index", cypher, frames, h=s.head, p=said, v=named, w=once)


def draw_unique(d: Drawing) -> Statement:
    """CREATE CONSTRAINT … IS UNIQUE."""
    s = d.bare()
    prop = d.prop(s.head)
    name = f"unique_{s.head.label}_{prop.name}".lower()
    named = f" named {name}" if d.roll(0.4) else ""
    exists, once = _guard(d)
    frames = (
        "make the {p} of {h} unique{v}{w}", "create a uniqueness constraint on {p} of {h}{v}{w}", "no two {h} may have the same {p}: add a constraint{v}{w}", "add a unique constraint{v} for {p} of {h}{w}", "ensure that the {p} of {h} is unique with a constraint{v}{w}", "require {p} to be unique for {h}{v}{w}", "constraint{v} so that {h} differ in {p}{w}", "enforce unique {p} on {h}{v}{w}",
        "{h} must not share a {p}: create that constraint{v}{w}", "forbid duplicate {p} among {h} with a constraint{v}{w}",
    )  # fmt: skip
    cypher = (
        f"CREATE CONSTRAINT {name + ' ' if named else ''}{exists}FOR (n:{s.head.label}) REQUIRE n.{prop.name} IS UNIQUE"
    )
    return d.state("unique_constraint", cypher, frames, h=s.head, p=prop, v=named, w=once)


def draw_fulltext_index(d: Drawing) -> Statement:
    """CREATE FULLTEXT INDEX."""
    s = d.bare()
    first = d.text(s.head)
    name = _name_index(d, s, "text")
    frames = (
        "create a full-text index {v} on {p} of {h}", "add a fulltext index called {v} for the {p} of {h}", "make the {p} of {h} searchable as full text, index name {v}", "full-text index {v} over {p} of {h}", "I need a full text index {v} for {h} on {p}", "set up fulltext search on {p} of {h} under the name {v}", "index the text of {p} of {h} as {v}", "create fulltext index {v} for {h} over {p}",
        "let {p} of {h} be found by words: full-text index {v}",
    )  # fmt: skip
    return d.state(
        "fulltext_index",
        f"CREATE FULLTEXT INDEX {name} FOR (n:{s.head.label}) ON EACH [n.{first.name}]",
        frames,
        h=s.head,
        p=first,
        v=name,
    )


def draw_vector_index(d: Drawing) -> Statement:
    """CREATE VECTOR INDEX with the default options: those in backticks are not read."""
    s = d.bare()
    name = _name_index(d, s, "embeddings")
    prop = d.rng.choice(("embedding", "vector", "embeddings", "textEmbedding"))
    frames = (
        "create a vector index {v} on the {p} of {h}", "add a vector index called {v} for {h} on {p}", "make the {p} of {h} searchable by similarity, index name {v}", "vector index {v} over {p} of {h}", "I need a vector index {v} for {h} on {p}", "set up similarity search on {p} of {h} under the name {v}", "index the vectors in {p} of {h} as {v}", "create vector index {v} for {h} over {p}",
        "let {h} be found by nearness of {p}: vector index {v}",
    )  # fmt: skip
    return d.state(
        "vector_index",
        f"CREATE VECTOR INDEX {name} FOR (n:{s.head.label}) ON (n.{prop})",
        frames,
        h=s.head,
        p=prop,
        v=name,
    )


_SHOWN = {
    "INDEXES": ("indexes", "all indexes", "the indexes of this database", "every index there is", "the existing indexes", "which indexes exist", "the list of indexes", "index definitions"),
    "CONSTRAINTS": ("constraints", "all constraints", "the constraints of this database", "every constraint there is", "the existing constraints", "which constraints exist", "the list of constraints", "constraint definitions"),
    "PROCEDURES": ("procedures", "all procedures", "the procedures I can call", "every procedure there is", "the available procedures", "which procedures exist", "the list of procedures", "procedure names"),
    "FUNCTIONS": ("functions", "all functions", "the functions I can use", "every function there is", "the available functions", "which functions exist", "the list of functions", "function names"),
    "DATABASES": ("databases", "all databases", "the databases on this server", "every database there is", "the existing databases", "which databases exist", "the list of databases", "database names"),
}  # fmt: skip


def draw_show(d: Drawing) -> Statement:
    """SHOW INDEXES, SHOW CONSTRAINTS and so on."""
    what = d.rng.choice(tuple(_SHOWN))
    frames = (
        "{show} {x} with a Cypher command", "{show} {x}, using SHOW", "Cypher to {show} {x}", "run a command that will {show} {x}", "{show} {x} by Cypher", "command to {show} {x}", "in Cypher, {show} {x}", "with SHOW, {show} {x}", "write the SHOW command for {x}",
    )  # fmt: skip
    return d.state(f"show_{what.lower()}", f"SHOW {what}", frames, x=d.phraser.pick(f"shown.{what}", _SHOWN[what]))


_CALLS: dict[str, tuple[str, tuple[str, ...]]] = {
    "labels": ("CALL db.labels() YIELD label RETURN label", ("node labels", "labels in use", "the labels of the graph", "which labels exist", "every node label")),
    "relationship_types": ("CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType", ("relationship types", "types of relationships in use", "which relationship types exist", "every relationship type", "the kinds of edges")),
    "property_keys": ("CALL db.propertyKeys() YIELD propertyKey RETURN propertyKey", ("property keys", "property names in use", "which property keys exist", "every property key", "the names of all properties")),
    "procedure_indexes": ("CALL db.indexes()", ("indexes", "the indexes there are", "which indexes exist", "every index", "the index list")),
    "procedure_constraints": ("CALL db.constraints()", ("constraints", "the constraints there are", "which constraints exist", "every constraint", "the constraint list")),
    "schema_graph": ("CALL db.schema.visualization()", ("the schema as a graph", "a picture of the schema", "how labels are related", "the schema visualization", "the graph model")),
    "version": ("CALL nornicdb.version()", ("the NornicDB version", "which version this is", "the version of the database", "the release in use", "the version number")),
}  # fmt: skip


def draw_call(d: Drawing) -> Statement:
    """A procedure without arguments."""
    kind = d.rng.choice(tuple(_CALLS))
    cypher, phrases = _CALLS[kind]
    frames = (
        "{show} {x} by a procedure call", "call the procedure that will {show} {x}", "{show} {x} with CALL", "use a procedure to {show} {x}", "which CALL will {show} {x}", "procedure for {x}, please call it", "CALL something to {show} {x}", "run the built-in procedure to {show} {x}", "through a procedure, {show} {x}",
    )  # fmt: skip
    return d.state(kind, cypher, frames, x=d.phraser.pick(f"call.{kind}", phrases))


_TOPICS = (
    "database performance", "how to reset a password", "security incidents", "slow queries", "customer complaints", "travel plans", "machine learning", "quarterly results", "cooking with herbs", "network outages",
    "project deadlines", "data protection", "release notes", "graph algorithms", "office plants", "battery life",
)  # fmt: skip


def draw_vector_search(d: Drawing) -> Statement:
    """db.index.vector.queryNodes with a text, which NornicDB embeds itself."""
    s = d.bare()
    key, count = d.prop(s.head), d.rng.choice((3, 5, 10, 20))
    index = _name_index(d, s, "embeddings")
    topic = d.rng.choice(_TOPICS) if d.roll(0.6) else f"{d.rng.choice(_TOPICS)} and {d.invent().lower()}"
    least = d.rng.choice((0.5, 0.6, 0.7, 0.8)) if d.roll(0.35) else None
    only = f", only those that score at least {least}" if least else ""
    frames = (
        "find the {k} {h} most similar to '{x}' in the vector index {v}, {show} {p} and score{w}", "vector search in {v} for '{x}': top {k} {h} with {p} and score{w}", "{show} the {p} and score of the {k} {h} nearest to '{x}' by index {v}{w}", "semantic search over {v}: '{x}', {k} hits, {p} of the {h} and score{w}",
        "which {k} {h} in vector index {v} are closest to '{x}', {show} {p} and score{w}", "search {v} by meaning for '{x}' and {show} {p} and score of {k} {h}{w}", "query the vector index {v} with '{x}', limit {k}, {show} the {p} of the {h} and the score{w}", "{k} nearest {h} to the text '{x}' in {v}: {p}, score{w}",
        "look for {h} about '{x}' with vector index {v}, {k} of them, {p} and score{w}", "by similarity to '{x}', {show} {p} and score of {k} {h} from {v}{w}",
    )  # fmt: skip
    where = f" WHERE score >= {least}" if least else ""
    cypher = f"CALL db.index.vector.queryNodes('{index}', {count}, '{topic}') YIELD node, score{where} RETURN node.{key.name}, score"
    return d.state("vector_search", cypher, frames, h=s.head, p=key, k=count, v=index, x=topic, w=only)


def draw_fulltext_search(d: Drawing) -> Statement:
    """db.index.fulltext.queryNodes."""
    s = d.bare()
    key, index = d.prop(s.head), _name_index(d, s, "text")
    words = d.rng.choice((d.rng.choice(_TOPICS), d.invent().lower(), d.rng.choice(_TOPICS).split()[0]))
    frames = (
        "full-text search in {v} for '{x}', {show} the {p} of the {h} and the score", "search the fulltext index {v} for '{x}': {p} of {h} and score", "{show} {p} and score of the {h} that match '{x}' in the text index {v}", "find {h} containing the words '{x}' by full-text index {v}, {p} and score", "query the full-text index {v} with '{x}' and {show} {p} and score of the {h}",
        "look up '{x}' in the fulltext index {v}, {h} by {p} with score", "keyword search for '{x}' over {v}: {p} of {h}, score", "which {h} does the text index {v} find for '{x}', {show} {p} and score", "by full text {v}, {h} for '{x}': {p} plus score",
    )  # fmt: skip
    cypher = f"CALL db.index.fulltext.queryNodes('{index}', '{words}') YIELD node, score RETURN node.{key.name}, score"
    return d.state("fulltext_search", cypher, frames, h=s.head, p=key, v=index, x=words)


_ALGORITHMS = {
    "page_rank": ("apoc.algo.pageRank", "score", ("PageRank", "PageRank score", "importance by PageRank")),
    "louvain": ("apoc.algo.louvain", "community", ("Louvain community", "community by the Louvain method")),
    "label_propagation": ("apoc.algo.labelPropagation", "community", ("community by label propagation", "label propagation community")),
    "components": ("apoc.algo.wcc", "componentId", ("connected component", "weakly connected component")),
}  # fmt: skip


def draw_algorithm(d: Drawing) -> Statement:
    """A graph algorithm of NornicDB over one label."""
    s = d.bare()
    key, kind = d.prop(s.head), d.rng.choice(tuple(_ALGORITHMS))
    procedure, column, phrases = _ALGORITHMS[kind]
    limit = d.rng.choice((3, 5, 10)) if column == "score" and d.roll(0.5) else None
    only = f", the top {limit} only" if limit else ""
    frames = (
        "compute the {x} of {h} and {show} it with the {p}{w}", "{show} the {p} and {x} of {h}{w}", "{x} of {h}, with {p}{w}", "run the algorithm for {x} over {h}, {show} {p} and result{w}", "what is the {x} of each of the {h}, by {p}{w}", "for {h}, {show} {p} and {x}{w}", "calculate {x} for {h} and {show} it by {p}{w}", "{h} by {p} with their {x}{w}",
        "let the database work out {x} on {h}: {p} and value{w}",
    )  # fmt: skip
    tail = f" ORDER BY score DESC LIMIT {limit}" if limit else ""
    cypher = f"CALL {procedure}(['{s.head.label}']) YIELD node, {column} RETURN node.{key.name}, {column}{tail}"
    return d.state(kind, cypher, frames, h=s.head, p=key, x=d.rng.choice(phrases), w=only)
