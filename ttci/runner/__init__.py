"""How a pair runs: its processes, however they end."""
