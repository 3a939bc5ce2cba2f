/** @jsxRuntime automatic */
// What a sales person or an admin sees, for each answer that the server may give.
import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { Alert, Button, DescriptionListItem, EmptyState, ErrorState, Link, LoadingSpinner, StatusTag } from "@hubspot/ui-extensions";
import { createRenderer } from "@hubspot/ui-extensions/testing";

const { ReferralCard } = await import(`${process.env.APP}/src/app/cards/ReferralCard.tsx`);
const { SettingsPage } = await import(`${process.env.APP}/src/app/settings/SettingsPage.tsx`);

type Said = { status: number; body: string };
const said = (body: unknown, status = 200): Said => ({ status, body: JSON.stringify(body) });
const BODY = {
  state: "friend",
  lines: [
    { label: "Sent by", value: "Anna Berg" },
    { label: "Reward", value: "25.00 EUR" },
  ],
  words: "Anna Berg sent Maya on 1 November. The deal is not won yet.",
  answer: "Anna sent you. Your discount is on the first invoice.",
};
const STATUS = { account: "Studio Nord (62515)", missing: [] as object[], program: "Refer a friend" };

let asked: string[] = [];
let answers: (Said | Error)[] = [];

beforeEach(() => {
  asked = [];
  answers = [];
});

Object.assign(globalThis, {
  self: globalThis,
  hsFetch: async (url: string, options: { method: string }) => {
    asked.push(`${options.method} ${url}`);
    const next = answers.shift();
    if (!next) throw new Error("asked once too often");
    if (next instanceof Error) throw next;
    return new Response(next.body, { status: next.status });
  },
});

/** All text below a node; `text` of a node is its own alone. */
function words(node: { nodeType: string; text: string | null; childNodes?: unknown[] }): string {
  if (node.nodeType === "text") return node.text ?? "";
  return ((node.childNodes ?? []) as (typeof node)[]).map(words).join(" ");
}

async function card(...told: (Said | Error)[]) {
  answers = told;
  const shown = createRenderer("crm.record.sidebar");
  shown.render(<ReferralCard record={{ objectTypeId: "0-1", objectId: 123 }} />);
  assert.equal(shown.find(LoadingSpinner).props.label, "Looking up the referral");
  await shown.waitFor(() => assert.equal(shown.maybeFind(LoadingSpinner), null));
  return shown;
}

async function page(...told: (Said | Error)[]) {
  answers = told;
  const shown = createRenderer("settings");
  shown.render(<SettingsPage />);
  await shown.waitFor(() => assert.equal(shown.maybeFind(LoadingSpinner), null));
  return shown;
}

test("a referred contact shows who sent them, the facts and what to answer", async () => {
  const shown = await card(said(BODY));
  assert.deepEqual(asked, ["GET https://connector.example.com/crm/hubspot/contacts/123"]);
  assert.equal(shown.find(StatusTag).text, "Was referred");
  const facts = shown.findAll(DescriptionListItem).map((item) => `${item.props.label}: ${words(item)}`);
  assert.deepEqual(facts, ["Sent by: Anna Berg", "Reward: 25.00 EUR"]);
  const text = words(shown.getRootNode());
  assert.ok(text.includes(BODY.words) && text.includes("When they ask") && text.includes(BODY.answer));
});

test("an advocate, and one who is both, is told apart", async () => {
  assert.equal((await card(said({ ...BODY, state: "advocate" }))).find(StatusTag).text, "Refers others");
  const both = await card(said({ ...BODY, state: "both" }));
  assert.equal(both.find(StatusTag).text, "Was referred and refers others");
});

test("a contact without a referral is an empty state in the server's words", async () => {
  const shown = await card(said({ state: "none", lines: [], words: "Nobody has sent this contact.", answer: "" }));
  assert.equal(words(shown.find(EmptyState)), "Nobody has sent this contact.");
  assert.equal(shown.maybeFind(StatusTag), null);
});

test("nothing to answer leaves no empty heading", async () => {
  const shown = await card(said({ ...BODY, answer: "" }));
  const text = words(shown.getRootNode());
  assert.ok(text.includes(BODY.words) && !text.includes("When they ask"));
});

test("an account that is not connected is told so, and not to try again", async () => {
  const shown = await card(said({}, 401));
  assert.equal(shown.find(ErrorState).props.title, "Not connected");
  assert.equal(shown.maybeFind(Button), null);
});

test("every failure can be tried again, and then shows the referral", async () => {
  for (const failure of [new Error("away"), said({}, 502), { status: 200, body: "<html>" }, said({ state: "friend" })]) {
    asked = [];
    const shown = await card(failure, said(BODY));
    assert.ok(words(shown.find(ErrorState)).includes("no record has changed"));
    shown.find(Button).trigger("onClick");
    await shown.waitFor(() => assert.equal(shown.find(StatusTag).text, "Was referred"));
    assert.equal(asked.length, 2);
  }
});

test("deals and tickets ask for their own kind", async () => {
  for (const [objectTypeId, kind] of [["0-3", "deals"], ["0-5", "tickets"]]) {
    answers = [said(BODY)];
    const shown = createRenderer("crm.record.sidebar");
    shown.render(<ReferralCard record={{ objectTypeId, objectId: 7 }} />);
    await shown.waitFor(() => shown.find(StatusTag));
    assert.ok(asked.at(-1)?.endsWith(`/crm/hubspot/${kind}/7`));
  }
});

test("settings say what is connected and that nothing is missing", async () => {
  const shown = await page(said(STATUS));
  assert.deepEqual(asked, ["GET https://connector.example.com/crm/hubspot/settings"]);
  const facts = shown.findAll(DescriptionListItem).map((item) => `${item.props.label}: ${words(item)}`);
  assert.deepEqual(facts, ["Account: Studio Nord (62515)", "Program: Refer a friend"]);
  assert.ok(words(shown.getRootNode()).includes("Nothing. Everything"));
  assert.equal(shown.maybeFind(Alert), null);
});

test("settings name each missing part, why it matters and its remedy", async () => {
  const lists = { what: "Lists", why: "Members of a list cannot become advocates.", remedy: "Connect again and allow lists." };
  const steps = { what: "Workflow steps", why: "A step cannot tell how it ended.", remedy: "Connect again." };
  const shown = await page(said({ ...STATUS, missing: [lists, steps], program: "" }));
  const alerts = shown.findAll(Alert);
  assert.deepEqual(alerts.map((alert) => alert.props.title), ["Lists", "Workflow steps"]);
  assert.deepEqual(alerts.map(words), [`${lists.why} ${lists.remedy}`, `${steps.why} ${steps.remedy}`]);
  assert.ok(words(shown.getRootNode()).includes("None yet"));
});

test("settings of an unconnected account lead to the installation", async () => {
  const shown = await page(said({}, 403));
  assert.deepEqual(shown.find(Link).props.href, { url: "https://connector.example.com/install/hubspot", external: true });
});

test("settings that could not be looked up can be tried again", async () => {
  const shown = await page(new Error("away"), said(STATUS));
  shown.find(ErrorState).find(Button).trigger("onClick");
  await shown.waitFor(() => assert.equal(shown.findAll(DescriptionListItem).length, 2));
});
