"""The one grammar of Cypher: cuts a text into tokens and reads them into a tree of typed nodes."""
