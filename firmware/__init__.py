"""The collar: runs on MicroPython, imports nothing of the other folders."""
