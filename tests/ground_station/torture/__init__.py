"""What was acknowledged is never lost: the station killed, and its power cut, at any moment."""
