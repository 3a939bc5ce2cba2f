"""Values: what is known of a referral, and by which words a mapping asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from connector.domain.case import Stage
from connector.errors import InvariantBroken

if TYPE_CHECKING:
    from collections import abc

    from connector.domain.money import Money

#: What sort of value stands at a place. A choice is a text out of a known list.
Kind = Literal["text", "choice", "money", "integer", "timestamp"]


@dataclass(frozen=True)
class Shape:
    """The kind of a value and, for a choice, every text it may be."""

    kind: Kind
    choices: tuple[str, ...] = ()


#: Begins the paths of what the merchant chose for the account that is written to.
CHOSEN = "account."
#: What changes with each reward and each friend of an advocate, so that it is written anew with their news.
FIGURES = frozenset({"advocate.balance", "advocate.balance_currency", "advocate.friends"})
#: Whether the friend came to us by themselves, or was named by somebody else and has not been heard of yet.
PERMISSIONS = ("came_themselves", "named_by_others")
#: How somebody came who was referred, for fields that name the channel of everybody: a merchant maps it to a word of theirs.
CHANNEL = "referral"

#: Every path that may stand behind `from:`. The value is the attribute of `Values` with "_" in place of the dot.
VOCABULARY: abc.Mapping[str, Shape] = {
    **dict.fromkeys(["referral.id", "referral.code", "referral.explanation"], Shape("text")),
    **dict.fromkeys(["referral.source", "referral.medium", "referral.campaign"], Shape("text")),
    **dict.fromkeys(["advocate.id", "advocate.code", "advocate.link"], Shape("text")),
    **dict.fromkeys(["program.name", "reward.id", "reward.currency", "friend.permission_words"], Shape("text")),
    "account.lead_source": Shape("text"),
    "referral.channel": Shape("choice", (CHANNEL,)),
    "friend.permission": Shape("choice", PERMISSIONS),
    **dict.fromkeys(["referral.touched_at", "referral.converted_at", "reward.issued_at"], Shape("timestamp")),
    "reward.amount": Shape("money"),
    "advocate.balance": Shape("money"),
    "advocate.balance_currency": Shape("text"),
    "advocate.friends": Shape("integer"),
    "referral.stage": Shape("choice", tuple(Stage)),
    "reward.state": Shape("choice", ("due", "approved", "sending", "issued", "unknown", "held", "refused", "void")),
}


@dataclass(frozen=True, kw_only=True)
class Values:
    """What is known of one referral. None means not known, and such a field is left alone on the platform."""

    referral_id: str | None = None
    referral_code: str | None = None
    referral_stage: Stage | None = None
    referral_channel: str | None = None
    referral_source: str | None = None
    referral_medium: str | None = None
    referral_campaign: str | None = None
    referral_explanation: str | None = None
    referral_touched_at: datetime | None = None
    referral_converted_at: datetime | None = None
    account_lead_source: str | None = None
    advocate_id: str | None = None
    advocate_code: str | None = None
    advocate_link: str | None = None
    advocate_balance: Money | None = None
    advocate_friends: int | None = None
    friend_permission: str | None = None
    friend_permission_words: str | None = None
    reward_id: str | None = None
    program_name: str | None = None
    reward_amount: Money | None = None
    reward_state: str | None = None
    reward_issued_at: datetime | None = None

    @property
    def advocate_balance_currency(self) -> str | None:
        return self.advocate_balance.currency if self.advocate_balance is not None else None

    @property
    def reward_currency(self) -> str | None:
        return self.reward_amount.currency if self.reward_amount is not None else None

    def __post_init__(self) -> None:
        for path, shape in VOCABULARY.items():
            value = self.at(path)
            if value is not None and shape.choices and value not in shape.choices:
                raise InvariantBroken(f"{path} is {value!r}, which is none of {', '.join(shape.choices)}")
            if isinstance(value, datetime) and value.tzinfo is None:
                raise InvariantBroken(f"{path} is {value!r}, which has no time zone")

    def at(self, path: str) -> Any:
        """The value at a path of the vocabulary, or None."""
        return getattr(self, path.replace(".", "_"))
