"""Which copy of the weights a checkpoint is, where it is one."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("part", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("checkpoints", "part")
