"""What is sent to receivers of the merchant's own, and its log."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    sql = (Path(__file__).parents[1] / "0009.sql").read_text()
    # Straight to the driver: the SQL has no parameters, and its percent signs are its own.
    op.get_bind().connection.cursor().execute(sql)
