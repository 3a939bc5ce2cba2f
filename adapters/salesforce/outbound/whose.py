"""Whose: the record that stands for an advocate today, and what the merchant chose for this org."""

from __future__ import annotations

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import Client, shaped, soql
from adapters.salesforce.inbound.ids import full_id, is_lead
from adapters.salesforce.outbound.values import held
from connector.errors import Refused
from connector.ports.platform import Account

_NO_ADVOCATE = "the advocate's record is gone: look where it was merged into"


@shaped
def present(client: Client, account: Account, owner: str) -> str:
    """The advocate's present record: the contact that their lead became, the one that theirs was merged into.

    Raises Refused where there is none any more.
    """
    if is_lead(owner):
        asked = f"SELECT Id, ConvertedContactId FROM Lead WHERE Id = {soql.text(owner)}"  # noqa: S608
    else:
        asked = f"SELECT Id, MasterRecordId FROM Contact WHERE Id = {soql.text(owner)}"  # noqa: S608
    found = client.query(account, asked, operation="owner", deleted=True)
    if not found:
        raise Refused(_NO_ADVOCATE, code="ENTITY_IS_DELETED", platform=MANIFEST.key, operation="owner")
    row = found[0]
    return full_id(held(row, "ConvertedContactId")) or full_id(held(row, "MasterRecordId")) or owner


def chosen(account: Account, name: str) -> str:
    """What the merchant chose. Raises Refused with the remedy where they did not."""
    if word := account.choices.get(name, ""):
        return word
    words = f'nothing is chosen as {name}: `connector choose {MANIFEST.key} --account {account.external} {name}="..."`'
    raise Refused(words, code="NOT_CHOSEN", platform=MANIFEST.key, operation="choose")
