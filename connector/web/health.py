"""For machines that watch: is the process alive, may it take traffic, how is it doing."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis import RedisError
from sqlalchemy.exc import SQLAlchemyError

from connector import telemetry
from connector.errors import ConfigError, Rejected
from connector.lanes import due, figures
from connector.web.gauges import gauges
from connector.wiring import App
from connector.wiring import ready as check_ready

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@pages.get("/readyz")
def ready() -> Response:
    """Whether deliveries may come here, and who works on them: intake needs neither Redis nor a sweeper.

    503 with the reason while the database is away or older than this version, or its role could read past row-level
    security. A newer schema is fine: it stands for a moment in every release.
    """
    app = _app()
    try:
        check_ready(app)
    except ConfigError as error:
        raise Rejected(str(error), 503) from error
    waiting = due.lanes(app.database)
    return jsonify(
        {
            "status": "ok",
            "redis": {None: "none", True: "ok", False: "away"}[_redis(app)],
            "sweeper": "ok" if figures.sweeping(app.database) else "away",
            "due_lanes": len(waiting),
            "oldest_s": max((lane.age for lane in waiting), default=0),
        }
    )


@pages.get("/metrics")
def metrics() -> Response:
    """What this process counted, and how work stands now, in Prometheus' text form."""
    app = _app()
    try:
        found, database = figures.read(app.database, app.adapters), 1
    except SQLAlchemyError as error:
        telemetry.warn("figures_unknown", error=type(error).__name__)
        found, database = figures.unknown(app.adapters), 0
    parts: dict[str, float] = {"database": database, "sweeper": found.sweepers}
    if (redis := _redis(app)) is not None:
        parts["redis"] = redis
    return Response(generate_latest() + generate_latest(gauges(found, parts)), content_type=CONTENT_TYPE_LATEST)


def _app() -> App:
    app: App = current_app.extensions["connector"]
    return app


def _redis(app: App) -> bool | None:
    """Whether Redis answers; None where none is used."""
    if app.redis is None:
        return None
    try:
        return bool(app.redis.ping())
    except RedisError:
        return False
