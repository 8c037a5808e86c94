"""Cypher beyond the query algebra: each operator is realised once in Cypher and once in English, side by side."""
