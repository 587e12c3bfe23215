"""Running and reading Pulumi: programs without its CLI, and later the CLI itself, its events and its states."""
