"""Mended checkpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REFERENCES = {"base_id": "checkpoints", "tuned_id": "checkpoints", "checkpoint_id": "checkpoints", "run_id": "runs"}


def upgrade() -> None:
    op.create_table(
        "mitigations",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("recipe", sa.JSON(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=True) for name in REFERENCES),
        sa.Column("current", sa.Text(), nullable=True),
        sa.Column("report", sa.JSON(), nullable=True),
        sa.Column("reason_code", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("claim", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("sent", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Double(), nullable=False),
        sa.Column("resend_at", sa.Double(), nullable=False),
        *(sa.ForeignKeyConstraint([name], [f"{table}.id"], ondelete="SET NULL") for name, table in REFERENCES.items()),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    for name in ("state", *REFERENCES):
        op.create_index(f"ix_mitigations_{name}", "mitigations", [name])


def downgrade() -> None:
    op.drop_table("mitigations")
