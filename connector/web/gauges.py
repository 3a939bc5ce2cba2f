"""Gauges: how work stands, in Prometheus' terms. No label names a merchant, a person or an id."""

from __future__ import annotations

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Gauge

from connector.lanes.figures import Figures


def gauges(figures: Figures, parts: Mapping[str, float]) -> CollectorRegistry:
    """Every gauge with its number now. parts: what the product stands on, 1 where it answers, else 0."""
    made = CollectorRegistry()

    def add(name: str, words: str, labels: tuple[str, ...], numbers: Mapping[tuple[str, ...], float]) -> None:
        gauge = Gauge(f"connector_{name}", words, labels, registry=made)
        for key, number in numbers.items():
            (gauge.labels(*key) if key else gauge).set(number)

    add("up", "Whether a part answers: 1 or 0", ("part",), _by(parts))
    add("due", "Pieces of work that are due, by kind", ("what",), _by(figures.due))
    add("oldest_seconds", "Age of the oldest work that is due, by kind", ("what",), _by(figures.oldest_s))
    add("held", "What waits for a person, by kind", ("what",), _by(figures.held))
    add("parked", "What was given up until its cause is mended, by kind", ("what",), _by(figures.parked))
    accounts: dict[tuple[str, ...], float] = {(*key,): number for key, number in figures.connections.items()}
    add("connections", "Accounts by platform and state", ("platform", "state"), accounts)
    add("unknown_attempts", "Calls of which nobody knows yet whether they had an effect", (), {(): figures.unknown})
    add("late_rewards", "Rewards that are past the time they were promised for", (), {(): figures.late})
    return made


def _by(numbers: Mapping[str, float]) -> dict[tuple[str, ...], float]:
    return {(name,): number for name, number in numbers.items()}
