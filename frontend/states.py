"""The states of checkpoints and runs for the eye: each has its own shape and its own word."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Look:
    """`shape` is a symbol of the page's sprite, `css` one of good, note, warn, bad, quiet."""

    shape: str
    css: str
    word: str
    moving: bool = False  # still changes by itself: the page keeps watching


CHECKPOINTS = {
    "received": Look("ring", "note", "received", moving=True),
    "ingesting": Look("turn", "note", "reading", moving=True),
    "ready": Look("tick", "good", "ready"),
    "rejected": Look("octagon", "bad", "rejected"),
}
RUNS = {
    "waiting": Look("ring", "note", "waiting", moving=True),
    "running": Look("turn", "note", "running", moving=True),
    "done": Look("tick", "good", "done"),
    "cancelled": Look("square", "quiet", "cancelled"),
    "failed": Look("octagon", "bad", "failed"),
}
MITIGATIONS = {
    "queued": Look("ring", "note", "waiting", moving=True),
    "making": Look("turn", "note", "being made", moving=True),
    "done": Look("tick", "good", "done"),
    "failed": Look("octagon", "bad", "failed"),
}
PRESCRIPTIONS = {
    "queued": Look("ring", "note", "waiting", moving=True),
    "running": Look("turn", "note", "running", moving=True),
    "done": Look("tick", "good", "done"),
    "failed": Look("octagon", "bad", "failed"),
}
SEVERITIES = {
    "bad": Look("octagon", "bad", "Problem"),
    "warn": Look("triangle", "warn", "Warning"),
    "note": Look("dot", "note", "Note"),
}
OUTCOMES = {  # of a gate, and of its rules
    "waiting": Look("ring", "note", "waiting"),
    "pass": Look("tick", "good", "pass"),
    "warn": Look("triangle", "warn", "warning"),
    "insufficient": Look("square", "quiet", "not enough evidence"),
    "fail": Look("octagon", "bad", "fail"),
}
AGREES, DIFFERS = Look("tick", "good", "agrees"), Look("triangle", "warn", "differs")  # of two programs
UNKNOWN = Look("ring", "quiet", "unknown")


def checkpoint(state: str) -> Look:
    return CHECKPOINTS.get(str(state), UNKNOWN)


def run(state: str) -> Look:
    return RUNS.get(str(state), UNKNOWN)


def mitigation(state: str) -> Look:
    return MITIGATIONS.get(str(state), UNKNOWN)


def prescription(state: str) -> Look:
    return PRESCRIPTIONS.get(str(state), UNKNOWN)


def severity(name: str) -> Look:
    return SEVERITIES.get(str(name), UNKNOWN)


def outcome(name: str) -> Look:
    return OUTCOMES.get(str(name), UNKNOWN)
