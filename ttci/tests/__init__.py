"""The suite that the pytest plugin brings: one item a check, named by its identity."""
