"""The HTTP API, one file per noun. Routes fetch, call one function, and answer."""

from app.api import (
    audit,
    badges,
    checkpoints,
    curves,
    diagnostics,
    events,
    figures,
    mitigations,
    prescriptions,
    projects,
    runs,
    tables,
    tokens,
    verdicts,
    webhooks,
)
from app.api.files import blobs, checkpoint_uploads, demo, downloads, uploads
from app.api.reports import checks, documents, side_by_side

# in the order of the reference
ROUTERS = (
    checkpoint_uploads.router, checkpoints.router, runs.router, tables.router, curves.router, figures.router,
    events.router, diagnostics.router, downloads.router, mitigations.router, blobs.router, uploads.router,
    projects.router, tokens.router, audit.router, verdicts.router, webhooks.router, verdicts.schemas,
    badges.router, prescriptions.router, checks.router, side_by_side.router,
    documents.router, demo.router,
)  # fmt: skip
