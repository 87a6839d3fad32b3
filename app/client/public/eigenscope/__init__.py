"""A service asked from Python: `from eigenscope import Client`. See docs/client.md."""

from app.client.client import Client as Client
from app.client.errors import Late as Late
from app.client.errors import Refused as Refused
from app.client.errors import Rejected as Rejected
from app.client.errors import RemoteError as RemoteError
from app.client.errors import RunEnded as RunEnded
from app.client.errors import TokenRefused as TokenRefused
from app.client.errors import Unreachable as Unreachable
from app.client.records import Checkpoint as Checkpoint
from app.client.records import Run as Run
from app.client.records import Verdict as Verdict
from app.client.report import Report as Report

__all__ = [
    "Checkpoint", "Client", "Late", "Refused", "Rejected", "RemoteError", "Report", "Run", "RunEnded", "TokenRefused",
    "Unreachable", "Verdict",
]  # fmt: skip
