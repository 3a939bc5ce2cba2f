// `node theme_check.mjs FOLDER`: prints each error that theme check finds and ends with 1 if there is one. The
// package's own command always ends with 0.
import { themeCheckRun } from "@shopify/theme-check-node";

const ERROR = 0;
const { offenses } = await themeCheckRun(process.argv[2], "theme-check:theme-app-extension");
const errors = offenses.filter((offense) => offense.severity === ERROR);
for (const { check, message, uri } of errors) console.log(`${uri.split("/").pop()}: ${check}: ${message}`);
process.exit(errors.length ? 1 : 0);
