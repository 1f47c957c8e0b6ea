"""Kinds of records, as numbers: in the collar's log and in DATA payloads."""

KIND_FIX = 1
KIND_STATUS = 2
KIND_ACTIVITY = 3
KIND_ALARM = 4
KIND_HEALTH = 5
