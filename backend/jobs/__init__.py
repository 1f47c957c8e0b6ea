"""Work that computes: rows to analytics and back to rows."""
