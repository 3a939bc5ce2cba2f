"""Every alert can fire, and whoever it wakes finds what to do."""

import re
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from connector.web import create_app
from tests.shop import Shop

DOCS = Path(__file__).parents[2] / "docs"
METRIC = re.compile(r"(connector_\w+)(?:\{(\w+)!?=\"(\w+)\"\})?")


def rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((DOCS / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def test_every_metric_that_an_alert_looks_at_is_told_with_the_label_it_asks_for(shop: Shop, redis_url: str) -> None:
    web = create_app(shop.another_app(REDIS_URL=redis_url)).test_client()
    families = text_string_to_metric_families(web.get("/metrics").text)
    told = {
        (each.name, label) for family in families for each in family.samples for label in [None, *each.labels.items()]
    }
    asked = [
        (rule["alert"], name, (key, value) if key else None)
        for rule in rules()
        for name, key, value in METRIC.findall(rule["expr"])
    ]
    assert {alert for alert, _, _ in asked} == {rule["alert"] for rule in rules()}
    optional = {("connector_up", ("part", "redis"))} if not redis_url else set()
    assert [each for each in asked if each[1:] not in told | optional] == []


def test_every_alert_says_what_it_means_and_leads_to_its_own_heading() -> None:
    text = (DOCS / "operate.md").read_text(encoding="utf-8")
    headings = re.findall(r"^### (\w+)$", text.partition("## Alerts")[2].partition("\n## ")[0], re.MULTILINE)
    assert headings == [rule["alert"] for rule in rules()]
    for rule in rules():
        assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}, rule["alert"]
        assert re.fullmatch(r"\d+[mh]", rule["for"]) and rule["labels"]["severity"] in ("page", "look")
        assert rule["annotations"]["summary"].endswith(".") or "{{" in rule["annotations"]["summary"]
        assert rule["annotations"]["runbook"] == f"docs/operate.md#{rule['alert'].lower()}"
