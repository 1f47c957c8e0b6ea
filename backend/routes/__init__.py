"""The API: one router per resource, handlers of a few lines."""
