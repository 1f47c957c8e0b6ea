"""What the collar is made of, its digital twin, and the whole chain driven by that twin."""
