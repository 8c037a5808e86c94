"""Random queries of the generator, for tests of whatever reads, runs or rewrites queries."""

import random

from datagen import lexicon
from datagen.queries import Query, sample_query
from datagen.schemas import sample_schema


def sample(seed: int) -> tuple[Query, random.Random]:
    """A query over a schema of its own, and the generator of random numbers to go on with."""
    rng = random.Random(seed)
    while True:
        schema = sample_schema(lexicon.TRAINING, rng, "s", max_node_types=4, invented_share=0.5)
        query = sample_query(schema, rng)
        if query is not None:
            return query, rng
