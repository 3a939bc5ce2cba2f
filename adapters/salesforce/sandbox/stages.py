"""Opportunity stages of an org: labels of the merchant's own, of which some are closed and some of these won."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """probability in percent. forecast: the category that a stage stands for."""

    label: str
    probability: int
    closed: bool = False
    won: bool = False

    @property
    def forecast(self) -> str:
        if self.closed:
            return "Closed" if self.won else "Omitted"
        return "Pipeline"


STAGES = (
    Stage("Prospecting", 10),
    Stage("Qualification", 10),
    Stage("Needs Analysis", 20),
    Stage("Value Proposition", 50),
    Stage("Id. Decision Makers", 60),
    Stage("Perception Analysis", 70),
    Stage("Proposal/Price Quote", 75),
    Stage("Negotiation/Review", 90),
    Stage("Closed Won", 100, closed=True, won=True),
    Stage("Closed Lost", 0, closed=True),
)
