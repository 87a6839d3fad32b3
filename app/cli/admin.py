"""`eigenscope token` and `eigenscope project`: access from the command line, in the service's own database."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from app.db import Session
    from app.settings import Settings

ACTOR = "the command line"


@contextmanager
def transaction(settings: "Settings") -> Iterator["Session"]:
    """One transaction of the service's database; what it refuses is a usage error."""
    from app.db import Database, migrate_or_exit
    from app.errors import ServiceError
    from app.storage.data_folder import open_data_folder

    open_data_folder(settings.data_dir)
    database = Database(settings.database, lambda name, identity: None).acting(ACTOR)
    try:
        migrate_or_exit(database)
        with database.writing() as session:
            yield session
    except ServiceError as error:
        raise click.UsageError(str(error)) from error
    finally:
        database.close()


def commands(settings: "Callable[[], Settings]") -> tuple[click.Group, click.Group]:
    """The two groups, over what `settings` says."""
    return _token(settings), _project(settings)


def _token(settings: "Callable[[], Settings]") -> click.Group:
    @click.group("token")
    def token() -> None:
        """Create, list and revoke API tokens."""

    @token.command("create")
    @click.argument("name")
    @click.option("--scope", type=click.Choice(["read", "write", "admin"]), default="write", show_default=True)
    @click.option("--project", default="default", show_default=True, help="The project that it has access to.")
    @click.option(
        "--all-projects", is_flag=True, help="With scope admin: the token chooses the project with each request."
    )
    @click.option("--days", type=float, default=365, show_default=True, help="Days until it expires; 0: never.")
    def create(name: str, scope: str, project: str, all_projects: bool, days: float) -> None:
        """Create a token for NAME, for example “CI of main”, and print it once."""
        from app.access import tokens

        with transaction(settings()) as session:
            _, secret = tokens.create(session, name, scope, None if all_projects else project, days or None)
        click.echo(secret)

    @token.command("list")
    @click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
    def listing(as_json: bool) -> None:
        """List the tokens, newest first, without their secrets."""
        from app.access import tokens

        with transaction(settings()) as session:
            entries = [_describe_row(row, project) for row, project in tokens.listing(session)]
        if as_json:
            click.echo(json.dumps(entries, indent=1))
        for entry in () if as_json else entries:
            click.echo("  ".join(_line(entry)))

    @token.command("revoke")
    @click.argument("key")
    def revoke(key: str) -> None:
        """Revoke the token with this KEY: its first part, esc_… up to the second underscore."""
        from app.access import tokens

        with transaction(settings()) as session:
            row = tokens.revoke(session, key.removeprefix("esc_").partition("_")[0])
        click.echo(f"{tokens.name_token(row)} is revoked.")

    return token


def _line(fields: dict[str, Any]) -> list[str]:
    state = (
        f"revoked {fields['revoked_at']}"
        if fields["revoked_at"]
        else f"until {fields['expires_at'] or 'it is revoked'}"
    )
    return [f"esc_{fields['key']}", f"{fields['scope']:5}", fields["project"] or "all projects", state, fields["name"]]


def _describe_row(row: Any, project: str | None) -> dict[str, Any]:
    moments = {name: getattr(row, name) for name in ("created_at", "expires_at", "used_at", "revoked_at")}
    times = {k: v and datetime.fromtimestamp(v, UTC).isoformat(timespec="seconds") for k, v in moments.items()}
    return {"key": row.key, "name": row.name, "scope": row.scope, "project": project, **times}


def _project(settings: "Callable[[], Settings]") -> click.Group:
    @click.group("project")
    def project() -> None:
        """Create and list projects."""

    @project.command("create")
    @click.argument("name")
    def create(name: str) -> None:
        """Create a project. Its tokens have access to this project only."""
        from app.access import projects

        with transaction(settings()) as session:
            projects.create(session, name)
        click.echo(
            f"Project {name} was created. To create a token for it: eigenscope token create NAME --project {name}"
        )

    @project.command("list")
    def listing() -> None:
        """List the projects by name."""
        from app.access import projects

        with transaction(settings()) as session:
            for row in projects.listing(session):
                click.echo(row.name)

    return project
