"""Slow, plain forms of what the kernels compute; every fast result is compared with one of these.

One formula per function, written as in its source, without a thought for speed.
"""

import math


def kernel_density(x_m, y_m, nodes_x_m, nodes_y_m, bandwidth_m):
    """Mean of round normal densities at the nodes, as rows of columns [1/m2].

    Source: Silverman 1986, Density Estimation for Statistics and Data Analysis, section 4.2.
    """
    scale = 1 / (len(x_m) * 2 * math.pi * bandwidth_m**2)
    return [
        [
            scale
            * math.fsum(
                math.exp(-((nx - x) ** 2 + (ny - y) ** 2) / (2 * bandwidth_m**2))
                for x, y in zip(x_m, y_m, strict=True)
            )
            for nx in nodes_x_m
        ]
        for ny in nodes_y_m
    ]


def volume_percent(density, cell_area_m2):
    """At each value of a flat list: percent of the volume in denser cells and its own.

    Cells of equal density share the mean of what they would have one after the other.
    """
    percent = []
    for own in density:
        equal = sum(d == own for d in density)
        denser = math.fsum(d for d in density if d > own)
        percent.append(100 * cell_area_m2 * (denser + own * (equal + 1) / 2))
    return percent
