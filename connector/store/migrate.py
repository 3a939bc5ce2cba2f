"""Migrations: Alembic runs the numbered SQL files beside it, each once, in order."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine


def _config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["engine"] = engine
    return config


def migrate(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`; running it again changes nothing."""
    command.upgrade(_config(engine), revision)


def pending(engine: Engine) -> bool:
    """Whether the schema is older than this code."""
    with engine.connect() as session:
        current = MigrationContext.configure(session).get_current_revision()
    return current != ScriptDirectory.from_config(_config(engine)).get_current_head()
