"""One file per part of the collar; bus, pins and clock come by the constructor."""
