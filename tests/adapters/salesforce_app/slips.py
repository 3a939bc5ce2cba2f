"""Slips, each as (check, file, good, bad, what the check says of it). They prove that every check can fail."""

from tests.adapters.salesforce_app import held_actions as actions
from tests.adapters.salesforce_app import held_fields as fields
from tests.adapters.salesforce_app import held_links as links
from tests.adapters.salesforce_app import held_rights as rights
from tests.adapters.salesforce_app import held_texts as texts
from tests.adapters.salesforce_app.parts import SOURCE

LEAD = f"{SOURCE}/objects/Lead/fields"
CREDIT = f"{SOURCE}/objects/Referral_Credit__c"
STAGE = f"{LEAD}/Referral_Stage__c.field-meta.xml"
REWARD = f"{SOURCE}/objects/Opportunity/fields/Referral_Reward_Amount__c.field-meta.xml"
KEY = f"{CREDIT}/fields/Idempotency_Key__c.field-meta.xml"
WORDS = f"{SOURCE}/objects/Referral_News__c/fields/Kind__c.field-meta.xml"
OURS = f"{SOURCE}/permissionsets/Referral_Connector_Integration.permissionset-meta.xml"
THEIRS = f"{SOURCE}/permissionsets/Referral_Connector_User.permissionset-meta.xml"
STEPS = f"{SOURCE}/externalServiceRegistrations/ReferralConnector.externalServiceRegistration-meta.xml"
ENDPOINT = f"{SOURCE}/namedCredentials/Referral_Connector.namedCredential-meta.xml"
HEADER = f"{SOURCE}/externalCredentials/Referral_Connector_Key.externalCredential-meta.xml"
FLOW = f"{SOURCE}/flows/Release_Referral_Credit.flow-meta.xml"
LAYOUT = f"{SOURCE}/layouts/Referral_Credit__c-Referral Credit Layout.layout-meta.xml"
CARD = f"{SOURCE}/lwc/referralCard/referralCard.js"
PAGE = f"{SOURCE}/lwc/referralCard/referralCard.html"
ASKED = f"{SOURCE}/lwc/referralCard/fields.js"
META = f"{SOURCE}/lwc/referralCard/referralCard.js-meta.xml"
OAUTH = f"{SOURCE}/extlClntAppOauthSettings/Referral_Connector_oauth.ecaOauth-meta.xml"
CLIENT = f"{SOURCE}/externalClientApps/Referral_Connector.eca-meta.xml"
EDIT_CODE = "<editable>true</editable>\n        <field>Lead.Referral_Code__c"
READ_CODE = EDIT_CODE.replace("true", "false")
SLIPS = [
    (texts.malformed, STAGE, "</label>", "<label>", "Referral_Stage__c.field-meta.xml: mismatched tag"),
    (texts.malformed, "config/project-scratch-def.json", '"Developer",', '"Developer"', "Expecting ',' delimiter"),
    (fields.unlike_the_mapping, STAGE, ">Picklist<", ">Text<", "Lead.Referral_Stage__c: type is Text"),
    (fields.unlike_the_mapping, STAGE, "<fullName>expired<", "<fullName>lapsed<", "lapsed"),
    (fields.unlike_the_mapping, WORDS, "<fullName>reward late<", "<fullName>reward slow<", "reward slow"),
    (fields.unlike_the_mapping, STAGE, "restricted>false", "restricted>true", "refuses values"),
    (fields.unlike_the_mapping, STAGE, "stands now", "is now", "its help is not that of the mapping"),
    (fields.unlike_the_mapping, REWARD, ">18<", ">15<", "precision is 15, not 18"),
    (fields.unlike_the_mapping, KEY, "<unique>true", "<unique>false", "unique is false"),
    (fields.unlike_the_mapping, KEY, "<required>true", "<required>false", "Idempotency_Key__c: required is false"),
    (
        fields.unlike_the_mapping,
        f"{CREDIT}/fields/Reversal_Of__c.field-meta.xml",
        "SetNull",
        "Restrict",
        "deleteConstraint is Restrict",
    ),
    (
        fields.unlike_the_mapping,
        f"{LEAD}/Referral_Explanation__c.field-meta.xml",
        "<length>2000",
        "<length>255",
        "length is 255, not 2000",
    ),
    (fields.unexplained_fields, STAGE, "Name>Referral_Stage", "Name>Referal_Stage", "Referal_Stage__c"),
    (fields.unexplained_fields, KEY, "<label>Idempotency Key", "<label>", "its label is missing"),
    (fields.unexplained_fields, KEY, "leave it as it is.", "leave it as it is", "its help is missing"),
    (rights.misgranted, OURS, READ_CODE, EDIT_CODE, "Integration: Lead.Referral_Code__c is read, edit"),
    (rights.misgranted, THEIRS, EDIT_CODE, READ_CODE, "Lead.Referral_Code__c is read, and"),
    (rights.misgranted, THEIRS, "Reward_Kind__c", "Reward_Code__c", "Reward_Code__c is read, and should be not given"),
    (rights.misgranted, OURS, "Lead.Email", "Lead.Fax", "Lead.Fax is read, and should be not given"),
    (rights.misgranted, OURS, "Lead.LeadSource", "Lead.Industry", "Lead.LeadSource is not given"),
    (rights.misgranted, OURS, "<allowCreate>false", "<allowCreate>true", "Lead is read, create, edit"),
    (rights.too_powerful, OURS, "<modifyAllRecords>false", "<modifyAllRecords>true", "modifyAllRecords on Lead"),
    (rights.too_powerful, OURS, "<viewAllRecords>false", "<viewAllRecords>true", "viewAllRecords on Account"),
    (rights.too_powerful, OURS, "<viewAllFields>false", "<viewAllFields>true", "viewAllFields on Contact"),
    (rights.too_powerful, THEIRS, "<allowDelete>false", "<allowDelete>true", "allowDelete on Referral_Credit__c"),
    (rights.too_powerful, OURS, "ApiEnabled", "ModifyAllData", "ModifyAllData"),
    (rights.unexplained, "README.md", "| `ApiEnabled` |", "| `Api` |", "ApiEnabled (use) has no line"),
    (rights.unexplained, "README.md", "| to call Salesforce at all", "| yes", "ApiEnabled (use) has no line"),
    (rights.unexplained, "README.md", "n | read | `Campaign`", "n | use | `Campaign`", "Campaign (read)"),
    (rights.unexplained, OURS, "Opportunity.Amount", "Opportunity.Type", "Opportunity.Type (read)"),
    (rights.unexplained, OURS, "Opportunity.Amount", "Lead.Email", "Amount (read) is explained but"),
    (links.unknown_names, OURS, "Lead.Referral_Stage__c", "Lead.Referral_State__c", "no field Lead.Referral_State__c"),
    (links.unknown_names, LAYOUT, "Paid_In__c", "Paid_By__c", "no field Referral_Credit__c.Paid_By__c"),
    (
        links.unknown_names,
        f"{CREDIT}/listViews/Not_Yet_Used.listView-meta.xml",
        "<field>Kind__c",
        "<field>Sort__c",
        "Sort__c",
    ),
    (
        links.unknown_names,
        f"{CREDIT}/compactLayouts/Referral_Credit.compactLayout-meta.xml",
        ">Kind__c",
        ">Sort__c",
        "Sort__c",
    ),
    (links.unknown_names, THEIRS, "<tab>Referral_Credit__c", "<tab>Referral_Credits__c", "Referral_Credits__c"),
    (links.unknown_names, FLOW, "Referral_Advocate_Code__c", "Referral_Code__c", "Opportunity.Referral_Code__c"),
    (links.unknown_names, ASKED, "Case.Contact.Referral_Stage__c", "Case.Contact.Stage__c", "Contact.Stage__c"),
    (links.unknown_names, ASKED, "Opportunity.Referral_Stage__c", "Opportunity.Stage__c", "Opportunity.Stage__c"),
    (links.unlinked, STEPS, "Reference>Referral_Connector<", "Reference>Connector<", "there is no Connector"),
    (links.unlinked, ENDPOINT, "Referral_Connector_Key", "Referral_Key", "there is no Referral_Key"),
    (links.unlinked, HEADER, "Name>Connector<", "Name>Server<", "there is no Referral_Connector_Key-Connector"),
    (links.unlinked, HEADER, "$Credential.Referral_Connector_Key", "$Credential.Key", "header reads Key"),
    (links.unlinked, OAUTH, "Application>Referral_Connector<", "Application>Connector<", "there is no Connector"),
    (
        links.unlinked,
        f"{CREDIT}/Referral_Credit__c.object-meta.xml",
        "Assignment>Referral_Credit<",
        "Assignment>Credit<",
        "there is no Credit",
    ),
    (links.versions_apart, META, "67.0", "58.0", "referralCard.js-meta.xml: 58.0"),
    (links.versions_apart, "sfdx-project.json", '"namespace": ""', '"namespace": "acme"', "acme is a namespace"),
    (links.versions_apart, "sfdx-project.json", '"path": "force-app"', '"path": "src"', "src is missing"),
    (actions.another_api, STEPS, '"maxLength": 120', '"maxLength": 12', "another API"),
    (actions.another_api, STEPS, "<name>reversecredit<", "<name>takeback<", "the server has no takeback"),
    (actions.another_api, STEPS, "<active>true", "<active>false", "issuecredit is no active operation"),
    (
        actions.unread,
        STEPS,
        'json":"application/json"',
        'json":"application/xml"',
        "nobody reads application/problem+json",
    ),
    (actions.unread, STEPS, '{"application/problem', '{"application/failure', "never says application/failure+json"),
    (actions.broken_flows, FLOW, "<status>Draft", "<status>Active", "as soon as it is installed"),
    (actions.broken_flows, FLOW, "{!$Record.Id}", "{!$Flow.CurrentDateTime}", "not made of the record's id"),
    (actions.broken_flows, FLOW, "<pathType>AsyncAfterCommit</pathType>", "", "while the record is being saved"),
    (actions.broken_flows, FLOW, "Name>ReferralConnector.issueCredit", "Name>ReferralConnector.issue", "no step"),
    (actions.broken_flows, FLOW, "ReferralConnector_Issue", "ReferralConnector_LookUp", "is sent ExternalService__Ref"),
    (actions.broken_flows, FLOW, "request.recordId", "request.recordID", "issueCredit knows no recordID"),
    (actions.broken_flows, FLOW, "request.requestKey", "request.referralId", "issueCredit needs requestKey"),
    (actions.broken_flows, FLOW, "faultConnector>", "connector>", "nobody is told when issueCredit fails"),
    (actions.broken_flows, FLOW, "Reference>Taken_up<", "Reference>Taken<", "there is no Taken to go on to"),
    (actions.broken_flows, FLOW, "Reference>Taken_up<", "Reference>Tell_the_owner<", "nothing leads to Taken_up"),
    (actions.broken_flows, FLOW, "Issue_credit.responseCode", "Issued.responseCode", "no Issued.responseCode to read"),
    (texts.elsewhere, ENDPOINT, texts.HOST, "conector.example.com", "conector"),
    (texts.elsewhere, ENDPOINT, texts.HOST, "connector.example.com.evil.test", "evil"),
    (texts.elsewhere, ENDPOINT, "https://", "http://", "http://connector"),
    (texts.elsewhere, CLIENT, "support@connector.example.com", "support@acme.test", "acme"),
    (texts.secrets, HEADER, "$Credential.Referral_Connector_Key.ApiKey", '"rk_live_123"', "no reference to a key"),
    (texts.secrets, OAUTH, "<label>", "<oauthLink>00D:888</oauthLink><label>", "oauthLink belongs into no file"),
    (texts.secrets, CLIENT, "<label>", "<consumerSecret>x</consumerSecret><label>", "consumerSecret belongs"),
    (texts.secrets, ".forceignore", "**/extlClntAppGlobalOauthSets/**", "", "GlobalOauthSets/** through"),
    (texts.secrets, ".forceignore", "**/__tests__/**", "", "__tests__/** through"),
    (texts.unlike_promised, OAUTH, "Api, RefreshToken", "Full, RefreshToken", "its scopes are Full"),
    (texts.unlike_promised, CLIENT, ">Packaged<", ">Local<", "stay in the org"),
    (texts.loose_versions, "package.json", '"eslint": "', '"eslint": "^', "eslint ^"),
    (texts.loose_versions, "package.json", '"undici": "', '"undici": "^', "undici ^"),
    (texts.loose_versions, "package.json", '"private": true', '"private": false', "published by mistake"),
    (texts.risky_code, CARD, "view = LOADING;", "view = setTimeout(LOADING);", "setTimeout"),
    (texts.risky_code, CARD, "view = LOADING;", "view = document.title;", "document"),
    (texts.risky_code, CARD, "getFieldValue, getRecord }", "getRecord, updateRecord }", "updateRecord"),
    (texts.risky_code, CARD, '"lightning/uiRecordApi"', '"@salesforce/apex/Card.read"', "is not for reading"),
    (texts.risky_code, PAGE, "<dl lwc:if={view.lines}>", "<dl lwc:if={view.lines} lwc:dom='manual'>", "lwc:dom"),
]
