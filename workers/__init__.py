"""The hands: processes that ingest checkpoints and measure weights."""
