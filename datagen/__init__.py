"""Data without a teacher model: schemas → typed queries → {Cypher, question} → small graphs → proof by execution → splits."""
