"""The service: checkpoints come in, runs go out to workers, reports come back, over HTTP."""
