"""Which mistake explains a wrong output, and where: confirmed, or not claimed."""
