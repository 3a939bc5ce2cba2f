"""The first schema."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    sql = (Path(__file__).parents[1] / "0001.sql").read_text()
    op.get_bind().exec_driver_sql(sql)
