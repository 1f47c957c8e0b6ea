"""Reads a layer by GDAL's OAPIF driver and prints its features as JSON: id, WKB in hex, fields.

usage: python read_layer.py ADDRESS KEY LAYER [WEST,SOUTH,EAST,NORTH]

A process of its own: pyogrio keeps the interpreter while GDAL waits for the service.
"""

import json
import sys

import pyogrio

address, key, layer, *box = sys.argv[1:]
wanted = {"bbox": tuple(map(float, box[0].split(",")))} if box else {}
meta, numbers, geometry, columns = pyogrio.raw.read(
    f"OAPIF:{address}",
    layer=layer,
    return_fids=True,
    PAGE_SIZE=40,
    USERPWD=f"anybody:{key}",
    **wanted,
)
found = []
for number, wkb, *row in zip(numbers, geometry, *columns, strict=True):
    fields = dict(zip(meta["fields"], row, strict=True))
    # GDAL takes ids that are numbers for its own
    found.append([str(fields.get("id", number)), wkb and wkb.hex(), fields])
print(json.dumps(found, default=lambda value: getattr(value, "tolist", value.__str__)()))
