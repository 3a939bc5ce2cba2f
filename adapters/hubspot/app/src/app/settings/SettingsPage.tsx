import {
  Alert,
  Button,
  DescriptionList,
  DescriptionListItem,
  ErrorState,
  Flex,
  Heading,
  hubspot,
  Link,
  LoadingSpinner,
  Text,
} from "@hubspot/ui-extensions";
import { useEffect, useState } from "react";
import { load, SERVER, type Status, type View } from "./status";

hubspot.extend<"settings">(() => <SettingsPage />);

export function SettingsPage() {
  const [view, setView] = useState<View>({ kind: "loading" });
  const [tries, setTries] = useState(0);
  const again = () => setTries(tries + 1);

  useEffect(() => {
    let gone = false;
    setView({ kind: "loading" });
    void load().then((found) => gone || setView(found));
    return () => {
      gone = true;
    };
  }, [tries]);

  if (view.kind === "loading") return <LoadingSpinner label="Looking up the connection" showLabel />;
  if (view.kind === "failed") return <Failed again={again} />;
  if (view.kind === "unconnected") return <Unconnected again={again} />;
  return <Connected status={view.status} again={again} />;
}

function Failed({ again }: { again: () => void }) {
  return (
    <ErrorState title="The connection could not be looked up">
      <Text>Nothing is lost: updates wait and go on by themselves.</Text>
      <Button onClick={again}>Try again</Button>
    </ErrorState>
  );
}

function Unconnected({ again }: { again: () => void }) {
  return (
    <Flex direction="column" gap="md" align="start">
      <Alert title="Not connected" variant="warning">
        Connect this account, and referrals show on its contacts and deals. You see each permission, and why it is
        asked for, before you agree.
      </Alert>
      <Link href={{ url: `${SERVER}/install/hubspot`, external: true }}>Connect this account</Link>
      <Button onClick={again}>Check again</Button>
    </Flex>
  );
}

function Connected({ status, again }: { status: Status; again: () => void }) {
  return (
    <Flex direction="column" gap="md" align="start">
      <Heading>Connection</Heading>
      <DescriptionList direction="row">
        <DescriptionListItem label="Account">
          <Text>{status.account}</Text>
        </DescriptionListItem>
        <DescriptionListItem label="Program">
          <Text>{status.program || "None yet. Write one in Referral Connector."}</Text>
        </DescriptionListItem>
      </DescriptionList>
      <Heading>What is missing</Heading>
      {status.missing.length === 0 ? (
        <Text>Nothing. Everything that this account can do is on.</Text>
      ) : (
        status.missing.map((part) => <Missing key={part.what} {...part} />)
      )}
      <Button onClick={again}>Check again</Button>
    </Flex>
  );
}

function Missing({ what, why, remedy }: Status["missing"][number]) {
  return (
    <Alert title={what} variant="warning">
      <Text>{why}</Text>
      <Text>{remedy}</Text>
    </Alert>
  );
}
