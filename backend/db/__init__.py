"""The database: schema, loader, registry, pool and the embedded server; no web."""
