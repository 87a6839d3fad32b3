"""A service somewhere else: `from eigenscope import Client`, and what the command line asks a service with."""
