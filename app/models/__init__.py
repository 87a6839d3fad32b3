"""The tables. Rows decide, messages only wake: everything that a worker must do can be read from here.

Times are seconds since 1970 on the database's own clock (app.db.now).
"""

from app.models.access import Event, Key, Login, Project, Token
from app.models.base import Base, CleanText, Product, StateText, Work
from app.models.files import Blob, Checkpoint, File, Source, Tensor, Transfer
from app.models.gate import Delivery, Verdict, Webhook
from app.models.labels import Labelled
from app.models.runs import (
    Check,
    Curve,
    KeptResult,
    Member,
    Mitigation,
    Overview,
    Ping,
    Prescription,
    PrescriptionFile,
    Result,
    Run,
    Unit,
    newest,
)

__all__ = [
    "Base",
    "Blob",
    "Check",
    "Checkpoint",
    "CleanText",
    "Curve",
    "Delivery",
    "Event",
    "File",
    "KeptResult",
    "Key",
    "Labelled",
    "Login",
    "Member",
    "Mitigation",
    "Overview",
    "Ping",
    "Prescription",
    "PrescriptionFile",
    "Product",
    "Project",
    "Result",
    "Run",
    "Source",
    "StateText",
    "Tensor",
    "Token",
    "Transfer",
    "Unit",
    "Verdict",
    "Webhook",
    "Work",
    "newest",
]
