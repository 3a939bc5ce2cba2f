import { hubspot } from "@hubspot/ui-extensions";

/** What the server knows of this account. All of it is plain text, ready to be shown. */
export interface Status {
  account: string;
  missing: { what: string; why: string; remedy: string }[];
  program: string;
}

export type View =
  | { kind: "loading" }
  | { kind: "ready"; status: Status }
  | { kind: "unconnected" }
  | { kind: "failed" };

export const SERVER = "https://connector.example.com";

/** HubSpot signs the call and says in it whose portal this is. */
export async function load(): Promise<View> {
  try {
    const answer = await hubspot.fetch(`${SERVER}/crm/hubspot/settings`, { method: "GET", timeout: 8000 });
    if (answer.status === 401 || answer.status === 403) return { kind: "unconnected" };
    if (!answer.ok) return { kind: "failed" };
    const status = (await answer.json()) as Status;
    return Array.isArray(status.missing) ? { kind: "ready", status } : { kind: "failed" };
  } catch {
    // The server was away, or its answer was cut short: both can be tried again.
    return { kind: "failed" };
  }
}
