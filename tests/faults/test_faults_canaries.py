"""C29: secrets, tokens and addresses stay where they belong, through a whole run with things going wrong.

What a merchant would lose: their customers' addresses, or their shop, to whoever reads a log, a queue or a dashboard.
"""

from __future__ import annotations

from urllib.parse import quote

import pytest
import requests
from redis import Redis

from tests.conftest import SECRET as OWN_SECRET
from tests.faults.plant import Plant
from tests.faults.storefront import SECRET, Storefront

ADVOCATE, FRIEND = "anna.canary@example.com", "friend1@example.org"
#: Pages that do not exist, do not let anybody in, or are asked something that cannot be answered.
ERRORS = (
    "/nothing-here",
    "/api/v1/referrals/1/explanation",
    "/r/NOBODY",
    "/install/shopify?shop=x",
    "/webhooks/nowhere",
)


@pytest.fixture
def shop(plant: Plant) -> Storefront:
    """A shop whose orders went through all processes, one of them wrong at first and one forged."""
    opened = plant.open_shop("annas-tea")
    code = opened.enrol(ADVOCATE)
    for name in ("web", "worker", "sweeper"):
        plant.start(name)
    opened.fault("throttled", count=1)
    opened.fault("5xx_after", count=1)
    headers, body = opened.order(code)[0]
    forged = {**headers, "X-Shopify-Hmac-Sha256": "AAAA", "Authorization": f"Bearer shpat_{opened.domain}"}
    assert plant.post((forged, body)) == 401
    assert plant.post((headers, body[:-1])) == 401
    plant.send([(headers, body), *opened.order(code, net="60.00")])
    plant.until(lambda: sorted(opened.credits()) == [600, 800], "both credits")
    plant.until(lambda: opened.totals()["rewards"] == {"issued": 2}, "both rewards to be settled")
    return opened


def canaries(shop: Storefront) -> dict[str, bytes]:
    """What must be found nowhere, by what it is."""
    words = {
        "the app's secret": SECRET,
        "our own secret": OWN_SECRET,
        "the shop's token": f"shpat_{shop.domain}",
        "the shop's refresh token": shop.refresh_token,
        "the advocate's address": ADVOCATE,
        "a friend's address": FRIEND,
    }
    return {what: word.encode() for what, word in words.items()}


def found(text: bytes, words: dict[str, bytes]) -> set[str]:
    """Which of them stand in a text, plain or as they are written in addresses."""
    return {what for what, word in words.items() if word in text or quote(word).encode() in text}


def test_no_secret_and_no_address_is_in_logs_queue_metrics_or_errors(plant: Plant, shop: Storefront) -> None:
    words = canaries(shop)
    assert found(b" ".join(words.values()), words) == set(words), "the search finds what is there"
    logs = {path.name: path.read_bytes() for path in plant.folder.glob("*.log")}
    assert logs["web.log"] and logs["worker.log"] + logs["sweeper.log"], "there is something to search"
    assert {name: found(text, words) for name, text in logs.items()} == {name: set() for name in logs}
    assert found(queue(plant), words) == set()
    pages = {path: requests.get(plant.url + path, timeout=20) for path in ("/metrics", "/readyz", *ERRORS)}
    assert all(page.status_code >= 400 for path, page in pages.items() if path in ERRORS), pages
    assert {path: found(page.content, words) for path, page in pages.items()} == {path: set() for path in pages}


def queue(plant: Plant) -> bytes:
    """All that Redis holds."""
    with Redis.from_url(plant.redis_url) as redis:
        held = [bytes(redis.dump(key) or b"") + bytes(key) for key in redis.scan_iter()]
    assert held, "the workers' queue is there"
    return b"\n".join(held)
