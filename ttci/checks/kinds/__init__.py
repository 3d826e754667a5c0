"""The checks of ttci, a file each; `ttci.catalog.checks` lists them."""
