"""The graph that the tests of this folder ask about: four people, two cities, who knows whom and lives where."""

from cypher.graph import Node, PropertyGraph, Relationship

PEOPLE = PropertyGraph(
    nodes=(
        Node(id=10, labels=("Person",), properties={"name": "Ann", "age": 30, "score": 1.5, "active": True}),
        Node(id=11, labels=("Person",), properties={"name": "Bob", "age": 20, "score": 2.0, "active": False}),
        Node(id=12, labels=("Person",), properties={"name": "Cyd", "age": 40}),
        Node(id=13, labels=("Person", "Author"), properties={"name": "Dee's", "age": 20, "score": 4.0}),
        Node(id=20, labels=("City",), properties={"name": "Oslo"}),
        Node(id=21, labels=("City",), properties={"name": "Rome"}),
    ),
    relationships=(
        Relationship(type="KNOWS", start=10, end=11, properties={"since": 2001}),
        Relationship(type="KNOWS", start=10, end=12),
        Relationship(type="KNOWS", start=11, end=12),
        Relationship(type="LIVES_IN", start=10, end=20),
        Relationship(type="LIVES_IN", start=11, end=20),
        Relationship(type="LIVES_IN", start=13, end=21),
    ),
)
