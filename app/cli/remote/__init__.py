"""Commands that ask a service somewhere else."""
