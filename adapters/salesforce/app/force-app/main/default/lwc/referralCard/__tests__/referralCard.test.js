// What a sales or support person sees on a record, for each answer that Salesforce may give.
import { createElement } from "lwc";
import { getRecord } from "lightning/uiRecordApi";
import ReferralCard from "c/referralCard";

const FRIEND = {
  Referral_Advocate_Code__c: "ANNA10",
  Referral_Source__c: "website form",
  Referral_Stage__c: "converted",
  Referral_Explanation__c: "The deal was won on 1 November; the reward waits until the 15th.",
  Referral_Permission__c: "came_themselves",
  Referral_Permission_Evidence__c: "Followed the link on 20 October.",
  Referral_Own_Code__c: null,
  Referral_Own_Link__c: null,
};
const STRANGER = Object.fromEntries(Object.keys(FRIEND).map((name) => [name, null]));
const LABELS = { converted: "Umgewandelt" };

const fieldsOf = (values) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, { value, displayValue: LABELS[value] ?? null }]),
  );
const record = (values) => ({ fields: fieldsOf(values) });
const onCase = (values) => ({
  fields: { ContactId: { value: "003" }, Contact: { value: record({ Id: "003", ...values }) } },
});
const without = (values, ...names) =>
  Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));

function shown(objectApiName = "Contact") {
  const card = createElement("c-referral-card", { is: ReferralCard });
  Object.assign(card, { recordId: "003000000000001AAA", objectApiName });
  document.body.appendChild(card);
  return card.shadowRoot;
}

async function told(objectApiName, answer) {
  const card = shown(objectApiName);
  getRecord.emit(answer);
  await Promise.resolve();
  return card;
}

const facts = (card) =>
  [...card.querySelectorAll("dl > div")].map((line) => [...line.children].map((part) => part.textContent).join(": "));
const text = (card) => [...card.querySelectorAll("p")].map((part) => part.textContent).join(" ");

afterEach(() => document.body.replaceChildren());

test("while it looks the referral up, it says so, also to a screen reader", () => {
  const spinner = shown().querySelector("[role=status] lightning-spinner");
  expect(spinner.alternativeText).toBe("Looking up the referral");
});

test("a referred contact shows who sent them, the facts and what to answer", async () => {
  const card = await told("Contact", record(FRIEND));
  expect(facts(card)).toEqual([
    "Referred with the code: ANNA10",
    "Where it was seen: website form",
    "Stage: Umgewandelt",
    "Why: The deal was won on 1 November; the reward waits until the 15th.",
    "May I contact them?: Yes. Followed the link on 20 October.",
  ]);
  expect([...card.querySelector("dl > div").children].map((part) => part.tagName)).toEqual(["DT", "DD"]);
  expect(card.querySelector("h3").textContent).toBe("When they ask");
  expect(text(card)).toContain("name the advocate only if they ask");
  expect(text(card)).not.toContain("Their link is on this record");
  expect(card.querySelector("lightning-spinner")).toBeNull();
});

test.each(["Lead", "Contact", "Account", "Opportunity"])(
  "the card of %s asks for fields of that object alone",
  async (kind) => {
    await told(kind, record(STRANGER));
    const { optionalFields, fields, recordId } = getRecord.getLastConfig();
    expect(recordId).toBe("003000000000001AAA");
    expect(new Set(optionalFields.map((field) => field.objectApiName))).toEqual(new Set([kind]));
    expect(fields).toBeUndefined();
  },
);

test("somebody who was only named is not to be written to before they are asked", async () => {
  const named = {
    Referral_Permission__c: "named_by_others",
    Referral_Permission_Evidence__c: "Anna gave the address.",
  };
  expect(facts(await told("Lead", record({ ...FRIEND, ...named })))).toContain(
    "May I contact them?: Ask first. Anna gave the address.",
  );
});

test("where nobody knows whether they may be contacted, it says to ask first", async () => {
  const unknown = { Referral_Permission__c: null, Referral_Permission_Evidence__c: null };
  expect(facts(await told("Lead", record({ ...FRIEND, ...unknown })))).toContain("May I contact them?: Ask first.");
});

test("an advocate's own code and link are shown, and when a reward comes", async () => {
  const advocate = {
    ...STRANGER,
    Referral_Own_Code__c: "MAYA5",
    Referral_Own_Link__c: "https://connector.example.com/r/MAYA5",
  };
  const card = await told("Contact", record(advocate));
  expect(facts(card)).toEqual(["Shares the code: MAYA5", "Shares the link: https://connector.example.com/r/MAYA5"]);
  expect(text(card)).toContain("A reward comes once");
  expect(text(card)).not.toContain("name the advocate only");
});

test("an opportunity shows its reward with its currency", async () => {
  const deal = {
    ...without(FRIEND, "Referral_Permission__c"),
    Referral_Reward_Amount__c: 25,
    Referral_Reward_Currency__c: "EUR",
  };
  const card = await told("Opportunity", record(deal));
  expect(facts(card).map((fact) => fact.replace(/\s/g, " "))).toContain("Reward: EUR 25.00");
});

test.each([null, "euros"])("a reward in the currency %s is still a number", async (currency) => {
  const deal = { ...FRIEND, Referral_Reward_Amount__c: 25, Referral_Reward_Currency__c: currency };
  expect(facts(await told("Opportunity", record(deal)))).toContain("Reward: 25");
});

test("a case shows its contact's referral", async () => {
  const card = await told("Case", onCase(FRIEND));
  expect(facts(card)).toContain("Referred with the code: ANNA10");
  expect(facts(card)).toContain("Stage: Umgewandelt");
});

test("a case without a contact says so, and one whose contact is out of sight is not called unreferred", async () => {
  const none = { fields: { ContactId: { value: null }, Contact: { value: null } } };
  expect(text(await told("Case", none))).toContain("has no contact");
  const unseen = { fields: { ContactId: { value: "003" }, Contact: { value: null } } };
  expect(text(await told("Case", unseen))).toBe("You cannot see the contact of this case.");
});

test("an account shows the code of its first referred opportunity", async () => {
  const card = await told("Account", record({ Referral_Advocate_Code__c: "ANNA10", Referral_Source__c: null }));
  expect(facts(card)).toEqual(["Referred with the code: ANNA10"]);
});

test("a contact without a referral says so, and how to note one", async () => {
  const card = await told("Contact", record(STRANGER));
  expect(text(card)).toContain("Nobody referred this person, as far as we know.");
  expect(text(card)).toContain("field Referral Code");
  expect(facts(card)).toEqual([]);
});

test.each([
  ["all are", {}],
  ["the code is", without(STRANGER, "Referral_Advocate_Code__c")],
])("hidden fields are never called an absent referral: %s", async (_, values) => {
  const card = await told("Contact", record(values));
  expect(text(card)).toContain("permission set Referral Connector User");
  expect(text(card)).not.toContain("Nobody referred");
});

test("where some fields are hidden, the others are shown and it says that some are missing", async () => {
  const card = await told("Contact", record(without(FRIEND, "Referral_Permission__c")));
  expect(facts(card)).toContain("Referred with the code: ANNA10");
  expect(facts(card).join()).not.toContain("May I contact them?");
  expect(text(card)).toContain("hidden from you");
});

test("a failure is said aloud, and a later answer replaces it", async () => {
  const card = shown();
  getRecord.error();
  await Promise.resolve();
  expect(card.querySelector("[role=alert]").textContent).toContain("could not be read");
  getRecord.emit(record(FRIEND));
  await Promise.resolve();
  expect(card.querySelector("[role=alert]")).toBeNull();
  expect(facts(card)).toContain("Referred with the code: ANNA10");
});
