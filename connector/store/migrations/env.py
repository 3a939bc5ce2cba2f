"""Alembic's entry: one transaction for all migrations, one migrator at a time."""

from alembic import context
from sqlalchemy import text

MIGRATION_LOCK = 4_201_972  # any number; two releases that start together take turns

with context.config.attributes["engine"].begin() as session:
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
    context.configure(connection=session)
    context.run_migrations()
