// Makes the zip that an org is sent, as `sf project deploy start` does.
import { readFileSync } from "node:fs";
import sdr from "@salesforce/source-deploy-retrieve";

const { sourceApiVersion, packageDirectories } = JSON.parse(readFileSync("sfdx-project.json", "utf8"));
try {
  const parts = sdr.ComponentSet.fromSource(packageDirectories.map(({ path }) => `${process.cwd()}/${path}`));
  parts.sourceApiVersion = sourceApiVersion;
  const to = { type: "zip", outputDirectory: process.cwd(), packageName: "package" };
  await new sdr.MetadataConverter().convert(parts, "metadata", to);
} catch (error) {
  console.log(error.message);
  process.exitCode = 1;
}
