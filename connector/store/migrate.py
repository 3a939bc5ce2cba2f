"""Migrations: Alembic runs the numbered SQL files beside it, each once, in order."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text

_FOLDER = Path(__file__).parent / "migrations"


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`; running it again changes nothing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["engine"] = engine
    command.upgrade(config, revision)


def pending(engine: Engine) -> bool:
    """Whether the schema is older than this code. Asked at every start, so without loading Alembic."""
    newest = max(path.name[:4] for path in (_FOLDER / "versions").glob("[0-9]*.py"))
    with engine.connect() as session:
        known = session.execute(text("SELECT to_regclass('alembic_version')")).scalar()
        current = session.execute(text("SELECT max(version_num) FROM alembic_version")).scalar() if known else None
    return current is None or current < newest
