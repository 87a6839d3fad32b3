"""The HTTP API, one file per noun. Routes fetch, call one function, and answer."""

from app.api import (
    audit,
    blobs,
    checkpoint_uploads,
    checkpoints,
    curves,
    diagnostics,
    downloads,
    events,
    figures,
    mitigations,
    projects,
    runs,
    tables,
    tokens,
    uploads,
    verdicts,
    webhooks,
)

# in the order of the reference
ROUTERS = (
    checkpoint_uploads.router, checkpoints.router, runs.router, tables.router, curves.router, figures.router,
    events.router, diagnostics.router, downloads.router, mitigations.router, blobs.router, uploads.router,
    projects.router, tokens.router, audit.router, verdicts.router, webhooks.router, verdicts.schemas,
)  # fmt: skip
