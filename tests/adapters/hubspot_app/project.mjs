// Reads the project as `hs project upload` does. HubSpot's own schemas come with an account; ours stand in for them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { http } from "@hubspot/local-dev-lib/http";
import { translate } from "@hubspot/project-parsing-lib/translate";

const [app, schemas] = process.argv.slice(2);
const read = (...path) => JSON.parse(readFileSync(join(...path), "utf8"));
const kinds = {
  APPLICATION: "app",
  WEBHOOKS: "webhooks",
  WORKFLOW_ACTION: "workflow-action",
  SETTINGS: "settings",
  CARD: "card",
};
const known = Object.fromEntries(Object.entries(kinds).map(([kind, name]) => [kind, read(schemas, `${name}.json`)]));
http.get = async () => ({ data: known });

const { srcDir, platformVersion } = read(app, "hsproject.json");
try {
  const { intermediateRepresentation: found } = await translate({ projectSourceDir: join(app, srcDir), platformVersion, accountId: 1 });
  console.log(Object.keys(found.intermediateNodesIndexedByUid).sort().join(" "));
} catch (error) {
  console.log(error.toString());
  process.exitCode = 1;
}
