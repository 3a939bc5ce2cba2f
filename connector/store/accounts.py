"""Connections: installations, their sealed tokens, and who may refresh them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from uuid import UUID

from connector.errors import ConfigError, NotFound
from connector.ports.rows import Connection, connection_lane
from connector.store.base import Repository, as_json, new_id

_ACCESS, _REFRESH = "connection.access", "connection.refresh"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Connections(Repository):
    def get(self, connection: UUID) -> Connection:
        row = self.run("SELECT * FROM connection WHERE merchant_id = :merchant AND id = :id", id=connection).first()
        if row is None:
            raise NotFound(f"no connection {connection} for this merchant")
        return Connection(
            id=row.id,
            merchant=row.merchant_id,
            platform=row.platform,
            external=row.external_account,
            state=row.state,
            access=self.tx.unseal(_ACCESS, row.access_sealed).decode(),
            refresh=self.tx.unseal(_REFRESH, row.refresh_sealed).decode(),
            token_expires_at=row.token_expires_at,
            token_version=row.token_version,
            currency=row.currency,
            installed_at=row.installed_at,
            doubted_at=row.doubted_at,
            scopes=frozenset(row.scopes),
            traits=dict(row.traits),
            refreshed_at=row.refreshed_at,
            choices=dict(row.choices),
        )

    def all(self) -> list[Connection]:
        ids = self.run("SELECT id FROM connection WHERE merchant_id = :merchant ORDER BY id").scalars()
        return [self.get(connection) for connection in ids.all()]

    def platforms(self) -> dict[UUID, str]:
        """The platform of every connection that was not removed."""
        rows = self.run(
            "SELECT id, platform FROM connection WHERE merchant_id = :merchant AND state <> 'removed' ORDER BY id"
        )
        return {row.id: row.platform for row in rows}

    def bearing(self, trait: str) -> list[UUID]:
        """Connections of which this is known, and that were not removed."""
        rows = self.run(
            """SELECT id FROM connection WHERE merchant_id = :merchant AND state <> 'removed'
               AND jsonb_exists(traits, :trait) ORDER BY id""",
            trait=trait,
        )
        return [row.id for row in rows]

    def install(
        self,
        platform: str,
        external: str,
        access: str,
        refresh: str,
        expires_at: datetime | None,
        currency: str,
        scopes: Sequence[str],
        traits: Mapping[str, str] = _NOTHING,
    ) -> UUID:
        """Join an account, or reopen the same row after a reinstall. Raises ConfigError if another merchant has it."""
        new = new_id()
        self._claim(platform, external, new)
        found: UUID = self.run(
            """INSERT INTO connection (id, merchant_id, platform, external_account, state, access_sealed, refresh_sealed,
                                       token_expires_at, currency, scopes, traits)
               VALUES (:id, :merchant, :platform, :external, 'active', :access, :refresh, :expires, :currency, :scopes,
                       CAST(:traits AS jsonb))
               ON CONFLICT (platform, external_account) DO UPDATE SET state = 'active', state_reason = '',
                   access_sealed = excluded.access_sealed, refresh_sealed = excluded.refresh_sealed,
                   token_expires_at = excluded.token_expires_at, currency = excluded.currency, scopes = excluded.scopes,
                   traits = excluded.traits, token_version = connection.token_version + 1, doubted_at = NULL,
                   refresh_until = NULL, installed_at = clock_timestamp(), refreshed_at = clock_timestamp()
               RETURNING id""",
            id=new,
            platform=platform,
            external=external,
            access=self.tx.seal(_ACCESS, access.encode()),
            refresh=self.tx.seal(_REFRESH, refresh.encode()),
            expires=expires_at,
            currency=currency,
            scopes=sorted(scopes),
            traits=as_json(dict(traits)),
        ).scalar_one()
        self.run(
            """INSERT INTO lane (id, merchant_id, platform) VALUES (:lane, :merchant, :platform)
               ON CONFLICT (id) DO UPDATE SET not_before = '-infinity', failures = 0""",
            lane=connection_lane(found),
            platform=platform,
        )
        return found

    def _claim(self, platform: str, external: str, connection: UUID) -> None:
        """The account's one entry in the directory is of this merchant; of two who join at once, one waits and is told."""
        self.run(
            """INSERT INTO directory (kind, name, merchant_id, target_id)
               VALUES ('account:' || :platform, :external, :merchant, :id) ON CONFLICT DO NOTHING""",
            platform=platform,
            external=external,
            id=connection,
        )
        owner = self.run(
            "SELECT merchant_id FROM directory WHERE kind = 'account:' || :platform AND name = :external",
            platform=platform,
            external=external,
        ).scalar_one()
        if owner != self.tx.merchant:
            raise ConfigError(
                [f"{external} is connected to another merchant; disconnect it there, or join with --join CODE"]
            )

    def learn(self, connection: UUID, currency: str, scopes: Sequence[str], traits: Mapping[str, str]) -> bool:
        """Keep what the account says of itself; says whether any of it is new."""
        return bool(
            self.run(
                """UPDATE connection SET currency = :currency, scopes = :scopes, traits = CAST(:traits AS jsonb)
                   WHERE merchant_id = :merchant AND id = :id
                     AND (currency, scopes, traits) IS DISTINCT FROM (:currency, CAST(:scopes AS text[]),
                                                                      CAST(:traits AS jsonb))""",
                id=connection,
                currency=currency,
                scopes=sorted(scopes),
                traits=as_json(dict(traits)),
            ).rowcount
        )

    def choose(self, connection: UUID, choices: Mapping[str, str]) -> None:
        """What the merchant decided for it, in place of all before."""
        self.run(
            """UPDATE connection SET choices = CAST(:choices AS jsonb)
               WHERE merchant_id = :merchant AND id = :id AND choices <> CAST(:choices AS jsonb)""",
            id=connection,
            choices=as_json(dict(choices)),
        )

    def claim_refresh(self, connection: UUID, version: int, lease: timedelta) -> bool:
        """Become the only one who refreshes this token version for the length of the lease."""
        return bool(
            self.run(
                """UPDATE connection SET refresh_until = clock_timestamp() + :lease
                   WHERE merchant_id = :merchant AND id = :id AND token_version = :version
                     AND (refresh_until IS NULL OR refresh_until < clock_timestamp())""",
                id=connection,
                version=version,
                lease=lease,
            ).rowcount
        )

    def store_pair(
        self, connection: UUID, version: int, access: str, refresh: str, expires_at: datetime | None
    ) -> bool:
        """Store a rotated pair if `version` still stands."""
        return bool(
            self.run(
                """UPDATE connection SET access_sealed = :access, refresh_sealed = :refresh, token_expires_at = :expires,
                       token_version = token_version + 1, refresh_until = NULL, doubted_at = NULL,
                       refreshed_at = clock_timestamp()
                   WHERE merchant_id = :merchant AND id = :id AND token_version = :version""",
                id=connection,
                version=version,
                access=self.tx.seal(_ACCESS, access.encode()),
                refresh=self.tx.seal(_REFRESH, refresh.encode()),
                expires=expires_at,
            ).rowcount
        )

    def doubt(self, connection: UUID, version: int) -> None:
        """The platform refused our refresh token: remember since when, for another worker may have rotated it."""
        self.run(
            """UPDATE connection SET doubted_at = coalesce(doubted_at, clock_timestamp()), refresh_until = NULL
               WHERE merchant_id = :merchant AND id = :id AND token_version = :version""",
            id=connection,
            version=version,
        )

    def withhold(self, connection: UUID, kinds: frozenset[str], shown: frozenset[str]) -> None:
        """Remember which kinds of marks the account does not show us, until it shows one."""
        self.run(
            """UPDATE connection SET withheld = array(
                   SELECT DISTINCT kind FROM unnest(withheld || CAST(:kinds AS text[])) AS kind
                   WHERE kind <> ALL(CAST(:shown AS text[])) ORDER BY kind)
               WHERE merchant_id = :merchant AND id = :id
                 AND (NOT withheld @> CAST(:kinds AS text[]) OR withheld && CAST(:shown AS text[]))""",
            id=connection,
            kinds=sorted(kinds - shown),
            shown=sorted(shown),
        )

    def close(self, connection: UUID, state: str, reason: str) -> None:
        """Stop calling: `reconnect` keeps the row for the merchant to renew, `removed` also forgets the tokens."""
        self.run(
            """UPDATE connection SET state = :state, state_reason = :reason,
                   access_sealed = CASE :state WHEN 'removed' THEN :nothing ELSE access_sealed END,
                   refresh_sealed = CASE :state WHEN 'removed' THEN :nothing_too ELSE refresh_sealed END
               WHERE merchant_id = :merchant AND id = :id AND state <> 'removed'""",
            id=connection,
            state=state,
            reason=reason,
            nothing=self.tx.seal(_ACCESS, b""),
            nothing_too=self.tx.seal(_REFRESH, b""),
        )
