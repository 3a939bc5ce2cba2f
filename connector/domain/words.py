"""Words for numbers."""

from __future__ import annotations


def days_words(days: int) -> str:
    """1 day, 2 days."""
    return f"{days} day{'s' if days != 1 else ''}"


def percent_words(basis_points: int) -> str:
    """12.5 % for 1250."""
    whole, part = divmod(basis_points, 100)
    return f"{whole}.{part:02d}".rstrip("0").rstrip(".") + " %"
