"""One file per board: the only files that know pins and import `machine`."""
