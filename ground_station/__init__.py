"""From the air to the database: hear collars, keep what they say, acknowledge it, load it."""
