"""Choose: what a merchant decides for one account, such as the word of its Lead Source list for referred people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from uuid import UUID

from connector.errors import ConfigError
from connector.journey.accounts import lane_of
from connector.journey.check import decide_held
from connector.journey.desk import Desk
from connector.journey.tasks import CHECK
from connector.ports.platform import Manifest
from connector.ports.rows import connection_lane


def choose(desk: Desk, merchant: UUID, platform: str, external: str, wanted: Mapping[str, str]) -> Mapping[str, str]:
    """Keep what was chosen, "" to choose it no longer; returns all that stands now.

    Everything held is decided anew, and the account is looked at with it. Raises ConfigError for what cannot be chosen,
    with all there is, and NotFound.
    """
    lane = lane_of(desk, merchant, platform, external)
    if wrong := [why for name, text in wanted.items() if (why := _wrong(lane.platform.manifest, name, text))]:
        raise ConfigError(wrong)
    with desk.store.begin(merchant) as tx:
        standing = tx.connections.get(lane.connection).choices
        chosen = {name: text for name, text in {**standing, **wanted}.items() if text}
        if wanted:
            tx.connections.choose(lane.connection, chosen)
            tx.tasks.mark(connection_lane(lane.connection), CHECK, [CHECK])
            decide_held(tx)
    if wanted:
        desk.wake(connection_lane(lane.connection))
    return chosen


def _wrong(manifest: Manifest, name: str, text: str) -> str:
    known = {each.name: each for each in manifest.choices}
    if name not in known:
        close = get_close_matches(name, known, n=1)
        remedy = f"did you mean {close[0]}?" if close else f"it has {', '.join(known) or 'none'}"
        return f"{manifest.label} has nothing to choose that is called {name!r}; {remedy}"
    if text and not re.fullmatch(known[name].pattern, text):
        return f"{name}={text!r} does not fit: {known[name].help}"
    return ""
