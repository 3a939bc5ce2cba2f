// What visitors of the shop would notice or lose. The scripts run as they are; only the browser and the shop around
// them are played. APP names the app's folder, with the pixel built.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import vm from "node:vm";

const app = process.env.APP;
const EMBED = readFileSync(join(app, "extensions/referral-embed/assets/referral.js"), "utf8");
const LANDING = "?ref=ANNA7Q2M&utm_source=referral&utm_medium=whatsapp&gclid=x";
const PLENTY = 20; // rounds of the event loop; more than any of these scripts takes

const settled = async () => {
  for (let round = 0; round < PLENTY; round++) await new Promise((done) => setImmediate(done));
};

function storage(given = {}) {
  const held = new Map(Object.entries(given));
  return {
    held,
    getItem: (key) => held.get(key) ?? null,
    setItem: (key, value) => held.set(key, value),
    removeItem: (key) => held.delete(key),
  };
}

/** One page of the shop: what was asked of it, and what the visitor's browser holds afterwards. */
function page({ search = "", consent = false, note = "true", attributes = {}, kept = {}, sign = 200, shop = {} } = {}) {
  const calls = [];
  const heard = {};
  const state = { consent };
  const answers = {
    "/cart.js": () => ({ ok: true, status: 200, json: async () => ({ attributes }) }),
    "/apps/referral/sign": () => ({ ok: sign === 200, status: sign, json: async () => ({ token: "signed" }) }),
    "/cart/update.js": () => ({ ok: true, status: 200, json: async () => ({}) }),
  };
  const world = {
    URLSearchParams,
    location: { search },
    localStorage: storage(kept),
    sessionStorage: storage(),
    document: { currentScript: { dataset: { cartNote: note } }, addEventListener: (name, then) => (heard[name] = then) },
    fetch: async (address, options) => {
      calls.push([address, options]);
      return answers[address.split("?")[0]]();
    },
    Shopify: {
      routes: { root: "/" },
      customerPrivacy: { analyticsProcessingAllowed: () => state.consent },
      loadFeatures: (_, then) => then(),
      ...shop,
    },
  };
  world.window = world;
  vm.runInNewContext(EMBED, world);
  const consented = (answer) => {
    state.consent = answer;
    heard.visitorConsentCollected();
  };
  return { calls, consented, kept: world.localStorage.held, session: world.sessionStorage.held };
}

test("without consent nothing is kept and nobody is told", async () => {
  const { calls, kept, session } = page({ search: LANDING });
  await settled();
  assert.deepEqual([calls, [...kept], [...session]], [[], [], []]);
});

test("with consent the cart is signed once, and the link is kept", async () => {
  const { calls, kept } = page({ search: LANDING, consent: true });
  await settled();
  const addresses = calls.map(([address]) => address);
  assert.deepEqual(addresses, [
    "/cart.js",
    "/apps/referral/sign?utm_source=referral&utm_medium=whatsapp&ref=ANNA7Q2M",
    "/cart/update.js",
  ]);
  assert.deepEqual(JSON.parse(calls[2][1].body), { attributes: { _referral: "signed", ref: "ANNA7Q2M" } });
  const { ref, utm, at } = JSON.parse(kept.get("referral"));
  assert.deepEqual([ref, utm], ["ANNA7Q2M", { utm_source: "referral", utm_medium: "whatsapp" }]);
  assert.ok(Date.now() - Date.parse(at) < 60_000);
});

test("consent given later counts, even when it is told twice", async () => {
  const shown = page({ search: LANDING });
  shown.consented(true);
  shown.consented(true);
  await settled();
  assert.equal(shown.calls.filter(([address]) => address.startsWith("/apps/referral/sign")).length, 1);
});

test("consent taken back removes what was kept", async () => {
  const shown = page({ search: LANDING, consent: true });
  await settled();
  shown.consented(false);
  await settled();
  assert.deepEqual([[...shown.kept], [...shown.session]], [[], []]);
});

test("a cart that names an advocate keeps that one", async () => {
  const { calls } = page({ search: LANDING, consent: true, attributes: { _referral: "earlier" } });
  await settled();
  assert.deepEqual(calls.map(([address]) => address), ["/cart.js"]);
});

test("the first advocate stays for 30 days and no longer", async () => {
  const day = 24 * 60 * 60 * 1000;
  for (const [age, expected] of [[29, "BEN12345"], [31, "ANNA7Q2M"]]) {
    const at = new Date(Date.now() - age * day).toISOString();
    const { kept } = page({ search: LANDING, consent: true, kept: { referral: JSON.stringify({ ref: "BEN12345", utm: {}, at }) } });
    await settled();
    assert.equal(JSON.parse(kept.get("referral")).ref, expected);
  }
});

test("a `ref` that is no code of ours is forgotten", async () => {
  const { calls, kept } = page({ search: "?ref=newsletter", consent: true, sign: 404 });
  await settled();
  assert.deepEqual([calls.length, [...kept]], [2, []]);
});

test("the merchant can switch the note on the cart off", async () => {
  const { calls, kept } = page({ search: LANDING, consent: true, note: "false" });
  await settled();
  assert.deepEqual([calls.length, kept.size], [0, 1]);
});

test("nothing that goes wrong reaches the shop's page", async () => {
  const failures = [];
  const listen = (problem) => failures.push(problem);
  process.on("unhandledRejection", listen);
  page({ search: LANDING, consent: true, shop: { loadFeatures: undefined } });
  page({ search: LANDING, consent: true, shop: { loadFeatures: () => { throw new Error("gone"); } } });
  page({ search: LANDING, consent: true, shop: { routes: { root: "/nowhere/" } } });
  page({ search: LANDING, consent: true, kept: { referral: "{broken" } });
  await settled();
  process.off("unhandledRejection", listen);
  assert.deepEqual(failures, []);
});

/** The pixel, built as it is deployed, in a sandbox that has nothing but what Shopify's strict one has. */
function pixel() {
  const folder = join(app, "extensions/referral-pixel/dist");
  const [built] = readdirSync(folder).filter((name) => name.endsWith(".js"));
  const posted = [];
  const subscribed = {};
  const { held, ...local } = storage();
  const world = {
    URL,
    console,
    fetch: async (address, options) => posted.push([address, options]),
    shopify: { extend: (_, start) => (world.start = start) },
  };
  world.self = world.globalThis = world;
  vm.runInNewContext(readFileSync(join(folder, built), "utf8"), world);
  world.start({
    analytics: { subscribe: (name, then) => (subscribed[name] = then) },
    browser: { localStorage: local },
    init: { data: { shop: { myshopifyDomain: "nord.myshopify.com" } } },
    settings: { touch_url: "https://connector.example.com/touch/shopify", account_id: "a1" },
  });
  const visit = (href) => subscribed.page_viewed({ context: { document: { location: { href } } }, timestamp: new Date().toISOString() });
  const buy = (token) => subscribed.checkout_completed({ data: { checkout: { token } } });
  return { posted, visit, buy };
}

test("a checkout after a link is told, with nothing about the buyer", async () => {
  const { posted, visit, buy } = pixel();
  await visit(`https://nord.example/${LANDING}`);
  await visit("https://nord.example/products/chair?ref=BEN12345");
  await buy("c1");
  assert.equal(posted.length, 1);
  const [address, { method, keepalive, body }] = posted[0];
  assert.deepEqual([address, method, keepalive], ["https://connector.example.com/touch/shopify", "POST", true]);
  assert.deepEqual(JSON.parse(body), {
    account: "a1",
    shop: "nord.myshopify.com",
    checkout: "c1",
    ref: "ANNA7Q2M",
    utm: { utm_source: "referral", utm_medium: "whatsapp" },
  });
});

test("a checkout without a link is not told", async () => {
  const { posted, visit, buy } = pixel();
  await visit("https://nord.example/?ref=x&utm_source=mail");
  await buy("c1");
  assert.deepEqual(posted, []);
});

/** What the block shows for an answer of the server, and what was asked. */
async function block(answer) {
  const typescript = createRequire(join(app, "package.json"))("typescript");
  const source = readFileSync(join(app, "extensions/referral-thank-you/src/share.ts"), "utf8");
  const world = {
    exports: {},
    fetch: async (address, { headers }) => {
      world.asked = [address, headers.Authorization];
      if (answer === null) throw new TypeError("no network");
      return { ok: answer < 300, status: answer, json: async () => ({ link: "https://connector.example.com/r/ANNA7Q2M" }) };
    },
  };
  vm.runInNewContext(typescript.transpile(source, { module: typescript.ModuleKind.CommonJS, target: "ES2022" }), world);
  const view = await world.exports.load("https://connector.example.com/", async () => "token");
  return { state: view.state, link: view.share?.link, asked: world.asked };
}

test("the buyer's own link is asked for with the buyer's own token", async () => {
  const { state, link, asked } = await block(200);
  assert.deepEqual([state, link], ["ready", "https://connector.example.com/r/ANNA7Q2M"]);
  assert.deepEqual(asked, ["https://connector.example.com/share/shopify", "Bearer token"]);
});

test("every other answer has words of its own", async () => {
  const shown = [];
  for (const answer of [403, 404, 401, 500, null]) shown.push((await block(answer)).state);
  assert.deepEqual(shown, ["log_in", "paused", "failed", "failed", "failed"]);
});
