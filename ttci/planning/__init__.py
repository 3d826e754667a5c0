"""Which pairs run where, and what each needs."""
