// Notes on the cart which advocate's link brought this visitor. It keeps nothing without the visitor's consent, shows
// nothing, and whatever goes wrong stays in here: a shop must sell with or without us.
(() => {
  const KEPT = "referral";
  const NOTED = "referral-noted";
  const KEPT_FOR = 30 * 24 * 60 * 60 * 1000;
  const wantsNote = document.currentScript?.dataset.cartNote === "true";
  const landed = landing();

  /** What the address of this page says about a referral, or null. It stays in memory until there is consent. */
  function landing() {
    const query = new URLSearchParams(location.search);
    const ref = (query.get("ref") ?? "").trim();
    if (!/^[A-Za-z0-9-]{3,64}$/.test(ref)) return null;
    const tags = [...query].filter(([name]) => /^utm_[a-z]{2,12}$/.test(name));
    const utm = Object.fromEntries(tags.map(([name, value]) => [name, value.slice(0, 255)]));
    return { ref, utm, at: new Date().toISOString() };
  }

  /** What an earlier page kept, unless it is too old. The first advocate stays: a later link does not replace it. */
  function kept() {
    const found = JSON.parse(localStorage.getItem(KEPT) ?? "null");
    return found && Date.now() - Date.parse(found.at) < KEPT_FOR ? found : null;
  }

  function forget() {
    localStorage.removeItem(KEPT);
    sessionStorage.removeItem(NOTED);
  }

  async function note({ ref, utm }) {
    if (sessionStorage.getItem(NOTED) === ref) return;
    const root = window.Shopify.routes?.root ?? "/";
    const cart = await (await fetch(`${root}cart.js`)).json();
    if (!cart.attributes?._referral) {
      const signed = await fetch(`/apps/referral/sign?${new URLSearchParams({ ...utm, ref })}`);
      if (signed.status === 404) return forget(); // `ref` is a common name: this one is no code of ours
      if (!signed.ok) return; // the next page tries again
      const { token } = await signed.json();
      const written = await fetch(`${root}cart/update.js`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ attributes: { _referral: token, ref: cart.attributes?.ref || ref } }),
      });
      if (!written.ok) return;
    }
    sessionStorage.setItem(NOTED, ref);
  }

  async function act() {
    if (window.Shopify?.customerPrivacy?.analyticsProcessingAllowed?.() !== true) return forget();
    const found = kept() ?? landed;
    if (!found) return;
    localStorage.setItem(KEPT, JSON.stringify(found));
    if (wantsNote) await note(found);
  }

  // One after the other: consent may be given while an earlier note is on its way.
  let queue = Promise.resolve();
  const later = () => {
    queue = queue.then(act).catch(() => {});
  };
  document.addEventListener("visitorConsentCollected", later);
  try {
    window.Shopify?.loadFeatures?.([{ name: "consent-tracking-api", version: "0.1" }], (problem) => problem || later());
  } catch {
    // No consent can be asked for, so nothing is kept.
  }
})();
