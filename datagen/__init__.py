"""Data without a teacher model: schemas → typed queries → {Cypher, question} → proof on small graphs → splits."""
