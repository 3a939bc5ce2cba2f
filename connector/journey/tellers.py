"""Tellers: which account tells what. Each thing has one at a time, and goes to the next only if nobody was reached there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from connector.domain.news import NewsKind
from connector.errors import ConfigError
from connector.journey.desk import Desk
from connector.journey.happened import mark
from connector.ports.platform import Capability, Manifest
from connector.ports.store import Tx

#: Stands for every kind of news that nothing else was chosen for.
ALL = "all"


def order(manifests: Mapping[UUID, Manifest], chosen: Mapping[str, str], kind: NewsKind) -> list[UUID]:
    """Who tells a kind of news, the first of them; the others only whom those before could not reach.

    The platform that the merchant chose for it comes first, then those that tell by themselves, by their rank.
    """
    wanted = chosen.get(kind.value) or chosen.get(ALL)
    able = sorted(each for each, manifest in manifests.items() if Capability.EVENT in manifest.capabilities)
    first = [each for each in able if manifests[each].key == wanted]
    ranked = sorted((manifests[each].tell_rank, each) for each in able if manifests[each].tell_rank)
    return [*first, *(each for _, each in ranked if each not in first)]


def orders(desk: Desk, tx: Tx) -> Mapping[NewsKind, Sequence[UUID]]:
    """Who tells what, of the accounts that the merchant has now."""
    chosen = tx.news.tellers()
    manifests = {
        connection: desk.platforms[platform].manifest
        for connection, platform in tx.connections.platforms().items()
        if platform in desk.platforms
    }
    return {kind: order(manifests, chosen, kind) for kind in NewsKind}


def choose(desk: Desk, tx: Tx, choices: Mapping[str, str]) -> Mapping[str, str]:
    """Have a platform tell some kinds of news, or "all"; "" takes it back. Returns all that is chosen now.

    What was handed to another account and not tried goes to the chosen one. Raises ConfigError, with all that is wrong.
    """
    able = sorted(k for k, tools in desk.platforms.items() if Capability.EVENT in tools.manifest.capabilities)
    kinds = [ALL, *(kind.value for kind in NewsKind)]
    problems = [
        *(f"{kind!r} is no kind of news; choose of {', '.join(kinds)}" for kind in choices if kind not in kinds),
        *(f"{who!r} cannot tell; choose of {', '.join(able)}" for who in choices.values() if who and who not in able),
    ]
    if problems:
        raise ConfigError(problems)
    if choices:
        merged = {**tx.news.tellers(), **choices}
        tx.news.choose({kind: who for kind, who in merged.items() if who})
        hand_back(tx)
    return tx.news.tellers()


def hand_back(tx: Tx) -> None:
    """The accounts of the merchant are others now: what was handed out and not tried goes to whoever tells from now on."""
    tx.news.give_back()
    mark(tx)
