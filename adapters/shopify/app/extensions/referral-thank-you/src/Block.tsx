import "@shopify/ui-extensions/preact";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { load, type Share, type View } from "./share";

// The three targets differ in much, but not in what is used here.
declare const shopify: Pick<
  import("@shopify/ui-extensions/purchase.thank-you.block.render").Api,
  "i18n" | "sessionToken" | "settings" | "extension"
>;

const say = (key: string) => shopify.i18n.translate(key);

export default function extension() {
  render(<Block />, document.body);
}

function Block() {
  const address = String(shopify.settings.value.app_url ?? "").trim();
  const [view, setView] = useState<View>({ state: "loading" });
  const [tries, setTries] = useState(0);

  useEffect(() => {
    if (!address) return;
    let gone = false;
    setView({ state: "loading" });
    void load(address, () => shopify.sessionToken.get()).then((found) => gone || setView(found));
    return () => {
      gone = true;
    };
  }, [address, tries]);

  // Buyers must not see a block that nobody has set up; whoever edits the page must.
  if (!address) return shopify.extension.editor ? <s-text>{say("set_up")}</s-text> : null;
  return (
    <s-section heading={say("heading")}>
      {view.state === "loading" && <s-skeleton-paragraph content={say("loading")} />}
      {view.state === "log_in" && <s-text>{say("log_in")}</s-text>}
      {view.state === "paused" && <s-text>{say("paused")}</s-text>}
      {view.state === "failed" && <Failed again={() => setTries(tries + 1)} />}
      {view.state === "ready" && <Link share={view.share} />}
    </s-section>
  );
}

function Failed({ again }: { again: () => void }) {
  return (
    <s-stack gap="base" alignItems="start">
      <s-text>{say("failed")}</s-text>
      <s-button onClick={again}>{say("again")}</s-button>
    </s-stack>
  );
}

function Link({ share }: { share: Share }) {
  const [told, setTold] = useState("");
  const mail = `mailto:?subject=${encodeURIComponent(say("mail"))}&body=${encodeURIComponent(share.link)}`;
  return (
    <s-stack gap="base" alignItems="start">
      <s-text>{share.offer}</s-text>
      <s-text type="strong">{share.link}</s-text>
      <s-text color="subdued">{shopify.i18n.translate("code", { code: share.code })}</s-text>
      <s-clipboard-item
        id="referral-link"
        text={share.link}
        onCopy={() => setTold(say("copied"))}
        onCopyError={() => setTold(say("not_copied"))}
      />
      <s-stack direction="inline" gap="base">
        <s-button variant="primary" command="--copy" commandFor="referral-link">
          {say("copy")}
        </s-button>
        <s-button variant="secondary" href={mail}>
          {say("send_mail")}
        </s-button>
      </s-stack>
      <s-stack accessibilityRole="status">{told && <s-text>{told}</s-text>}</s-stack>
      <s-text color="subdued" type="small">
        {share.terms}
      </s-text>
    </s-stack>
  );
}
