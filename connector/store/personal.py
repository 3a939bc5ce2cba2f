"""What is kept about one person, for the person who asks and the merchant who must answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from connector.errors import NotFound
from connector.store.database import Database, Tx

Row = dict[str, Any]

#: Rows held in memory at once: some advocates have referred thousands.
_PAGE = 500
_GROUP = """(SELECT id FROM person WHERE merchant_id = :merchant AND canonical_id =
    (SELECT canonical_id FROM person WHERE merchant_id = :merchant AND id = :person))"""
_REFERRAL = """SELECT referral.id, program.slug AS program, stage, rule, referral.reason, object_kind, external_id,
    captured_at, decided_at, touch ->> 'code' AS code, touch ->> 'source' AS source
    FROM referral JOIN program ON program.id = referral.program_id"""
#: One list for each kind of thing that is kept, in the order in which it came to be.
_LISTS = {
    "identifiers": f"""SELECT identifier.kind, external, since, connection.platform, external_account AS account
        FROM identifier LEFT JOIN connection ON connection.id = identifier.connection_id
        WHERE identifier.merchant_id = :merchant AND person_id IN {_GROUP} ORDER BY since""",  # noqa: S608
    "enrolments": f"""SELECT program.slug AS program, enrolled_at, array(SELECT code FROM code
            WHERE code.merchant_id = :merchant AND advocate_id = advocate.id ORDER BY code) AS codes
        FROM advocate JOIN program ON program.id = advocate.program_id
        WHERE advocate.merchant_id = :merchant AND person_id IN {_GROUP} ORDER BY enrolled_at""",  # noqa: S608
    "invitations": f"""SELECT program.slug AS program, way, invited_at FROM invitation
        JOIN program ON program.id = invitation.program_id
        WHERE invitation.merchant_id = :merchant AND person_id IN {_GROUP} ORDER BY invited_at""",  # noqa: S608
    "questions": f"""SELECT program.slug AS program, prompt, at, state, why, score, decided_at FROM ask
        JOIN program ON program.id = ask.program_id
        WHERE ask.merchant_id = :merchant AND person_id IN {_GROUP} ORDER BY at""",  # noqa: S608
    "groups": f"""SELECT person_group.name, connection.platform FROM person_group
        LEFT JOIN connection ON connection.id = person_group.connection_id
        WHERE person_group.merchant_id = :merchant AND person_id IN {_GROUP} ORDER BY 1, 2""",  # noqa: S608
    "referrals_as_advocate": f"""{_REFERRAL} JOIN advocate ON advocate.id = advocate_id
        WHERE referral.merchant_id = :merchant AND advocate.person_id IN {_GROUP} ORDER BY captured_at""",
    "referrals_as_friend": f"""{_REFERRAL}
        WHERE referral.merchant_id = :merchant AND friend_id IN {_GROUP} ORDER BY captured_at""",
    "rewards": f"""SELECT id, role, kind, amount AS minor, currency, state, reason, issued_at, expires_at, redeemed, lapsed,
            (SELECT coalesce(sum(taken), 0) FROM reversal WHERE reversal.reward_id = reward.id) AS taken_back
        FROM reward WHERE merchant_id = :merchant AND beneficiary_id IN {_GROUP} ORDER BY created_at""",  # noqa: S608
    "deliveries": """SELECT platform, topic, received_at, outcome FROM delivery
        WHERE merchant_id = :merchant AND people && CAST(:names AS bytea[]) ORDER BY received_at""",
    "data_requests": f"""SELECT request, asked_at, due_at, answered_at FROM data_request
        WHERE merchant_id = :merchant AND (person_id IN {_GROUP} OR names && CAST(:names AS bytea[]))
        ORDER BY asked_at""",  # noqa: S608
}


def requests(database: Database, merchant: UUID) -> list[Row]:
    """Requests that nobody has answered yet, the most pressing first. overdue: its time is up."""
    with database.begin(merchant) as tx:
        rows = tx.run(
            """SELECT data_request.id, request, asked_at, due_at, person_id IS NOT NULL AS known,
                   external_account AS account, due_at < clock_timestamp() AS overdue
               FROM data_request JOIN connection ON connection.id = connection_id
               WHERE data_request.merchant_id = :merchant AND answered_at IS NULL ORDER BY due_at"""
        ).mappings()
        return [dict(row) for row in rows]


def asked(tx: Tx, request: UUID) -> tuple[UUID | None, tuple[bytes, ...]]:
    """Who asked: the person, and the keyed hashes they asked with. Raises NotFound."""
    row = tx.run(
        "SELECT person_id, names FROM data_request WHERE merchant_id = :merchant AND id = :id", id=request
    ).first()
    if row is None:
        raise NotFound(f"there is no request {request}; `connector data-requests` lists those that are open")
    return row.person_id, tuple(bytes(name) for name in row.names)


def answered(tx: Tx, request: UUID) -> None:
    """The merchant took the answer out."""
    tx.run(
        """UPDATE data_request SET answered_at = coalesce(answered_at, clock_timestamp())
           WHERE merchant_id = :merchant AND id = :id""",
        id=request,
    )


def about(tx: Tx, person: UUID | None, names: Sequence[bytes]) -> Iterator[tuple[str, Iterator[Row]]]:
    """Everything kept about a person, list by list, read as it is taken: each list must be taken before the next.

    names: keyed hashes under which deliveries may name them, besides those that the person is known by.
    """
    values = {"merchant": tx.merchant, "person": person, "names": [*names, *_known_by(tx, person)]}
    email = tx.people.email(person) if person else None
    yield "email", iter([{"email": email}] if email else [])
    for name, sql in _LISTS.items():
        rows = tx.session.execute(text(sql), values, execution_options={"yield_per": _PAGE}).mappings()
        yield name, (dict(row) for row in rows)


def _known_by(tx: Tx, person: UUID | None) -> list[bytes]:
    sql = f"SELECT digest FROM identifier WHERE merchant_id = :merchant AND person_id IN {_GROUP}"  # noqa: S608
    return [bytes(digest) for digest in tx.run(sql, person=person).scalars()]
