"""The fields of standard objects that a referral meets, as lines of `fields`.

Names, types, lengths and what may be done with a field are those of recorded describes; the tables are only shorter.
"""

from __future__ import annotations

ID = "Id id(18) required read defaulted key"
DELETED = "IsDeleted boolean required read defaulted"
_MASTER = "MasterRecordId reference read >{kind}"
_OWNER = "OwnerId reference required defaulted >{owner}"
SYSTEM = """
CreatedDate datetime required read defaulted
CreatedById reference required read defaulted >User
LastModifiedDate datetime required read defaulted
LastModifiedById reference required read defaulted >User
SystemModstamp datetime required read defaulted
"""
_PERSON = """
LastName string(80) required
FirstName string(40) open
Salutation picklist(40) open *Salutation
Name string(121) required read
Title string(128)
"""
LEAD = f"""
{_MASTER}
{_PERSON}
Company string(255) required
Street textarea(255)
City string(40)
State string(80)
PostalCode string(20)
Country string(80)
Phone phone(40)
MobilePhone phone(40)
Email email(80) key
Website url(255)
Description textarea(32000)
LeadSource picklist(255) *LeadSource
Status picklist(255) required defaulted *LeadStatus
Industry picklist(255)
Rating picklist(255) *Rating
AnnualRevenue currency(18,0)
NumberOfEmployees int
{_OWNER}
IsConverted boolean required create defaulted
ConvertedDate date read
ConvertedAccountId reference read >Account
ConvertedContactId reference read >Contact
ConvertedOpportunityId reference read >Opportunity
"""
CONTACT = f"""
{_MASTER}
AccountId reference >Account
{_PERSON}
MailingStreet textarea(255)
MailingCity string(40)
MailingState string(80)
MailingPostalCode string(20)
MailingCountry string(80)
Phone phone(40)
MobilePhone phone(40)
ReportsToId reference >Contact
Email email(80) key
Department string(80)
LeadSource picklist(255) *LeadSource
Birthdate date
Description textarea(32000)
{_OWNER}
"""
ACCOUNT = f"""
{_MASTER}
Name string(255) required
Type picklist(40) *AccountType
ParentId reference >Account
BillingCity string(40)
BillingPostalCode string(20)
BillingCountry string(80)
Phone phone(40)
Website url(255)
Industry picklist(40)
AnnualRevenue currency(18,0)
NumberOfEmployees int
Description textarea(32000)
{_OWNER}
AccountSource picklist(40) *LeadSource
"""
OPPORTUNITY = f"""
AccountId reference >Account
IsPrivate boolean required defaulted guarded
Name string(120) required key
Description textarea(32000)
StageName picklist(255) required
Amount currency(18,2)
Probability percent(3,0) defaulted
ExpectedRevenue currency(18,2) read guarded
CloseDate date required
Type picklist(255) *OpportunityType
NextStep string(255)
LeadSource picklist(255) *LeadSource
IsClosed boolean required read defaulted
IsWon boolean required read defaulted
ForecastCategory picklist(40) required read restricted *ForecastCategory
ForecastCategoryName picklist(255) open defaulted restricted *ForecastCategoryName
CampaignId reference >Campaign
HasOpportunityLineItem boolean required read defaulted
{_OWNER}
LastStageChangeDate datetime read
ContactId reference create open >Contact as:-
"""
ROLE = """
OpportunityId reference required create >Opportunity
ContactId reference required >Contact
Role picklist(40) open *ContactRole
IsPrimary boolean required defaulted open
"""
HISTORY = """
OpportunityId reference required read >Opportunity
StageName picklist(255) read
Amount currency(18,2) read
CloseDate date read
ForecastCategory picklist(40) read
"""
CAMPAIGN = f"""
Name string(80) required
ParentId reference >Campaign
Type picklist(255) *CampaignType
Status picklist(255) *CampaignStatus
StartDate date
EndDate date
IsActive boolean required defaulted
Description textarea(32000)
{_OWNER}
"""
MEMBER = """
CampaignId reference required create >Campaign
LeadId reference open >Lead
ContactId reference open >Contact
Status picklist(40) open *MemberStatus
HasResponded boolean required read defaulted
FirstRespondedDate date read
"""
CASE = f"""
CaseNumber string(30) required read defaulted
ContactId reference >Contact
AccountId reference >Account
SuppliedEmail email(80)
Status picklist(255) defaulted *CaseStatus
Origin picklist(255) *CaseOrigin
Subject string(255)
Description textarea(32000)
IsClosed boolean required read defaulted
{_OWNER}
"""
USER = """
Username string(80) required
LastName string(80) required
FirstName string(40) open
Name string(121) required read
Email email(128) required
IsActive boolean required defaulted
TimeZoneSidKey picklist(40) required
LanguageLocaleKey picklist(40) required
UserType picklist(40) read
"""
ORGANIZATION = """
Name string(80) required
Country string(80)
TimeZoneSidKey picklist(40) required update
LanguageLocaleKey picklist(40) required update
OrganizationType picklist(40) read
IsSandbox boolean required read
InstanceName string(5) read
NamespacePrefix string(15) read
"""
TRACKED = """
{of}Id reference required read >{of}
Field picklist(255) required read
OldValue string(255) read
NewValue string(255) read
"""
CURRENCY = """
IsoCode picklist(3) required restricted
ConversionRate double(18,6) required
DecimalPlaces int required
IsActive boolean required defaulted
IsCorporate boolean required defaulted
"""
