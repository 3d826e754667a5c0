"""How values read: tables, lines, durations and measurements."""
