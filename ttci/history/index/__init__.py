"""The index over a history: what its runs measured, kept in a database beside the cache."""
