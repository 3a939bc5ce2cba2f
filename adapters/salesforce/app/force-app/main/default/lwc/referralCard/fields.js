import ACCOUNT_CODE from "@salesforce/schema/Account.Referral_Advocate_Code__c";
import ACCOUNT_SOURCE from "@salesforce/schema/Account.Referral_Source__c";
import CASE_CONTACT from "@salesforce/schema/Case.ContactId";
import CASE_SEEN from "@salesforce/schema/Case.Contact.Id";
import CASE_CODE from "@salesforce/schema/Case.Contact.Referral_Advocate_Code__c";
import CASE_SOURCE from "@salesforce/schema/Case.Contact.Referral_Source__c";
import CASE_STAGE from "@salesforce/schema/Case.Contact.Referral_Stage__c";
import CASE_WHY from "@salesforce/schema/Case.Contact.Referral_Explanation__c";
import CASE_PERMISSION from "@salesforce/schema/Case.Contact.Referral_Permission__c";
import CASE_EVIDENCE from "@salesforce/schema/Case.Contact.Referral_Permission_Evidence__c";
import CASE_OWN_CODE from "@salesforce/schema/Case.Contact.Referral_Own_Code__c";
import CASE_OWN_LINK from "@salesforce/schema/Case.Contact.Referral_Own_Link__c";
import CONTACT_CODE from "@salesforce/schema/Contact.Referral_Advocate_Code__c";
import CONTACT_SOURCE from "@salesforce/schema/Contact.Referral_Source__c";
import CONTACT_STAGE from "@salesforce/schema/Contact.Referral_Stage__c";
import CONTACT_WHY from "@salesforce/schema/Contact.Referral_Explanation__c";
import CONTACT_PERMISSION from "@salesforce/schema/Contact.Referral_Permission__c";
import CONTACT_EVIDENCE from "@salesforce/schema/Contact.Referral_Permission_Evidence__c";
import CONTACT_OWN_CODE from "@salesforce/schema/Contact.Referral_Own_Code__c";
import CONTACT_OWN_LINK from "@salesforce/schema/Contact.Referral_Own_Link__c";
import LEAD_CODE from "@salesforce/schema/Lead.Referral_Advocate_Code__c";
import LEAD_SOURCE from "@salesforce/schema/Lead.Referral_Source__c";
import LEAD_STAGE from "@salesforce/schema/Lead.Referral_Stage__c";
import LEAD_WHY from "@salesforce/schema/Lead.Referral_Explanation__c";
import LEAD_PERMISSION from "@salesforce/schema/Lead.Referral_Permission__c";
import LEAD_EVIDENCE from "@salesforce/schema/Lead.Referral_Permission_Evidence__c";
import LEAD_OWN_CODE from "@salesforce/schema/Lead.Referral_Own_Code__c";
import LEAD_OWN_LINK from "@salesforce/schema/Lead.Referral_Own_Link__c";
import OPPORTUNITY_CODE from "@salesforce/schema/Opportunity.Referral_Advocate_Code__c";
import OPPORTUNITY_SOURCE from "@salesforce/schema/Opportunity.Referral_Source__c";
import OPPORTUNITY_STAGE from "@salesforce/schema/Opportunity.Referral_Stage__c";
import OPPORTUNITY_WHY from "@salesforce/schema/Opportunity.Referral_Explanation__c";
import OPPORTUNITY_AMOUNT from "@salesforce/schema/Opportunity.Referral_Reward_Amount__c";
import OPPORTUNITY_CURRENCY from "@salesforce/schema/Opportunity.Referral_Reward_Currency__c";

/** What the card reads, by the kind of record that it is on. A case is read through its contact. */
export const FIELDS = {
  Account: {
    code: ACCOUNT_CODE,
    source: ACCOUNT_SOURCE,
  },
  Case: {
    contact: CASE_CONTACT,
    seen: CASE_SEEN,
    code: CASE_CODE,
    source: CASE_SOURCE,
    stage: CASE_STAGE,
    why: CASE_WHY,
    permission: CASE_PERMISSION,
    evidence: CASE_EVIDENCE,
    ownCode: CASE_OWN_CODE,
    ownLink: CASE_OWN_LINK,
  },
  Contact: {
    code: CONTACT_CODE,
    source: CONTACT_SOURCE,
    stage: CONTACT_STAGE,
    why: CONTACT_WHY,
    permission: CONTACT_PERMISSION,
    evidence: CONTACT_EVIDENCE,
    ownCode: CONTACT_OWN_CODE,
    ownLink: CONTACT_OWN_LINK,
  },
  Lead: {
    code: LEAD_CODE,
    source: LEAD_SOURCE,
    stage: LEAD_STAGE,
    why: LEAD_WHY,
    permission: LEAD_PERMISSION,
    evidence: LEAD_EVIDENCE,
    ownCode: LEAD_OWN_CODE,
    ownLink: LEAD_OWN_LINK,
  },
  Opportunity: {
    code: OPPORTUNITY_CODE,
    source: OPPORTUNITY_SOURCE,
    stage: OPPORTUNITY_STAGE,
    why: OPPORTUNITY_WHY,
    amount: OPPORTUNITY_AMOUNT,
    currency: OPPORTUNITY_CURRENCY,
  },
};
