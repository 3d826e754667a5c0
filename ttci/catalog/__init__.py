"""What ttci knows, a table each: metrics, units, checks, kernel operations, backends of devices."""
