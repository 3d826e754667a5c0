"""The Markdown of a job's summary."""
