"""What other tools have kept, as runs of a history: a module a format.

A benchmark's name becomes a test's, its unit says which check it is of, and its time and
commit become the run's. What cannot be taken over is said with its file and place, and
the rest is taken.
"""
