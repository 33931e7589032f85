"""Harm that is really done: kills at random moments, full disks, too little memory.

The long tests lie here, in modules that pytest does not collect by itself: `make test-faults` runs
them. What they share with the short ones of `make test` is here too.
"""
