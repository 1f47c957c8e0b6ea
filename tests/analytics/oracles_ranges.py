"""Slow, plain forms of the range estimators: one formula each, as in its source."""

import math


def convex_hull(points):
    """Vertices of the hull, by walking round: the next one has all others on its left.

    Source: Jarvis 1973, doi:10.1016/0020-0190(73)90020-3.
    """
    points = sorted(set(points))
    if len(points) == 1:
        return points
    here, hull = points[0], []
    while here not in hull:
        hull.append(here)
        ahead = points[1] if here == points[0] else points[0]
        for one in points:
            left = (ahead[0] - here[0]) * (one[1] - here[1])
            right = (ahead[1] - here[1]) * (one[0] - here[0])
            further = math.dist(here, one) > math.dist(here, ahead)
            if left < right or (left == right and further):
                ahead = one
        here = ahead
    return hull


def polygon_area(corners):
    """Area within corners that follow each other counter-clockwise (shoelace formula)."""
    following = corners[1:] + corners[:1]
    return sum(a[0] * b[1] - a[1] * b[0] for a, b in zip(corners, following, strict=True)) / 2


def quantile_of_type_7(values, percent):
    """Source: Hyndman & Fan 1996, doi:10.2307/2684934, definition 7."""
    values = sorted(values)
    rank = (len(values) - 1) * percent / 100
    low = math.floor(rank)
    high = min(low + 1, len(values) - 1)
    return values[low] + (rank - low) * (values[high] - values[low])


def epanechnikov_density(x_m, y_m, nodes_x_m, nodes_y_m, radius_m):
    """Mean of paraboloids of volume 1 at the nodes. Source: Silverman 1986, equation 4.4."""

    def hill(squared):
        return 2 / math.pi / radius_m**2 * max(0, 1 - squared / radius_m**2)

    fixes = list(zip(x_m, y_m, strict=True))
    return [
        [
            math.fsum(hill((nx - x) ** 2 + (ny - y) ** 2) for x, y in fixes) / len(fixes)
            for nx in nodes_x_m
        ]
        for ny in nodes_y_m
    ]


def shared_out(x_m, y_m, cell_m, rows, columns):
    """Weights of nodes that fixes share by distance, and how many fixes lie outside them all."""
    nodes, outside = [[0.0] * columns for _ in range(rows)], 0
    for x, y in zip(x_m / cell_m, y_m / cell_m, strict=True):
        if not (0 <= x < columns - 1 and 0 <= y < rows - 1):
            outside += 1
            continue
        for j in range(rows):
            for i in range(columns):
                nodes[j][i] += max(0.0, 1 - abs(x - i)) * max(0.0, 1 - abs(y - j))
    return nodes, outside


def smoothed(gathered, taps, left, bottom, rows, columns):
    """Sum of neighbours times taps, at a window of nodes; beyond the border is nothing."""
    half = len(taps) // 2

    def at(j, i):
        inside = 0 <= j < gathered.shape[0] and 0 <= i < gathered.shape[1]
        return gathered[j, i] if inside else 0.0

    def around(j, i):
        return sum(
            taps[a] * taps[b] * at(j + a - half, i + b - half)
            for a in range(len(taps))
            for b in range(len(taps))
            if gathered.shape[0] > j + a - half >= 0 and gathered.shape[1] > i + b - half >= 0
        )

    return [[around(j + bottom, i + left) for i in range(columns)] for j in range(rows)]


def cross_validation_score(x_m, y_m, bandwidth_m):
    """Source: Worton 1995, doi:10.2307/3802004, with the pairs of a fix with itself."""
    n, area = len(x_m), math.pi * bandwidth_m**2
    total = 0.0
    for xi, yi in zip(x_m, y_m, strict=True):
        for xj, yj in zip(x_m, y_m, strict=True):
            part = ((xi - xj) ** 2 + (yi - yj) ** 2) / bandwidth_m**2
            total += math.exp(-part / 4) - 4 * math.exp(-part / 2)
    return 1 / (area * n) + total / (4 * area * n**2)


def laplacian_of_normal(squared_m2, deviation_m, order):
    """The Laplacian, applied `order` times, of a round normal density at a squared distance.

    With z = d^2 / 2 s^2 it is (-2 / s^2)^m m! L_m(z) times the density, L_m Laguerre's polynomial.
    """
    z = squared_m2 / (2 * deviation_m**2)
    laguerre = sum(math.comb(order, k) * (-z) ** k / math.factorial(k) for k in range(order + 1))
    density = math.exp(-z) / (2 * math.pi * deviation_m**2)
    return (-2 / deviation_m**2) ** order * math.factorial(order) * laguerre * density


def neighbourhoods(points, k=None, r_m=None, a_m=None):
    """For each point the numbers of its neighbours, itself included, nearest first.

    Source: Getz et al. 2007, doi:10.1371/journal.pone.0000207.
    """
    found = []
    for here in points:
        near = sorted((math.dist(here, one), i) for i, one in enumerate(points))
        if k is not None:
            near = near[:k]
        elif r_m is not None:
            near = [pair for pair in near if pair[0] <= r_m]
        else:
            total, within = 0.0, []
            for distance, i in near:
                total += distance
                if total > a_m:
                    break
                within.append((distance, i))
            near = within
        found.append([i for _, i in near])
    return found


def local_hull_rows(points, **rule):
    """Percent of the points, and area of the union, after each hull in its order."""
    from shapely import MultiPoint, union_all

    hulls = []
    for members in neighbourhoods(points, **rule):
        hull = MultiPoint([points[i] for i in members]).convex_hull
        if hull.area > 0:
            fewest_last = 0 if "k" in rule else -len(members)
            hulls.append((fewest_last, hull.area, len(hulls), hull, members))
    hulls.sort(key=lambda h: h[:3])
    rows, covered = [], set()
    for end, (*_, members) in enumerate(hulls, start=1):
        covered |= set(members)
        area = union_all([h[3] for h in hulls[:end]]).area
        rows.append((100 * len(covered) / len(points), area))
    return rows


def overlap_index(index, f, g, cell_m2, level_percent, conditional):
    """One index of overlap of two lists of densities at the same nodes.

    Source: Fieberg & Kochanny 2005, doi:10.2193/0022-541X(2005)69[1346:QHOTIO]2.0.CO;2.
    """
    from tests.oracles import volume_percent

    def isopleth(density):
        return {i for i, v in enumerate(volume_percent(density, cell_m2)) if v <= level_percent}

    area_f, area_g = isopleth(f), isopleth(g)
    if conditional:
        f = [value if i in area_f else 0.0 for i, value in enumerate(f)]
        g = [value if i in area_g else 0.0 for i, value in enumerate(g)]
    pairs = list(zip(f, g, strict=True))
    return {
        "HR": lambda: len(area_f & area_g) / len(area_f),
        "PHR": lambda: sum(g[i] for i in area_f) * cell_m2,
        "VI": lambda: sum(min(a, b) for a, b in pairs) * cell_m2,
        "BA": lambda: sum(math.sqrt(a * b) for a, b in pairs) * cell_m2,
        "UDOI": lambda: len(area_f & area_g) * cell_m2 * sum(a * b for a, b in pairs) * cell_m2,
        "HD": lambda: math.sqrt(
            sum((math.sqrt(a) - math.sqrt(b)) ** 2 for a, b in pairs) * cell_m2
        ),
    }[index]()


def elliptical_density(one, other, duration, shape, scale, highest, nodes, soft=0.3826):
    """Time density of one step at nodes, for lengths in cells and any unit of time.

    The integral over speeds v of Weibull's density times 1 / area of the ellipse that v allows,
    from the speed needed for a visit on. `soft` is the mean distance of a cell's places to its
    node. Source: Wall et al. 2014, doi:10.1111/2041-210X.12218.
    """
    from scipy.integrate import quad

    straight = math.dist(one, other) / duration

    def per_speed(v):
        weibull = shape / scale * (v / scale) ** (shape - 1) * math.exp(-((v / scale) ** shape))
        area = math.pi / 4 * v * math.sqrt(v**2 - straight**2) * duration**2
        return weibull / area

    def at(node):
        way = sum(math.hypot(math.dist(node, place), soft) for place in (one, other))
        needed = way / duration
        if needed >= highest:
            return 0.0
        return quad(per_speed, needed, highest, epsabs=0, epsrel=1e-10, limit=200)[0]

    return [at(node) for node in nodes]
