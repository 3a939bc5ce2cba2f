"""The purse: every kind of credit that an org may have, each with its own way to be paid, found again and taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from adapters.salesforce import MANIFEST
from adapters.salesforce.api import shaped
from adapters.salesforce.outbound.loyalty import Loyalty
from adapters.salesforce.outbound.referral_credits import Credits
from adapters.salesforce.outbound.referral_events import ReferralEvents
from connector.domain.money import Money
from connector.errors import Refused
from connector.ports.platform import Account, Capability, Done, Effect, Finding, Guard, Holding, Remains


@dataclass(frozen=True)
class Purse:
    """Money, by the kind of credit."""

    credits: Credits
    loyalty: Loyalty
    events: ReferralEvents

    def issue(self, account: Account, effect: Effect, guard: Guard) -> Done:
        """Move the money once. Raises NotDone, Unknown, Refused or Gone."""
        match effect.capability:
            case Capability.POINTS:
                return self.loyalty.issue(account, effect, guard)
            case Capability.NATIVE:
                return self.events.issue(account, effect, guard)
        return self.credits.issue(account, effect, guard)

    @shaped
    def find(self, account: Account, effect: Effect, claimed: Callable[[str], bool]) -> Finding:
        """Whether `effect` landed."""
        match effect.capability:
            case Capability.POINTS:
                return self.loyalty.find(account, effect, claimed)
            case Capability.NATIVE:
                return self.events.find(account, effect)
        return self.credits.find(account, effect)

    @shaped
    def balance(self, account: Account, capability: Capability, owner: str, holder: str, currency: str) -> Money:
        """What is left to take back from. Raises Refused where nothing can be."""
        match capability:
            case Capability.POINTS:
                return self.loyalty.balance(account, owner, holder, currency)
            case Capability.NATIVE:
                words = "what Salesforce's own referral program paid is taken back there"
                raise Refused(words, code="NOT_OURS", platform=MANIFEST.key, operation="balance")
        return self.credits.balance(account, owner, holder, currency)

    @shaped
    def remains(self, account: Account, holdings: Sequence[Holding]) -> Sequence[Remains]:
        """What is left of each; what Salesforce's own program paid is its own to say."""
        points = [each for each in holdings if each.capability is Capability.POINTS]
        native = [each for each in holdings if each.capability is Capability.NATIVE]
        others = [each for each in holdings if each.capability not in (Capability.POINTS, Capability.NATIVE)]
        found = [Remains(each, None) for each in native]
        found += self.loyalty.remains(account, points) if points else []
        return [*found, *(self.credits.remains(account, others) if others else [])]
