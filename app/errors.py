"""Every error that the service answers with, in one tree.

ServiceError                  an error response: an HTTP status, a stable code, a sentence
├── BadRequest          400   the request contradicts itself or names something that does not exist
│   ├── UnknownColumn         a sort or filter names a column that the diagnostic does not have
│   ├── BadCursor             the cursor belongs to another list, or is malformed
│   ├── BadAddress      422   the path or the query contains a NUL character
│   ├── BadUpload             the form is truncated, has no file, or too many files
│   ├── DigestMismatch        the digest of the received bytes differs from the expected one
│   └── BadSource             the source's kind is unknown, or its address is malformed
├── TokenRequired       401   the token is missing, wrong or expired
├── OriginNotAllowed    403   another site's page sent the request
├── WebhookNotAllowed   403   EIGENSCOPE_WEBHOOK_HOSTS does not list the webhook's address
├── SourceNotAllowed    403   the administrator has not allowed that source
├── NotAllowed          403   the token's scope or project does not allow it
├── QuotaExceeded       403   the project has reached its limit for storage or queued runs
├── NotFound            404   nothing exists at that address
│   └── UnknownFile           the request names a file by a digest or upload that is not stored; send its bytes
├── UploadStalled       408   no data arrived for some time; received bytes are stored, continue from there
├── Conflict            409   valid, but not possible in the current state
│   ├── TableMissing          the run lacks a table that a prescription reads; a worker can measure the weights
│   ├── WeightsDeleted        retention deleted the checkpoint's weights; its reports remain
│   ├── WrongOffset           the offset of a chunk differs from the upload's
│   └── UploadIncomplete      the upload that a checkpoint names is not complete
├── KeyReused           409   an Idempotency-Key was used with a different request
├── UnsupportedVersion  412   the request does not use tus 1.0.0
├── TooLarge            413   the body is larger than its limit, EIGENSCOPE_UPLOAD_LIMIT for an upload
├── WrongMedia          415   the body's media type is not supported there
├── HostNotAllowed      421   the Host header is not allowed
├── UploadBusy          423   another request is writing the same upload
├── ChecksumMismatch    460   the checksum of a chunk differs from its header; the chunk was discarded
├── TooMany             429   too many requests in a minute; `Retry-After` says how long to wait
├── TooManyWaiting      503   the limit of requests that wait for a run is reached
├── Overloaded          503   the database is busy; `Retry-After` says how long to wait
│   └── TooManyUploads  503   more uploads are under way than a server takes at the same time
├── BlobDamaged         500   a stored file is missing, or differs from its digest
├── NotInstalled        501   the package that writes this format is not installed; the message names it
├── QueueStalled        503   no worker answers
└── DiskFull            507   the upload does not fit on the disk

`app.web.problems` turns them, and the analysis' own errors, into application/problem+json.
"""

from typing import ClassVar


class ServiceError(Exception):
    """An error response. The code never changes; the message is for people."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "error"
    title: ClassVar[str] = "Something went wrong"


class BadRequest(ServiceError):
    status, code, title = 400, "bad-request", "The request is not valid"


class UnknownColumn(BadRequest):
    code, title = "unknown-column", "Unknown column"


class BadCursor(BadRequest):
    code, title = "bad-cursor", "The cursor is not valid for this list"


class BadAddress(BadRequest):
    status, code, title = 422, "bad-address", "The address is not valid"


class BadUpload(BadRequest):
    code, title = "bad-upload", "The upload cannot be read"


class DigestMismatch(BadRequest):
    code, title = "digest-mismatch", "The digest does not match"


class BadSource(BadRequest):
    code, title = "bad-source", "The source cannot be read"


class WebhookNotAllowed(ServiceError):
    status, code, title = 403, "webhook-not-allowed", "The webhook's address is not allowed"


class TokenRequired(ServiceError):
    status, code, title = 401, "token-required", "A token is required"


class OriginNotAllowed(ServiceError):
    status, code, title = 403, "origin-not-allowed", "A cross-site request is not allowed"


class SourceNotAllowed(ServiceError):
    status, code, title = 403, "source-not-allowed", "The source is not allowed"


class NotAllowed(ServiceError):
    status, code, title = 403, "not-allowed", "The token does not allow this"


class QuotaExceeded(ServiceError):
    status, code, title = 403, "quota-exceeded", "The project's quota is exceeded"


class NotFound(ServiceError):
    status, code, title = 404, "not-found", "Not found"


class UnknownFile(NotFound):
    code, title = "unknown-file", "A file is not stored"


class UploadStalled(ServiceError):
    status, code, title = 408, "upload-stalled", "The upload timed out"


class Conflict(ServiceError):
    status, code, title = 409, "conflict", "Not possible in the current state"


class TableMissing(Conflict):
    code, title = "table-missing", "The run lacks a table"


class WeightsDeleted(Conflict):
    code, title = "weights-deleted", "The weights were deleted"


class WrongOffset(Conflict):
    code, title = "wrong-offset", "The offset does not match"


class UploadIncomplete(Conflict):
    code, title = "upload-incomplete", "The upload is not complete"


class UnsupportedVersion(ServiceError):
    status, code, title = 412, "tus-version", "Unsupported protocol version"


class KeyReused(ServiceError):
    status, code, title = 409, "idempotency-key-reused", "The key was used for another request"


class TooManyWaiting(ServiceError):
    status, code, title = 503, "too-many-waiting", "Too many waiting requests"


class TooLarge(ServiceError):
    status, code, title = 413, "too-large", "The upload is too large"


class WrongMedia(ServiceError):
    status, code, title = 415, "wrong-media", "Unsupported media type"


class HostNotAllowed(ServiceError):
    status, code, title = 421, "host-not-allowed", "The host is not allowed"


class UploadBusy(ServiceError):
    status, code, title = 423, "upload-busy", "The upload is locked"


class ChecksumMismatch(ServiceError):
    status, code, title = 460, "checksum-mismatch", "The checksum does not match"


class TooMany(ServiceError):
    """Too many requests: `seconds` until one is taken again."""

    status, code, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Overloaded(ServiceError):
    status, code, title = 503, "overloaded", "The service is overloaded"
    seconds = 1.0  # until it is worth another try


class TooManyUploads(Overloaded):
    code, title = "too-many-uploads", "Too many uploads at the same time"
    seconds = 5.0


class NotInstalled(ServiceError):
    status, code, title = 501, "not-installed", "A package is not installed"


class QueueStalled(ServiceError):
    status, code, title = 503, "queue-stalled", "No worker answers"


class BlobDamaged(ServiceError):
    status, code, title = 500, "blob-damaged", "A stored file is damaged"


class DiskFull(ServiceError):
    status, code, title = 507, "disk-full", "The disk is full"
