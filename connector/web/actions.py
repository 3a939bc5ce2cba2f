"""Actions for automations in a CRM, such as Flow and Agentforce, as static/actions.openapi.json describes them.

POST /api/v1/actions/<action>         with a key of the API; the same requestKey again changes nothing
GET  /api/v1/actions/openapi.json     the description, with this installation's own address in it
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request

from connector.errors import ConfigError, NotFound, Rejected
from connector.journey.actions import AnotherRequest, Asked, act
from connector.journey.explain import Explained
from connector.web.api import ask_for_a_key, open_merchant
from connector.wiring import App

pages = Blueprint("actions", __name__, url_prefix="/api/v1/actions")
pages.after_request(ask_for_a_key)
_SPEC = Path(__file__).with_name("static") / "actions.openapi.json"
_WHAT = {
    "look-up-referral": ("look_up", "LookUp"),
    "attribute-record": ("attribute", "Attribute"),
    "issue-credit": ("issue", "Issue"),
    "reverse-credit": ("reverse", "Reverse"),
}
#: Our words for what the description calls otherwise, since CRMs show its names to people.
_NAMES = {"requestKey": "key", "recordId": "record", "referralId": "referral"}
_BAD, _GONE, _OTHER = 400, 404, 409


@pages.get("/openapi.json")
def description() -> Response:
    """What these actions take and answer."""
    app: App = current_app.extensions["connector"]
    return jsonify({**_spec(), "servers": [{"url": app.settings.public_url.rstrip("/")}]})


@pages.post("/<action>")
def do(action: str) -> Response:
    """One action; the referral as it stands then."""
    app, merchant = open_merchant()
    if action not in _WHAT:
        raise Rejected(f"there is no action {action[:40]!r}; openapi.json beside it lists them", status=_GONE)
    what, schema = _WHAT[action]
    told = _checked(schema)
    try:
        found = act(app.desk, merchant, Asked(what, **{_NAMES.get(name, name): value for name, value in told.items()}))
    except AnotherRequest as error:
        raise Rejected(str(error), status=_OTHER) from error
    except ConfigError as error:
        raise Rejected(str(error), status=_BAD) from error
    except NotFound as error:
        raise Rejected(str(error), status=_GONE) from error
    return jsonify(_outcome(found))


def _outcome(found: Explained | None) -> dict[str, Any]:
    """Every field each time, for automations address them by name."""
    reward = next((each.reward for each in found.promises if each.reward.role == "advocate"), None) if found else None
    return {
        "found": found is not None,
        "referralId": str(found.referral.id) if found else "",
        "stage": found.why.decision.stage.value if found else "",
        "advocateCode": found.referral.touch.code if found else "",
        "source": str(found.referral.touch.source.value) if found else "",
        "explanation": found.why.decision.reason if found else "",
        "rewardState": str(reward.state.value) if reward else "",
        "rewardAmount": reward.amount.decimal() if reward else "",
        "rewardCurrency": reward.amount.currency if reward else "",
    }


def _checked(schema: str) -> dict[str, str]:
    """The body, as its description asks for it; what is empty counts as left out. Raises Rejected."""
    from jsonschema import Draft4Validator  # needed by nobody who sends no action

    told = request.get_json(silent=True, cache=False)
    if not isinstance(told, dict):
        raise Rejected("send a JSON object, as openapi.json describes it", status=_BAD)
    told = {name: value for name, value in told.items() if value not in ("", None)}
    problems = Draft4Validator(_spec()["components"]["schemas"][schema]).iter_errors(told)
    words = sorted(
        f"{'.'.join(map(str, each.absolute_path))}: {each.message}"[:200].removeprefix(": ") for each in problems
    )
    if words:
        raise Rejected("; ".join(words), status=_BAD)
    return told


@cache
def _spec() -> dict[str, Any]:
    spec: dict[str, Any] = json.loads(_SPEC.read_text(encoding="utf-8"))
    return spec
