"""What a merchant decides for one account."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    sql = (Path(__file__).parents[1] / "0006.sql").read_text()
    # Straight to the driver: the SQL has no parameters, and its percent signs are its own.
    op.get_bind().connection.cursor().execute(sql)
