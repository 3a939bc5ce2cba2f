import {
  Button,
  DescriptionList,
  DescriptionListItem,
  EmptyState,
  ErrorState,
  Flex,
  hubspot,
  LoadingSpinner,
  StatusTag,
  Text,
} from "@hubspot/ui-extensions";
import { useEffect, useState } from "react";
import { load, type Referral, type View } from "./referral";

const ROLES = {
  friend: "Was referred",
  advocate: "Refers others",
  both: "Was referred and refers others",
} as const;

hubspot.extend<"crm.record.sidebar">(({ context }) => <ReferralCard record={context.crm} />);

export function ReferralCard({ record }: { record: { objectTypeId: string; objectId: number } }) {
  const [view, setView] = useState<View>({ kind: "loading" });
  const [tries, setTries] = useState(0);

  useEffect(() => {
    let gone = false;
    setView({ kind: "loading" });
    void load(record.objectTypeId, record.objectId).then((found) => gone || setView(found));
    return () => {
      gone = true;
    };
  }, [record.objectTypeId, record.objectId, tries]);

  if (view.kind === "loading") return <LoadingSpinner label="Looking up the referral" showLabel />;
  if (view.kind === "unconnected") return <Unconnected />;
  if (view.kind === "failed") return <Failed again={() => setTries(tries + 1)} />;
  return view.referral.state === "none" ? <Nobody words={view.referral.words} /> : <Known referral={view.referral} />;
}

function Unconnected() {
  return (
    <ErrorState title="Not connected" type="lock">
      <Text>
        This HubSpot account is not connected to Referral Connector. An admin can connect it in the app's settings.
      </Text>
    </ErrorState>
  );
}

function Failed({ again }: { again: () => void }) {
  return (
    <ErrorState title="The referral could not be looked up">
      <Text>Nothing is lost, and no record has changed.</Text>
      <Button onClick={again}>Try again</Button>
    </ErrorState>
  );
}

function Nobody({ words }: { words: string }) {
  return (
    <EmptyState title="No referral" layout="vertical" imageName="contacts" imageWidth={120} flush>
      <Text>{words}</Text>
    </EmptyState>
  );
}

function Known({ referral }: { referral: Referral }) {
  if (referral.state === "none") return null;
  return (
    <Flex direction="column" gap="md">
      <StatusTag variant="info">{ROLES[referral.state]}</StatusTag>
      <DescriptionList direction="row">
        {referral.lines.map(({ label, value }) => (
          <DescriptionListItem key={label} label={label}>
            <Text>{value}</Text>
          </DescriptionListItem>
        ))}
      </DescriptionList>
      <Text>{referral.words}</Text>
      {referral.answer && (
        <Flex direction="column" gap="flush">
          <Text format={{ fontWeight: "demibold" }}>When they ask</Text>
          <Text>{referral.answer}</Text>
        </Flex>
      )}
    </Flex>
  );
}
