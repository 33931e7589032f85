"""Selection: a recipe over stored columns, to decisions with all their reasons, to shards."""
