"""Writes a syntax tree as parts whose order, ends and names are left open where they do not matter."""
