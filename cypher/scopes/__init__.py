"""Which variable each name of a syntax tree stands for, and what is wrong with a query beyond its grammar."""
