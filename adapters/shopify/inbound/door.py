"""The door: what Shopify signed is believed, and nothing else. No network, no SDK, and bodies are not read here.

Of a webhook only the body is signed. Topic, shop and ids stand in unsigned headers, so the topic must be one we know,
the shop must be a shop's name, and for the topics that close or erase the body must name the same shop as the header.
A Flow action's run names its shop in the signed body; the app proxy signs the query.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from adapters.plain import Json, load, text_of, time_of
from adapters.shopify import MANIFEST
from adapters.shopify.inbound.plain import gid
from adapters.shopify.inbound.reading import ACTIONS, NAMING, TOPICS
from connector import clock
from connector.errors import Rejected
from connector.ports.inbound import Inbox, Item, Said, Visitor

#: Far above any order seen; a larger body is no webhook of Shopify's.
MAX_BODY = 2 * 1024 * 1024
SHOP_NAMES = ("shop_domain", "myshopify_domain", "domain")
#: How old a request through the app proxy may be (Shopify's own library: 90 s either way).
PROXY_LIFE = timedelta(seconds=90)
#: How far the clocks of Shopify and of this machine may be apart (session tokens, shopify.dev, 2026-11).
LEEWAY_S = 10

_SHOP = re.compile(MANIFEST.accounts)
_BEARER = "Bearer "


# ── Deliveries ───────────────────────────────────────────────────────────────────────────────────────────────────


def receive(inbox: Inbox, secrets: Sequence[str]) -> Sequence[Item]:
    """The one delivery of this request. Raises Rejected for what Shopify did not sign with one of `secrets`."""
    if len(inbox.body) > MAX_BODY:
        raise Rejected("the body is larger than any webhook of Shopify's", 413)
    if not _signed(inbox, secrets):
        raise Rejected("the signature is missing or is not Shopify's; check SHOPIFY_API_SECRET")
    if inbox.path.startswith("/actions/"):
        return [_action(inbox)]
    account, topic = _header(inbox, "shop-domain").lower(), text_of(_header(inbox, "topic")).lower()
    if not _SHOP.fullmatch(account):
        raise Rejected("the signed delivery names no shop in X-Shopify-Shop-Domain")
    if topic in NAMING and not _is_about(account, inbox.body):
        raise Rejected("the signed body is about another shop than the header names")
    key = (
        text_of(_header(inbox, "event-id"))
        or text_of(_header(inbox, "webhook-id"))
        or hashlib.sha256(inbox.body).hexdigest()
    )
    triggered_at = time_of(_header(inbox, "triggered-at"))
    return [Item(account, topic, key, inbox.body, triggered_at, known=topic in TOPICS)]


def _action(inbox: Inbox) -> Item:
    """A run of our step in the merchant's own workflow. Shopify repeats it with the same run id until we say yes."""
    try:
        data = load(inbox.body)
    except ValueError as error:
        raise Rejected(f"this is no run of a Flow action: {error}", 400) from error
    account, run = text_of(data.get("shopify_domain")).lower(), text_of(data.get("action_run_id"))
    if not _SHOP.fullmatch(account) or not run:
        raise Rejected("this is no run of a Flow action: it names no shop or no run", 400)
    topic = "flow/" + text_of(data.get("handle")).lower().replace("-", "_")
    return Item(account, topic, run, inbox.body, known=topic in ACTIONS)


def _header(inbox: Inbox, name: str) -> str:
    """A header of either family: webhooks say X-Shopify-Topic, Shopify's newer events say Shopify-Topic."""
    return inbox.headers.get(f"x-shopify-{name}") or inbox.headers.get(f"shopify-{name}") or ""


def _signed(inbox: Inbox, secrets: Sequence[str]) -> bool:
    # Bytes, because compare_digest refuses text that is not ASCII, and a stranger chooses this text.
    given = _header(inbox, "hmac-sha256").encode("utf-8", "replace")
    return any(
        hmac.compare_digest(base64.b64encode(hmac.new(secret.encode(), inbox.body, hashlib.sha256).digest()), given)
        for secret in secrets
        if secret
    )


def _is_about(account: str, body: bytes) -> bool:
    """Whether the signed body names the shop of the unsigned header. Test notifications have the name left blank."""
    try:
        data = load(body)
    except ValueError:
        return False
    told = [text_of(data[name]).lower() for name in SHOP_NAMES if name in data]
    return bool(told) and (account in told or not any(told))


def reply(_inbox: Inbox) -> Said:
    """Shopify looks at the status alone."""
    return Said()


# ── Visitors ─────────────────────────────────────────────────────────────────────────────────────────────────────


def visitor(inbox: Inbox, secrets: Sequence[str]) -> Visitor:
    """The shop, and the buyer where one is logged in, of a request from an extension's page or the app proxy.

    Raises Rejected for what Shopify did not sign, or signed too long ago.
    """
    authorization = inbox.headers.get("authorization", "")
    if authorization.startswith(_BEARER):
        return _session(authorization.removeprefix(_BEARER).strip(), [secret for secret in secrets if secret])
    return _proxied(inbox, secrets)


def _proxied(inbox: Inbox, secrets: Sequence[str]) -> Visitor:
    """The app proxy signs all parameters, sorted, with repeated ones joined by commas and nothing in between."""
    try:
        query = parse_qs(urlsplit(inbox.path).query, keep_blank_values=True, max_num_fields=100)
    except ValueError as error:
        raise Rejected("the query of this request cannot be read", 400) from error
    given = ",".join(query.pop("signature", [])).encode("utf-8", "replace")
    text = "".join(f"{name}={','.join(values)}" for name, values in sorted(query.items())).encode("utf-8", "replace")
    marks = [hmac.new(secret.encode(), text, hashlib.sha256).hexdigest().encode() for secret in secrets if secret]
    if not any(hmac.compare_digest(mark, given) for mark in marks):
        raise Rejected("this request did not come through the shop's own pages")
    told = {name: values[0] for name, values in query.items()}
    _in_time(told.get("timestamp", ""))
    shop = told.get("shop", "")
    if not _SHOP.fullmatch(shop):
        raise Rejected("the signed request names no shop")
    number = told.get("logged_in_customer_id", "")
    return Visitor(shop, _customer(number) if number else "")


def _in_time(timestamp: str) -> None:
    at = int(timestamp) if timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12 else 0  # noqa: PLR2004
    if abs(clock.now().timestamp() - at) > PROXY_LIFE.total_seconds():
        raise Rejected("this request was signed too long ago; load the page again")


def _session(token: str, secrets: Sequence[str]) -> Visitor:
    """A session token of a page in the shop. Its `sub` is a customer where one is logged in, or a member of staff."""
    claims = _claims(token, secrets)
    shop = text_of(claims.get("dest")).removeprefix("https://")
    if not _SHOP.fullmatch(shop):
        raise Rejected("the session token names no shop")
    person = text_of(claims.get("sub"))
    return Visitor(shop, person if person.startswith("gid://shopify/Customer/") else "")


def _claims(token: str, secrets: Sequence[str]) -> Mapping[str, object]:
    import jwt  # the webhook door opens without it

    for secret in secrets:
        try:
            # `aud` is the app's own key: whoever could sign with our secret could put it there as well.
            claims: Json = jwt.decode(
                token,
                secret,
                algorithms=["HS256"],
                leeway=LEEWAY_S,
                options={"require": ["exp"], "verify_aud": False, "verify_iss": False, "verify_sub": False},
            )
        except jwt.InvalidSignatureError:
            continue
        except (jwt.InvalidTokenError, ValueError) as error:
            raise Rejected(f"the session token is not valid: {error}") from error
        return claims
    raise Rejected("the session token is missing or is not Shopify's")


def _customer(number: str) -> str:
    try:
        return gid("Customer", number)
    except ValueError as error:
        raise Rejected("the signed request names no customer") from error
