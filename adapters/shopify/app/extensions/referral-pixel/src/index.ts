import { register } from "@shopify/web-pixels-extension";

type Landing = { ref: string; utm: Record<string, string>; at: string };

const KEPT = "referral-pixel";
const KEPT_FOR = 30 * 24 * 60 * 60 * 1000;

/** What an address says about a referral, or null. */
function landing(href: string, at: string): Landing | null {
  const query = new URL(href).searchParams;
  const ref = (query.get("ref") ?? "").trim();
  if (!/^[A-Za-z0-9-]{3,64}$/.test(ref)) return null;
  const utm: Record<string, string> = {};
  query.forEach((value, name) => {
    if (/^utm_[a-z]{2,12}$/.test(name)) utm[name] = value.slice(0, 255);
  });
  return { ref, utm, at };
}

register(({ analytics, browser, init, settings }) => {
  async function kept(): Promise<Landing | null> {
    const found: Landing | null = JSON.parse((await browser.localStorage.getItem(KEPT)) ?? "null");
    return found && Date.now() - Date.parse(found.at) < KEPT_FOR ? found : null;
  }

  // The first advocate stays, as in the theme's note on the cart.
  analytics.subscribe("page_viewed", async (event) => {
    const landed = landing(event.context.document.location.href, event.timestamp);
    if (landed && !(await kept())) await browser.localStorage.setItem(KEPT, JSON.stringify(landed));
  });

  analytics.subscribe("checkout_completed", async (event) => {
    const found = await kept();
    if (!found || !event.data.checkout.token) return;
    // As plain text there is no preflight request, which a closing page would cut off. The body is JSON all the same.
    await fetch(settings.touch_url, {
      method: "POST",
      keepalive: true,
      headers: { "Content-Type": "text/plain;charset=UTF-8" },
      body: JSON.stringify({
        account: settings.account_id,
        shop: init.data.shop.myshopifyDomain,
        checkout: event.data.checkout.token,
        ref: found.ref,
        utm: found.utm,
      }),
    });
  });
});
