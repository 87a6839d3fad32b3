"""Demo data: checkpoints to look around in, and the runs over them."""
