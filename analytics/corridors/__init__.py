"""Corridors: ways between ranges, as animals were seen to use them.

`observed` tells which land how many animals of a herd use, `behaviour` which steps of one animal
look like passing through. To add a kind of corridor: one file here, its result in `results`.
"""
