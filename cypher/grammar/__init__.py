"""A grammar of Cypher as Neo4j 5 has it, which also knows which variables exist at each place; it builds no tree."""
