"""From files to declarations: YAML with its lines, values from the environment, and mistakes within one document."""
