"""The one judge of Cypher, shared by data and evaluation: parse, run on an embedded graph, compare results."""
