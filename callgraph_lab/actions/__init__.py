"""What clients did: event maps in TOML, their rules for the engine, and questions about actions."""
