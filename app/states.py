"""The states that rows go through, as the database and the API write them. Each is text: `RunState.DONE == "done"`."""

from enum import StrEnum


class CheckpointState(StrEnum):
    RECEIVED = "received"
    INGESTING = "ingesting"
    READY = "ready"
    REJECTED = "rejected"


class RunState(StrEnum):
    WAITING = "waiting"  # for its checkpoints
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class UnitState(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class MitigationState(StrEnum):
    QUEUED = "queued"
    MAKING = "making"
    DONE = "done"
    FAILED = "failed"


class PrescriptionState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class CheckState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class DeliveryState(StrEnum):
    WAITING = "waiting"  # for the end of its run, or for the next attempt
    SENT = "sent"
    FAILED = "failed"


class VerdictState(StrEnum):
    WAITING = "waiting"  # for the end of its run
    DONE = "done"


OPEN_CHECKPOINTS = (CheckpointState.RECEIVED, CheckpointState.INGESTING)
OPEN_RUNS = (RunState.WAITING, RunState.RUNNING)
ENDED = (RunState.DONE, RunState.CANCELLED, RunState.FAILED)
OPEN_UNITS = (UnitState.QUEUED, UnitState.LEASED)
OPEN_MITIGATIONS = (MitigationState.QUEUED, MitigationState.MAKING)
OPEN_PRESCRIPTIONS = (PrescriptionState.QUEUED, PrescriptionState.RUNNING)
OPEN_CHECKS = (CheckState.QUEUED, CheckState.RUNNING)
