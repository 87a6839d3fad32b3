"""The processes that ingest checkpoints and measure weights."""
