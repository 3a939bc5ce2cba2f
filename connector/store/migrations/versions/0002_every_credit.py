"""Every kind of credit, the friend's offer, what remains of a credit, history, and people's own data."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    sql = (Path(__file__).parents[1] / "0002.sql").read_text()
    # Straight to the driver: the SQL has no parameters, and its percent signs are its own.
    op.get_bind().connection.cursor().execute(sql)
