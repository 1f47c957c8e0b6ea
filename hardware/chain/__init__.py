"""The whole chain on the twin: from a moving animal to a home range, by the product's own parts.

The twin moves the animals and runs the firmware in this process; the ground station and the web
server are processes of their own, reached the way they are reached in the field (a serial port,
a database, HTTP). `demo` invents three ibex; `replay` follows a recorded track.
"""
