"""Many checkpoints and runs as rows alone, with overviews that say what a test wants."""

from typing import Any

from app.db import Session
from app.models import Checkpoint, Member, Overview, Run
from app.states import CheckpointState, RunState


def checkpoint(session: Session, name: str, **values: Any) -> Checkpoint:
    usual: dict[str, Any] = {"state": CheckpointState.READY, "kind": "model", "bytes": 100, "facts": {}, "stated": {}}
    row = Checkpoint(name=name, **usual | values)
    session.add(row)
    session.flush()
    return row


def run(session: Session, *rows: Checkpoint, state: RunState = RunState.DONE, **values: Any) -> Run:
    """An ended run with an overview of each checkpoint."""
    members = [Member(position=place, checkpoint_id=row.id) for place, row in enumerate(rows)]
    made = Run(state=state, diagnostics={"esd": {}}, members=members, finished_at=1000.0, summarise_at=None)
    session.add(made)
    session.flush()
    told = {"headline": "Fine.", "severity": 0, "findings": 0, "cells": []} | values
    for place, row in enumerate(rows):
        session.add(Overview(run_id=made.id, position=place, checkpoint_id=row.id, **told))
    session.flush()
    return made
