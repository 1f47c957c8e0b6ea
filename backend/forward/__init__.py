"""Fixes of a study sent on to an EarthRanger or a Gundi server, each once."""
