"""Walks every pair of operators of the class `systematic` until a query of it is proven, and names the others.

python benchmarks/operator_pairs.py
"""

import random
from collections import Counter
from contextlib import ExitStack

from datagen import lexicon
from datagen.phrasing import Phraser
from datagen.proving_graph import ProvingGraph
from datagen.questions import NaturalNames
from datagen.schemas import sample_graph, sample_schema
from datagen.statements.mixing import PAIRS, draw_request
from datagen.variety import vary_schema

SCHEMAS = 300
GRAPHS = 2


def main() -> None:
    """Prints how many pairs were drawn and proven, then those drawn and not proven, and those never drawn by maker."""
    rng = random.Random(1)
    drawn, proven = set[int](), set[int]()
    for number in range(SCHEMAS):
        schema = vary_schema(sample_schema(lexicon.TRAINING, rng, "s", 8, 0.35), lexicon.TRAINING, rng)
        with ExitStack() as stack:
            graphs = [stack.enter_context(ProvingGraph(sample_graph(schema, rng))) for _ in range(GRAPHS)]
            for turn in sorted(set(range(len(PAIRS))) - proven):
                phraser = Phraser(rng, held_out=False)
                request = draw_request(schema, phraser, NaturalNames(phraser), "systematic", turn)
                if request is None:
                    continue
                drawn.add(turn)
                if request.prove(graphs) is not None:
                    proven.add(turn)
        print(f"after {number + 1} schemas: {len(drawn)} drawn, {len(proven)} proven, of {len(PAIRS)}", flush=True)
    for turn in sorted(drawn - proven):
        _, maker, modifier = PAIRS[turn]
        print(f"not proven: {maker.__name__} with {modifier}")
    never = Counter(PAIRS[turn][1].__name__ for turn in set(range(len(PAIRS))) - drawn)
    for name, count in never.most_common():
        print(f"never drawn: {name} with {count} of the operators")


if __name__ == "__main__":
    main()
