"""POST /webhooks/<platform>[/<secret>], /actions/<platform>: a 2xx means that every byte is committed, and no more."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from connector import telemetry
from connector.errors import Rejected
from connector.journey import intake
from connector.ports.inbound import Inbox
from connector.wiring import App

pages = Blueprint("webhooks", __name__)


@pages.post("/webhooks/<platform>")
@pages.post("/webhooks/<platform>/<secret>")
@pages.post("/actions/<platform>")
def receive(platform: str, secret: str = "") -> Response:  # noqa: ARG001 - part of what is verified
    """Verify, keep, answer. Duplicates are answered like the first. Actions are steps of ours in a merchant's workflow.

    secret: in the path, for platforms that sign nothing.
    """
    app: App = current_app.extensions["connector"]
    if platform not in app.desk.platforms:
        raise Rejected("no such platform", status=404)
    headers = {name.lower(): value for name, value in request.headers.items()}
    body, base = request.get_data(cache=False), app.desk.public_url
    inbox = Inbox(request.method, request.full_path.rstrip("?"), headers, body, base)
    intake.receive(app.desk, platform, inbox)
    telemetry.DELIVERIES.labels(platform, "200").inc()
    said = app.desk.platforms[platform].inbound.reply(inbox)
    return Response(said.body, status=200, content_type=said.type if said.body else None)
