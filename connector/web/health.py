"""For machines that watch: is the process alive, may it take traffic, how is it doing."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, jsonify
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from connector.lanes import due
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
    """Counters of this process in Prometheus' text form."""
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)
