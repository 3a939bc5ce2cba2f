import LOCALE from "@salesforce/i18n/locale";

const NOBODY = "Nobody referred this person, as far as we know.";
const NO_CONTACT = "This case has no contact, so there is nobody to look up.";
const UNSEEN = "You cannot see the contact of this case.";
const HIDDEN = "You cannot see the referral fields. Ask your admin for the permission set Referral Connector User.";
const PARTLY_HIDDEN = "Some referral fields are hidden from you. Your admin can change that.";
const FAILED =
  "The referral could not be read. No record has changed. Reload the page; if that does not help, tell your admin.";

const ASK =
  "If they say that somebody sent them, ask for the code or the link, and fill it in the field Referral Code " +
  "of their lead or contact.";
const FRIEND =
  "Thank them. Who referred them is theirs and the advocate's business: name the advocate only if they ask.";
const ADVOCATE = "Their link is on this record. A reward comes once the friend's purchase has stood its time.";

export const LOADING = { loading: true };
export const FAILURE = { failure: FAILED };

/** What is shown of these values. One that is undefined is hidden from this user, one that is null is empty. */
export function tell(values) {
  if (values.contact === null) return { notice: NO_CONTACT };
  if ("contact" in values && !values.seen) return { notice: UNSEEN };
  const hidden = Object.values(values).includes(undefined);
  const lines = linesOf(values);
  if (!lines.length) return hidden ? { notice: HIDDEN } : { notice: NOBODY, answer: ASK };
  const answer = [values.code && FRIEND, values.ownCode && ADVOCATE].filter(Boolean).join(" ");
  return { lines, answer, remark: hidden ? PARTLY_HIDDEN : "" };
}

function linesOf(values) {
  return [
    ["Referred with the code", values.code],
    ["Where it was seen", values.source],
    ["Stage", values.stage],
    ["Why", values.why],
    ["Reward", reward(values)],
    ["May I contact them?", mayContact(values)],
    ["Shares the code", values.ownCode],
    ["Shares the link", values.ownLink],
  ]
    .filter(([, value]) => value)
    .map(([label, value]) => ({ label, value }));
}

function reward({ amount, currency }) {
  if (typeof amount !== "number") return "";
  if (!/^[A-Z]{3}$/.test(currency ?? "")) return String(amount);
  return new Intl.NumberFormat(LOCALE, { style: "currency", currency, currencyDisplay: "code" }).format(amount);
}

function mayContact({ code, permission, evidence }) {
  if (!code || permission === undefined) return "";
  const may = permission === "came_themselves" ? "Yes." : "Ask first.";
  return [may, evidence].filter(Boolean).join(" ");
}
