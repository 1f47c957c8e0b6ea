"""Movebank's files, read and written: its terms, events and reference data."""
