"""Suites, metrics, paired statistics, the verdict and the report card: whether a model may ship, and why."""
