"""From rows to a registered version: what each asset before a deployment state is made by."""
