"""What ttci knows, a table each: metrics, units, checks, kernel operations, backends, roofs of boards."""
