"""For machines that watch: is the process alive, may it take traffic, how is it doing."""

from __future__ import annotations

import math

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import SQLAlchemyError

from connector import telemetry
from connector.lanes import due
from connector.store import reports
from connector.wiring import App

pages = Blueprint("health", __name__)


@pages.get("/healthz")
def alive() -> Response:
    """The process answers."""
    return jsonify({"status": "ok"})


@pages.get("/readyz")
def ready() -> Response:
    """The database answers; the age of the oldest due work in seconds tells whether somebody works."""
    app: App = current_app.extensions["connector"]
    waiting = due.lanes(app.database)
    return jsonify({"status": "ok", "due_lanes": len(waiting), "oldest_s": max((w.age for w in waiting), default=0)})


@pages.get("/metrics")
def metrics() -> Response:
    """Counters of this process in Prometheus' text form, and the promises that are late now."""
    telemetry.LATE.set(_late(current_app.extensions["connector"]))
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _late(app: App) -> float:
    """How many rewards are late; no number while the database does not answer: the counters are told all the same."""
    try:
        return sum(len(reports.late(app.database, merchant)) for merchant in reports.waiting(app.database))
    except SQLAlchemyError as error:
        telemetry.warn("late_rewards_unknown", error=type(error).__name__)
        return math.nan
