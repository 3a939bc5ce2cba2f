"""Pure rules: what is owed to whom, and why. Imports nothing but the standard library and `connector.errors`."""
