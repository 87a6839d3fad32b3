"""Tags, notes, the archive and the trash; names of runs; overviews of ended runs, for lists."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

LABELLED = ("checkpoints", "runs")


def upgrade() -> None:
    for table in LABELLED:
        op.add_column(table, sa.Column("tags", sa.JSON(), nullable=False, server_default="[]"))
        op.add_column(table, sa.Column("notes", sa.Text(), nullable=False, server_default=""))
        op.add_column(table, sa.Column("archived_at", sa.Double(), nullable=True))
        op.add_column(table, sa.Column("trashed_at", sa.Double(), nullable=True))
        op.add_column(table, sa.Column("search", sa.Text(), nullable=False, server_default=""))
        op.create_index(f"ix_{table}_trashed_at", table, ["trashed_at"])
    op.add_column("runs", sa.Column("name", sa.Text(), nullable=True))
    op.add_column("runs", sa.Column("summarise_at", sa.Double(), nullable=True, server_default="0"))
    op.create_index("ix_runs_summarise_at", "runs", ["summarise_at"])
    op.create_table(
        "overviews",
        sa.Column("run_id", sa.Integer(), sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("position", sa.Integer(), primary_key=True),
        sa.Column("checkpoint_id", sa.Integer(), sa.ForeignKey("checkpoints.id", ondelete="CASCADE"), nullable=False),
        sa.Column("headline", sa.Text(), nullable=False),
        sa.Column("median_alpha", sa.Double(), nullable=True),
        sa.Column("usual", sa.Integer(), nullable=True),
        sa.Column("fitted", sa.Integer(), nullable=True),
        sa.Column("intruders", sa.Integer(), nullable=True),
        sa.Column("severity", sa.Integer(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("findings", sa.Integer(), nullable=False),
        sa.Column("cells", sa.JSON(), nullable=False),
    )
    op.create_index("ix_overviews_checkpoint_id", "overviews", ["checkpoint_id"])
    _fill_search()


def _fill_search() -> None:
    """The searched lines of what is there: the same as the model writes from now on."""
    connection = op.get_bind()
    for row in connection.execute(sa.text("SELECT id, name, kind, format, facts, stated FROM checkpoints")).mappings():
        facts = {**_read(row["facts"]), **_read(row["stated"])}
        known = [f"{name}={_value_text(value)}" for name, value in facts.items() if value is not None]
        _write("checkpoints", row["id"], [*filter(None, (row["name"], row["kind"], row["format"])), *known])
    for row in connection.execute(sa.text("SELECT id, diagnostics FROM runs")).mappings():
        _write("runs", row["id"], list(_read(row["diagnostics"])))


def _value_text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _read(value: object) -> dict[str, object]:
    """SQLite gives JSON as text."""
    found = json.loads(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _write(table: str, identity: int, lines: list[str]) -> None:
    text = "\n" + "".join(" ".join(line.casefold().split()) + "\n" for line in lines)
    rows = sa.table(table, sa.column("id"), sa.column("search"))
    op.get_bind().execute(rows.update().where(rows.c.id == identity).values(search=text))


def downgrade() -> None:
    op.drop_table("overviews")
    op.drop_index("ix_runs_summarise_at", "runs")
    op.drop_column("runs", "summarise_at")
    op.drop_column("runs", "name")
    for table in LABELLED:
        op.drop_index(f"ix_{table}_trashed_at", table)
        for column in ("search", "trashed_at", "archived_at", "notes", "tags"):
            op.drop_column(table, column)
