"""Objects that an org has only by a licence, Loyalty Management or Referral Marketing, and names to detect it by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from adapters.salesforce.sandbox.kinds import Kind, kind

_PROGRAM = """
Name string(255) required
Status picklist(40)
"""
_MEMBER = """
ProgramId reference required >LoyaltyProgram as:Program
MembershipNumber string(255) required
ContactId reference >Contact
AccountId reference >Account
MemberStatus picklist(40)
ReferralCode string(255)
"""
_PROGRAM_CURRENCY = """
Name string(255) required
LoyaltyProgramId reference >LoyaltyProgram
"""
_MEMBER_CURRENCY = """
Name string(255)
LoyaltyMemberId reference required >LoyaltyProgramMember
LoyaltyProgramCurrencyId reference >LoyaltyProgramCurrency as:LoyaltyProgramCurrency
PointsBalance double(18,2)
"""
_JOURNAL = """
Name string(255) required read defaulted
ActivityDate datetime required
JournalDate datetime
JournalTypeName string(255)
LoyaltyProgramId reference >LoyaltyProgram
MemberId reference >LoyaltyProgramMember
ReferralId reference >Referral
ExternalTransactionNumber string(255)
TransactionAmount currency(18,2)
Status picklist(40)
"""
_VOUCHER = """
VoucherCode string(255) required
VoucherDefinition string(255)
EffectiveDate date
ExpirationDate date
FaceValue currency(18,2)
DiscountPercent percent(5,2)
Status picklist(40)
LoyaltyProgramMemberId reference >LoyaltyProgramMember
TransactionJournalId reference >TransactionJournal
"""
_REFERRAL = """
Name string(255) required read defaulted
ReferralCode string(255)
ReferredAccountId reference >Account
ReferredContactId reference >Contact
LeadId reference >Lead
OpportunityId reference >Opportunity
ReferralStage picklist(255)
ReferralDate datetime
"""
_FLOW = """
ApiName string(255)
Label string(255)
IsActive boolean
"""
_LOYALTY = (
    kind("LoyaltyProgramCurrency", "0lc", _PROGRAM_CURRENCY),
    kind("LoyaltyMemberCurrency", "0lN", _MEMBER_CURRENCY),
)
_BOTH = (
    kind("LoyaltyProgram", "0lp", _PROGRAM),
    kind("LoyaltyProgramMember", "0lM", _MEMBER),
    kind("TransactionJournal", "0lV", _JOURNAL),
    kind("Voucher", "0kD", _VOUCHER),
)
_REFERRALS = (kind("Referral", "0wi", _REFERRAL), kind("FlowDefinitionView", "3dd", _FLOW))
_LICENCES = {"loyalty": (*_LOYALTY, *_BOTH), "referral": (*_REFERRALS, *_BOTH)}
#: Every one of them: a licence's own permissions let its users read these.
NAMES = frozenset(each.name for kinds in _LICENCES.values() for each in kinds)


def licensed(licences: Iterable[str]) -> dict[str, Kind]:
    """The kinds that come with these licences. References to what an org lacks are left out. Raises KeyError."""
    found = {each.name: each for licence in licences for each in _LICENCES[licence]}
    lacking = NAMES - {*found}
    return {
        name: replace(each, fields={key: field for key, field in each.fields.items() if not lacking & {*field.to}})
        for name, each in found.items()
    }
