"""The web process: takes deliveries and clicks, answers fast, imports no SDK and calls no platform."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import structlog
from flask import Flask, Response, g, jsonify, request
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from connector import telemetry
from connector.errors import ConnectorError, Rejected
from connector.lanes.wake import Soon
from connector.web import actions, api, crm, health, install, join, links, stop, storefront, webhooks
from connector.wiring import App, open_app, ready

#: No platform sends more than 2 MB; anything larger is turned away before it is read.
MAX_REQUEST = 2 * 1024 * 1024


def create_app(app: App | None = None) -> Flask:
    """The Flask app of this environment."""
    telemetry.start_logging()
    flask = Flask("connector.web")
    flask.config["MAX_CONTENT_LENGTH"] = MAX_REQUEST
    flask.url_map.merge_slashes = False  # a redirect made of the Host header could lead anywhere
    flask.extensions["connector"] = connector = app or _opened()
    _ = connector.desk  # made now, so that the first delivery does not wait for it
    rooms = (webhooks, links, health, install, join, stop, storefront, crm, api, actions)
    for pages in (room.pages for room in rooms):
        flask.register_blueprint(pages)
    flask.before_request(_begin)
    flask.after_request(_end)
    flask.register_error_handler(Rejected, _rejected)
    flask.register_error_handler(RequestEntityTooLarge, _too_large)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        flask.register_error_handler(away, _away)
    flask.register_error_handler(ConnectorError, _failed)
    flask.register_error_handler(Exception, _failed)
    return flask


def _opened() -> App:
    """The environment's app. A database that is away for a moment is answered with 503, not with a dead server."""
    app = open_app()
    app.desk = replace(app.desk, wake=Soon(app.desk.wake))
    try:
        return ready(app)
    except OperationalError as error:
        telemetry.warn("database_away", error=type(error).__name__)
        return app


def _begin() -> None:
    g.started = time.monotonic()


def _end(response: Response) -> Response:
    """Headers that every answer carries, and the one canonical line of this request."""
    response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Referrer-Policy", "no-referrer")
    response.headers.setdefault("Cache-Control", "no-store")
    telemetry.log(
        "request",
        route=str(request.url_rule or "none"),
        method=request.method,
        status=response.status_code,
        ms=round((time.monotonic() - g.started) * 1000, 1),
    )
    return response


def _problem(status: int, title: str, **more: Any) -> Response:
    response = jsonify({"title": title, "status": status, **more})
    response.status_code = status
    response.content_type = "application/problem+json"
    return response


def _rejected(error: Rejected) -> Response:
    if request.view_args and "platform" in request.view_args:
        telemetry.DELIVERIES.labels(request.view_args["platform"], str(error.status)).inc()
    return _problem(error.status, error.reason)


def _too_large(_error: RequestEntityTooLarge) -> Response:
    return _problem(413, f"a request may have {MAX_REQUEST} bytes at most")


def _away(_error: Exception) -> Response:
    """The database is away: say so quickly, the platform sends again."""
    response = _problem(503, "the database is away for a moment; send it again")
    response.headers["Retry-After"] = "5"
    return response


def _failed(error: Exception) -> Response:
    if isinstance(error, HTTPException):
        return _problem(error.code or 500, error.name)
    structlog.get_logger().error("request_failed", exc_info=error)
    return _problem(500, "something went wrong on our side; it is logged")
