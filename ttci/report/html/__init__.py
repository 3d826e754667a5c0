"""The pages: report.html, and the site of a history."""
