"""The names of Cypher's own functions (Neo4j 5 and 25, openCypher 9), in lower case."""

AGGREGATES = frozenset(
    {"avg", "collect", "count", "max", "min", "percentilecont", "percentiledisc", "stdev", "stdevp", "sum"}
)

# https://neo4j.com/docs/cypher-manual/5/functions/ and /25/functions/; `distance` and `exists` are older ones that
# openCypher and NornicDB still have. Functions in a namespace (`apoc.text.join`) are not listed: plugins add them.
FUNCTIONS = AGGREGATES | frozenset((
    "abs", "acos", "acosh", "all", "any", "allreduce", "asin", "asinh", "atan", "atan2", "atanh", "btrim", "ceil",
    "char_length", "character_length", "coalesce", "coll", "cos", "cosh", "cot", "coth", "date", "datetime",
    "degrees", "distance", "duration", "e", "elementid", "endnode", "exists", "exp", "file", "floor", "format",
    "graph", "haversin", "head", "id", "isempty", "isnan", "keys", "labels", "last", "left", "length", "linenumber",
    "localdatetime", "localtime", "log", "log10", "lower", "ltrim", "nodes", "none", "normalize", "nullif", "pi",
    "point", "properties", "radians", "rand", "randomuuid", "range", "reduce", "relationships", "replace",
    "reverse", "right", "round", "rtrim", "sign", "sin", "single", "sinh", "size", "split", "sqrt", "startnode",
    "substring", "tail", "tan", "tanh", "time", "timestamp", "toboolean", "tobooleanlist", "tobooleanornull",
    "tofloat", "tofloatlist", "tofloatornull", "tointeger", "tointegerlist", "tointegerornull", "tolower",
    "tostring", "tostringlist", "tostringornull", "toupper", "trim", "type", "upper", "valuetype", "vector",
    "vector_dimension_count", "vector_distance", "vector_norm",
))  # fmt: skip

# What the one argument of these must be, where the text tells what it is.
ARGUMENTS: dict[str, frozenset[str]] = {
    "labels": frozenset({"node"}),
    "type": frozenset({"relationship"}),
    "startnode": frozenset({"relationship"}),
    "endnode": frozenset({"relationship"}),
    "id": frozenset({"node", "relationship"}),
    "elementid": frozenset({"node", "relationship"}),
    "properties": frozenset({"node", "relationship", "map"}),
    "keys": frozenset({"node", "relationship", "map"}),
    "nodes": frozenset({"path"}),
    "relationships": frozenset({"path"}),
    "length": frozenset({"path"}),
    "size": frozenset({"list", "text"}),
}
