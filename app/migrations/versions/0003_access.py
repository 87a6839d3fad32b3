"""Projects, tokens, sign-ins, the audit log; what retention needs to know."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OWNED = ("checkpoints", "runs", "mitigations")


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False, unique=True),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.execute("INSERT INTO projects (name, limits, created_at) VALUES ('default', '{}', 0)")  # it gets the id 1
    op.create_table(
        "tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=16), nullable=False, unique=True),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        *(sa.Column(name, sa.Double(), nullable=True) for name in ("expires_at", "used_at", "revoked_at")),
        sa.ForeignKeyConstraint(["project_id"], ["projects.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_tokens_project_id", "tokens", ["project_id"])
    op.create_table(
        "logins",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("token_id", sa.Integer(), nullable=True),
        sa.Column("master", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["token_id"], ["tokens.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("ix_logins_token_id", "logins", ["token_id"])
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=True),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    for name in ("at", "action", "project_id"):
        op.create_index(f"ix_audit_{name}", "audit", [name])
    for table in OWNED:  # what is there already is the first project's
        op.add_column(table, sa.Column("project_id", sa.Integer(), nullable=False, server_default="1"))
        if op.get_bind().dialect.name == "postgresql":  # SQLite cannot take a default back; the models send a value
            op.alter_column(table, "project_id", server_default=None)
        op.create_index(f"ix_{table}_project_id", table, ["project_id"])
    op.add_column("checkpoints", sa.Column("pinned", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("checkpoints", sa.Column("released_at", sa.Double(), nullable=True))
    op.add_column("blobs", sa.Column("removed_at", sa.Double(), nullable=True))


def downgrade() -> None:
    op.drop_column("blobs", "removed_at")
    op.drop_column("checkpoints", "released_at")
    op.drop_column("checkpoints", "pinned")
    for table in OWNED:
        op.drop_index(f"ix_{table}_project_id", table)
        op.drop_column(table, "project_id")
    for table in ("audit", "logins", "tokens", "projects"):
        op.drop_table(table)
