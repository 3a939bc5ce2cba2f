"""The first schema."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    sql = (Path(__file__).parents[1] / "0001.sql").read_text()
    # Straight to the driver: the SQL has no parameters, and its percent signs are its own.
    op.get_bind().connection.cursor().execute(sql)
