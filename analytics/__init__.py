"""Arrays in, results out: what an animal's positions say about the land it uses.

Public functions validate and document, `analytics.kernels` compute, results are small frozen
classes that carry their units and parameters. Knows no database and no web. Importing any module
here compiles nothing: kernels are imported inside the functions that call them.

The way through it::

    track = Track.from_geographic(times, lat_deg, lon_deg)      # analytics.track
    ud = kernel_ud(track)                                       # analytics.ranges.kde
    ranges = home_range(ud, levels_percent=(50, 95))            # analytics.ranges.isopleth
    ranges.to_geojson()
"""
