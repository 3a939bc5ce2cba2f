/** The buyer's own link, as the server tells it. */
export type Share = { link: string; code: string; offer: string; terms: string };

export type View =
  | { state: "loading" }
  | { state: "ready"; share: Share }
  | { state: "log_in" } // we do not know who the buyer is
  | { state: "paused" } // no program runs now
  | { state: "failed" };

/** Asks for the link of the buyer whom the session token names. Never throws: a failure is a view of its own. */
export async function load(address: string, token: () => Promise<string>): Promise<View> {
  try {
    const answer = await fetch(`${address.replace(/\/+$/, "")}/share/shopify`, {
      headers: { Authorization: `Bearer ${await token()}`, Accept: "application/json" },
    });
    if (answer.status === 403) return { state: "log_in" };
    if (answer.status === 404) return { state: "paused" };
    if (!answer.ok) return { state: "failed" };
    return { state: "ready", share: (await answer.json()) as Share };
  } catch {
    return { state: "failed" };
  }
}
