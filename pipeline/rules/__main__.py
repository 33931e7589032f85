"""Prints the reference page of the rules: `python -m pipeline.rules`."""

from pipeline.rules.page import reference

if __name__ == "__main__":
    print(reference())
