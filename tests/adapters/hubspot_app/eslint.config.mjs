// HubSpot's rules for code that runs in its worker: no DOM, no dialogs, no plain fetch.
import hubspot from "@hubspot/eslint-config-ui-extensions";
import tseslint from "typescript-eslint";

export default [
  ...hubspot.configs.default,
  {
    files: ["**/*.ts", "**/*.tsx"],
    languageOptions: { parser: tseslint.parser, parserOptions: { ecmaFeatures: { jsx: true } } },
  },
];
