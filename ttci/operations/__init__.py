"""Single operations, as the kernels of a manifest ask for them; `ttci.catalog.operations` lists them.

Shapes: B batch, S tokens, L keys, E width, I and O input and output dim, H heads, K key/value
heads, D head dim, V vocabulary.
"""
