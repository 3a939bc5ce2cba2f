"""Who tells what, who asks not to be written to, and who is asked for a referral."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    sql = (Path(__file__).parents[1] / "0008.sql").read_text()
    # Straight to the driver: the SQL has no parameters, and its percent signs are its own.
    op.get_bind().connection.cursor().execute(sql)
