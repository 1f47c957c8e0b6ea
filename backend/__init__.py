"""The backend: database, API and map."""
