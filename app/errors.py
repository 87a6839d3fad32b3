"""Every error that the service answers with, in one tree.

ServiceError                  an answer that is no success: an HTTP status, a stable code, a sentence
├── BadRequest          400   the request contradicts itself or names what is not there
│   ├── UnknownColumn         a sort or filter names a column that the diagnostic does not have
│   ├── BadCursor             a page is asked for by a cursor of another list, or by none
│   ├── BadUpload             the form is cut off, holds no file, or too many
│   ├── DigestMismatch        what came has another digest than was promised
│   └── BadSource             a source is of no kind that can be read, or its address is malformed
├── TokenRequired       401   no token came along, or not the right one
├── OriginNotAllowed    403   another site's page sent the request
├── WebhookNotAllowed   403   a webhook's address is none that EIGENSCOPE_WEBHOOK_HOSTS lists
├── SourceNotAllowed    403   the administrator has not allowed that source
├── NotAllowed          403   the token's scope or project does not reach so far
├── QuotaExceeded       403   the project has used up what it may keep, or have in the queue
├── NotFound            404   nothing of ours has that address
│   └── UnknownFile           a file is named by a digest or upload that is not there; send its bytes
├── UploadStalled       408   no byte came for a while; what had come is kept, go on from there
├── Conflict            409   right in itself, but not in the state that things are in
│   ├── WrongOffset           a piece of an upload does not begin where the upload ends
│   └── UploadIncomplete      the upload that a checkpoint names is not all here
├── KeyReused           409   an Idempotency-Key came with another request than before
├── UnsupportedVersion  412   the request speaks no tus 1.0.0
├── TooLarge            413   the upload is larger than EIGENSCOPE_UPLOAD_LIMIT, or another body than is taken there
├── WrongMedia          415   the body is of a type that is not taken there
├── HostNotAllowed      421   the Host header is none of ours
├── UploadBusy          423   another request is sending the same upload
├── ChecksumMismatch    460   a piece of an upload has another checksum than its header says; it was not kept
├── TooMany             429   too many requests in a minute; `Retry-After` says how long to wait
├── TooManyWaiting      503   as many wait for the end of a run as this server holds connections open for
├── Overloaded          503   more is written at once than the database takes; `Retry-After` says how long to wait
├── BlobDamaged         500   a stored file is missing, or has other bytes than it was sent with
├── QueueStalled        503   no worker answers
└── DiskFull            507   the upload does not fit on the disk

`app.web.problems` turns them, and the analysis' own errors, into application/problem+json.
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


class DigestMismatch(BadRequest):
    code, title = "digest-mismatch", "The bytes are not those that were promised"


class BadSource(BadRequest):
    code, title = "bad-source", "The source cannot be read"


class WebhookNotAllowed(ServiceError):
    status, code, title = 403, "webhook-not-allowed", "The webhook's address is not allowed"


class TokenRequired(ServiceError):
    status, code, title = 401, "token-required", "A token is needed"


class OriginNotAllowed(ServiceError):
    status, code, title = 403, "origin-not-allowed", "Another site sent this request"


class SourceNotAllowed(ServiceError):
    status, code, title = 403, "source-not-allowed", "That source is not allowed here"


class NotAllowed(ServiceError):
    status, code, title = 403, "not-allowed", "Not with this token"


class QuotaExceeded(ServiceError):
    status, code, title = 403, "quota-exceeded", "The project's quota is used up"


class NotFound(ServiceError):
    status, code, title = 404, "not-found", "Not found"


class UnknownFile(NotFound):
    code, title = "unknown-file", "A file is not here"


class UploadStalled(ServiceError):
    status, code, title = 408, "upload-stalled", "The upload fell silent"


class Conflict(ServiceError):
    status, code, title = 409, "conflict", "Not possible now"


class WrongOffset(Conflict):
    code, title = "wrong-offset", "The upload goes on elsewhere"


class UploadIncomplete(Conflict):
    code, title = "upload-incomplete", "The upload is not complete"


class UnsupportedVersion(ServiceError):
    status, code, title = 412, "tus-version", "Another version of the protocol"


class KeyReused(ServiceError):
    status, code, title = 409, "idempotency-key-reused", "The key belongs to another request"


class TooManyWaiting(ServiceError):
    status, code, title = 503, "too-many-waiting", "Too many are waiting"


class TooLarge(ServiceError):
    status, code, title = 413, "too-large", "The upload is too large"


class WrongMedia(ServiceError):
    status, code, title = 415, "wrong-media", "The body is of another type"


class HostNotAllowed(ServiceError):
    status, code, title = 421, "host-not-allowed", "This server does not answer to that name"


class UploadBusy(ServiceError):
    status, code, title = 423, "upload-busy", "The upload is in use"


class ChecksumMismatch(ServiceError):
    status, code, title = 460, "checksum-mismatch", "The checksum does not match"


class TooMany(ServiceError):
    """Too many requests: `seconds` until one is taken again."""

    status, code, title = 429, "too-many-requests", "Too many requests"

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds


class Overloaded(ServiceError):
    status, code, title = 503, "overloaded", "Too much at once"
    seconds = 1.0  # until it is worth another try


class QueueStalled(ServiceError):
    status, code, title = 503, "queue-stalled", "No worker answers"


class BlobDamaged(ServiceError):
    status, code, title = 500, "blob-damaged", "A stored file is damaged"


class DiskFull(ServiceError):
    status, code, title = 507, "disk-full", "The disk is full"
