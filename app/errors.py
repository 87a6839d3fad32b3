"""Every error that the service answers with, in one tree.

ServiceError                  an answer that is no success: an HTTP status, a stable code, a sentence
├── BadRequest          400   the request contradicts itself or names what is not there
│   ├── UnknownColumn         a sort or filter names a column that the diagnostic does not have
│   ├── BadCursor             a page is asked for by a cursor of another list, or by none
│   └── BadUpload             the form is cut off, holds no file, or too many
├── TokenRequired       401   no token came along, or not the right one
├── OriginNotAllowed    403   another site's page sent the request
├── NotAllowed          403   the token's scope or project does not reach so far
├── QuotaExceeded       403   the project has used up what it may keep, or have in the queue
├── NotFound            404   nothing of ours has that address
├── Conflict            409   right in itself, but not in the state that things are in
├── TooLarge            413   the upload is larger than EIGENSCOPE_UPLOAD_LIMIT, or another body than 1 MiB
├── HostNotAllowed      421   the Host header is none of ours
├── TooMany             429   too many requests in a minute; `Retry-After` says how long to wait
├── QueueStalled        503   no worker answers
└── DiskFull            507   the upload does not fit on the disk

`app.api.problems` turns them, and the analysis' own errors, into application/problem+json.
"""

from typing import ClassVar


class ServiceError(Exception):
    """An answer that is no success. The code never changes; the message is for people."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"


class BadRequest(ServiceError):
    status, code, title = 400, "bad-request", "The request cannot be understood"


class UnknownColumn(BadRequest):
    code, title = "unknown-column", "There is no such column"


class BadCursor(BadRequest):
    code, title = "bad-cursor", "The cursor is none of this list"


class BadUpload(BadRequest):
    code, title = "bad-upload", "The upload cannot be read"


class TokenRequired(ServiceError):
    status, code, title = 401, "token-required", "A token is needed"


class OriginNotAllowed(ServiceError):
    status, code, title = 403, "origin-not-allowed", "Another site sent this request"


class NotAllowed(ServiceError):
    status, code, title = 403, "not-allowed", "Not with this token"


class QuotaExceeded(ServiceError):
    status, code, title = 403, "quota-exceeded", "The project's quota is used up"


class NotFound(ServiceError):
    status, code, title = 404, "not-found", "Not found"


class Conflict(ServiceError):
    status, code, title = 409, "conflict", "Not possible now"


class TooLarge(ServiceError):
    status, code, title = 413, "too-large", "The upload is too large"


class HostNotAllowed(ServiceError):
    status, code, title = 421, "host-not-allowed", "This server does not answer to that name"


class TooMany(ServiceError):
    """Too many requests: `seconds` until one is taken again."""

    status, code, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class QueueStalled(ServiceError):
    status, code, title = 503, "queue-stalled", "No worker answers"


class DiskFull(ServiceError):
    status, code, title = 507, "disk-full", "The disk is full"
