import { hubspot } from "@hubspot/ui-extensions";

/** What the server knows of a record. All of it is plain text, ready to be shown. */
export interface Referral {
  state: "none" | "friend" | "advocate" | "both";
  lines: { label: string; value: string }[];
  words: string;
  answer: string;
}

export type View =
  | { kind: "loading" }
  | { kind: "ready"; referral: Referral }
  | { kind: "unconnected" }
  | { kind: "failed" };

const SERVER = "https://connector.example.com";
const KINDS: Record<string, string> = { "0-1": "contacts", "0-3": "deals", "0-5": "tickets" };

/** HubSpot signs the call and says in it whose portal this is. */
export async function load(objectTypeId: string, objectId: number): Promise<View> {
  const kind = KINDS[objectTypeId];
  if (!kind) return { kind: "failed" };
  try {
    const answer = await hubspot.fetch(`${SERVER}/crm/hubspot/${kind}/${objectId}`, { method: "GET", timeout: 8000 });
    if (answer.status === 401 || answer.status === 403) return { kind: "unconnected" };
    if (!answer.ok) return { kind: "failed" };
    const referral = (await answer.json()) as Referral;
    return Array.isArray(referral.lines) ? { kind: "ready", referral } : { kind: "failed" };
  } catch {
    // The server was away, or its answer was cut short: both can be tried again.
    return { kind: "failed" };
  }
}
