"""Which layers lose most when their entries are rounded to few bits, as lists of what to leave unquantised."""
