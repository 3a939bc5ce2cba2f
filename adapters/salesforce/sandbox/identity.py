"""Who a session speaks for, as userinfo tells it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from adapters.salesforce.sandbox.answers import Json, Reply
from adapters.salesforce.sandbox.state import World

_URLS = {
    "enterprise": "/services/Soap/c/{version}/ORG",
    "metadata": "/services/Soap/m/{version}/ORG",
    "partner": "/services/Soap/u/{version}/ORG",
    "rest": "/services/data/v{version}/",
    "sobjects": "/services/data/v{version}/sobjects/",
    "search": "/services/data/v{version}/search/",
    "query": "/services/data/v{version}/query/",
    "recent": "/services/data/v{version}/recent/",
    "tooling_soap": "/services/Soap/T/{version}/ORG",
    "tooling_rest": "/services/data/v{version}/tooling/",
    "profile": "/USER",
    "feeds": "/services/data/v{version}/chatter/feeds",
    "groups": "/services/data/v{version}/chatter/groups",
    "users": "/services/data/v{version}/chatter/users",
    "feed_items": "/services/data/v{version}/chatter/feed-items",
    "feed_elements": "/services/data/v{version}/chatter/feed-elements",
    "custom_domain": "",
}


def userinfo(world: World, token: str) -> Reply:
    """A token that is none is told so in plain words."""
    now = world.clock.now()
    session = world.session(token, now)
    if session is None:
        return Reply(403, page=b"Bad_OAuth_Token")
    org, user = session
    held = org.records("User")[user].values
    base, offset = f"https://{org.host}", now.astimezone(ZoneInfo(org.zone)).utcoffset()
    photo = {name: f"{base}/profilephoto/005/{letter}" for name, letter in (("picture", "F"), ("thumbnail", "T"))}
    body: Json = {
        "sub": f"https://{'test' if org.is_sandbox else 'login'}.salesforce.com/id/{org.id}/{user}",
        "user_id": user,
        "organization_id": org.id,
        "preferred_username": held["Username"],
        "nickname": f"User{held['Username'].partition('@')[0]}",
        "name": held["Name"],
        "email": held["Email"],
        "email_verified": True,
        "given_name": held["FirstName"],
        "family_name": held["LastName"],
        "zoneinfo": held["TimeZoneSidKey"],
        "photos": photo,
        "profile": f"{base}/{user}",
        "picture": photo["picture"],
        "address": {},
        "is_salesforce_integration_user": user == org.app_user,
        "urls": {k: base + path.replace("ORG", org.id[:15]).replace("USER", user) for k, path in _URLS.items()},
        "active": True,
        "user_type": "STANDARD",
        "language": "en_US",
        "locale": "en_US",
        "utcOffset": round(offset.total_seconds() * 1000) if offset else 0,
        "updated_at": f"{held['LastModifiedDate']:%Y-%m-%dT%H:%M:%SZ}",
    }
    return Reply(200, body)
