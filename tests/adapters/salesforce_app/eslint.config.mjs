// Salesforce's rules for components: no DOM of others, no timers, no markup past the compiler.
import lwc from "@salesforce/eslint-config-lwc";

export default [
  ...lwc.configs.recommended,
  // A test answers in place of Salesforce: it must name the adapter.
  { files: ["**/__tests__/**"], rules: { "@lwc/lwc/no-unexpected-wire-adapter-usages": "off" } },
];
