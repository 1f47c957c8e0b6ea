"""Reads layers by GDAL's OAPIF driver and prints, by layer, id, WKB in hex and fields as JSON.

usage: python read_layers.py ADDRESS KEY WEST,SOUTH,EAST,NORTH|"" LAYER...

A process of its own: pyogrio keeps the interpreter while GDAL waits for the service.
"""

import json
import sys

import pyogrio

address, key, box, *layers = sys.argv[1:]
wanted = {"bbox": tuple(map(float, box.split(",")))} if box else {}
found = {}
for layer in layers:
    meta, numbers, geometry, columns = pyogrio.raw.read(
        f"OAPIF:{address}",
        layer=layer,
        return_fids=True,
        PAGE_SIZE=40,
        USERPWD=f"anybody:{key}",
        **wanted,
    )
    found[layer] = []
    for number, wkb, *row in zip(numbers, geometry, *columns, strict=True):
        fields = dict(zip(meta["fields"], row, strict=True))
        # GDAL takes ids that are numbers for its own
        found[layer].append([str(fields.get("id", number)), wkb and wkb.hex(), fields])
print(json.dumps(found, default=lambda value: getattr(value, "tolist", value.__str__)()))
