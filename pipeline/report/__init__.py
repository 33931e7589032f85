"""What a selection did, for people: the report to look at, and the data card to read."""
