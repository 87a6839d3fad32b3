"""Prescriptions that a worker makes out of the weights: their state, lease and stored files."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ROWS = sa.table(
    "prescriptions",
    *(sa.column(name, sa.Integer()) for name in ("id", "position")),
    *(sa.column(name, sa.JSON()) for name in ("record", "positions", "options")),
    *(sa.column(name, sa.Double()) for name in ("created_at", "finished_at")),
)


def _columns() -> tuple[sa.Column[Any], ...]:
    return (
        sa.Column("state", sa.String(length=16), nullable=False, server_default="done"),
        sa.Column("claim", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("sent_at", sa.Double(), nullable=False, server_default="0"),
        sa.Column("resend_at", sa.Double(), nullable=False, server_default="0"),
        sa.Column("positions", sa.JSON(), nullable=False, server_default="[]"),
        sa.Column("options", sa.JSON(), nullable=False, server_default="{}"),
        sa.Column("current", sa.Text(), nullable=True),
        sa.Column("reason_code", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
    )


def upgrade() -> None:
    for column in _columns():
        op.add_column("prescriptions", column)
    op.create_index("ix_prescriptions_state", "prescriptions", ["state"])
    op.create_table(
        "prescription_files",
        sa.Column("prescription_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["prescription_id"], ["prescriptions.id"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["sha256"], ["blobs.sha256"]),
        sa.PrimaryKeyConstraint("prescription_id", "position"),
    )
    op.create_index("ix_prescription_files_sha256", "prescription_files", ["sha256"])
    _fill(op.get_bind())


def _fill(connection: sa.Connection) -> None:
    """The rows that are there were computed from tables when they were asked for: they are done."""
    for row in connection.execute(sa.select(ROWS.c.id, ROWS.c.position, ROWS.c.record, ROWS.c.created_at)).all():
        known = {"positions": [row.position], "options": row.record["parameters"], "finished_at": row.created_at}
        connection.execute(ROWS.update().where(ROWS.c.id == row.id).values(**known))


def downgrade() -> None:
    """What workers made goes: the older program has no place for its files."""
    op.drop_table("prescription_files")
    op.execute("DELETE FROM prescriptions WHERE state <> 'done' OR claim > 0")
    op.drop_index("ix_prescriptions_state", "prescriptions")
    for column in reversed(_columns()):
        op.drop_column("prescriptions", column.name)
