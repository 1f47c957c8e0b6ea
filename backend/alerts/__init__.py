"""Alerts: what a rule concludes from the data, once for each thing that happened."""
