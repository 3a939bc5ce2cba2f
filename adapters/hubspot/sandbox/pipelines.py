"""Pipelines of deals: the one every portal has, and one of the portal's own whose stages have numbers for ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """probability 1.0 and closed is won; 0.0 and closed is lost."""

    id: str
    label: str
    probability: str
    closed: bool

    @property
    def won(self) -> bool:
        return self.closed and self.probability == "1.0"

    def as_json(self, place: int) -> dict[str, Any]:
        return {
            "label": self.label,
            "displayOrder": place,
            "metadata": {"isClosed": str(self.closed).lower(), "probability": self.probability},
            "id": self.id,
            "createdAt": "1970-01-01T00:00:00Z",
            "updatedAt": "1970-01-01T00:00:00Z",
            "writePermissions": "CRM_PERMISSIONS_ENFORCEMENT",
            "archived": False,
        }


@dataclass(frozen=True)
class Pipeline:
    id: str
    label: str
    stages: tuple[Stage, ...]

    def as_json(self, place: int) -> dict[str, Any]:
        return {
            "label": self.label,
            "displayOrder": place,
            "id": self.id,
            "stages": [stage.as_json(at) for at, stage in enumerate(self.stages)],
            "createdAt": "1970-01-01T00:00:00Z",
            "updatedAt": "1970-01-01T00:00:00Z",
            "archived": False,
        }


def native_pipelines() -> list[Pipeline]:
    return [
        Pipeline(
            "default",
            "Sales Pipeline",
            (
                Stage("appointmentscheduled", "Appointment Scheduled", "0.2", closed=False),
                Stage("qualifiedtobuy", "Qualified To Buy", "0.4", closed=False),
                Stage("presentationscheduled", "Presentation Scheduled", "0.6", closed=False),
                Stage("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", closed=False),
                Stage("contractsent", "Contract Sent", "0.9", closed=False),
                Stage("closedwon", "Closed Won", "1.0", closed=True),
                Stage("closedlost", "Closed Lost", "0.0", closed=True),
            ),
        ),
        Pipeline(
            "28031705",
            "Partner Pipeline",
            (
                Stage("64059301", "First talk", "0.2", closed=False),
                Stage("64059302", "Offer sent", "0.6", closed=False),
                Stage("64059303", "Signed", "1.0", closed=True),
                Stage("64059304", "Lost", "0.0", closed=True),
            ),
        ),
    ]


def stage(pipelines: list[Pipeline], number: str) -> Stage | None:
    """The stage of this id, in whichever pipeline."""
    return next((s for p in pipelines for s in p.stages if s.id == number), None)
