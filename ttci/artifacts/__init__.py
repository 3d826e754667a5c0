"""The files of a pair and of a report: their names, their readers and their writers."""
