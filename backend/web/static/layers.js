// How things look on the map. Colours come from the style sheet, so that light and dark are set in one place.

export const GROUPS = {
  'show-corridor': ['corridor-fill', 'corridor-casing', 'corridor-line', 'corridor-neck', 'corridor-neck-name'],
  'show-range-95': ['range-95-fill', 'range-95-line'],
  'show-range-50': ['range-50-fill', 'range-50-line'],
  'show-track': ['track', 'tile-track', 'tile-fix'],
  'show-latest': ['latest', 'latest-name'],
};
export const CLICKABLE = ['latest', 'corridor-neck', 'tile-fix', 'track', 'tile-track', 'range-50-fill', 'corridor-fill', 'range-95-fill'];

export const COLORS = 6;  // of animals
const TRACK = {
  'line-width': ['interpolate', ['linear'], ['zoom'], 11, 0.7, 15, 1.8],
  'line-opacity': ['interpolate', ['linear'], ['zoom'], 11, 0.55, 15, 0.9],
};
const FINE_DEG = 0.0001;  // places given more coarsely than this are centres of cells
const FIXES_FROM_ZOOM = 12;

/** Of the ranges of one or two animals. */
export const RANGE_OPACITY = {'range-95-fill': 0.1, 'range-50-fill': 0.2};

/** Of one level of corridors; they add up. */
export const LEVEL_OPACITY = 0.27;

const LAND = ['!=', ['geometry-type'], 'Point'];
const NECK = ['==', ['geometry-type'], 'Point'];
const EMPTY = {type: 'FeatureCollection', features: []};

export function color(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function emptyStyle() {
  return {
    version: 8,
    sources: Object.fromEntries(['graticule', 'corridors', 'ranges', 'tracks', 'latest', 'cause'].map(
      (name) => [name, {type: 'geojson', data: EMPTY}],
    )),
    layers: [
      {id: 'ground', type: 'background', paint: {'background-color': color('--ground')}},
      {id: 'graticule', type: 'line', source: 'graticule', paint: {'line-color': color('--grid'), 'line-width': 1}},
      fill('95'),
      fill('50'),
      // levels lie one in the other, so that the land gets darker the more animals use it
      {id: 'corridor-fill', type: 'fill', source: 'corridors', filter: LAND, paint: {'fill-color': color('--corridor'), 'fill-opacity': LEVEL_OPACITY}},
      {id: 'corridor-casing', type: 'line', source: 'corridors', filter: ['all', LAND, ['==', ['get', 'rank'], 0]], paint: {'line-color': color('--ground'), 'line-width': 3.5, 'line-opacity': 0.8}},
      {id: 'corridor-line', type: 'line', source: 'corridors', filter: LAND, paint: {'line-color': color('--corridor'), 'line-width': ['case', ['==', ['get', 'rank'], 0], 1.4, 0.5]}},
      {
        id: 'track', type: 'line', source: 'tracks', layout: {'line-join': 'round', 'line-cap': 'round'},
        paint: {'line-color': ['get', 'color'], ...TRACK},
      },
      outline('95', {'line-width': 1.5, 'line-dasharray': [4, 2.5]}),
      outline('50', {'line-width': 2}),
      {
        id: 'graticule-name', type: 'symbol', source: 'graticule', filter: ['==', ['geometry-type'], 'Point'],
        layout: {'text-field': ['get', 'name'], 'text-size': 11, 'text-anchor': ['get', 'anchor'], 'text-offset': ['get', 'offset'], 'text-allow-overlap': true, 'text-ignore-placement': true},
        paint: {'text-color': color('--quiet'), 'text-halo-color': color('--ground'), 'text-halo-width': 1.5},
      },
      {
        id: 'corridor-neck', type: 'circle', source: 'corridors', filter: NECK,
        paint: {'circle-radius': 4, 'circle-color': color('--panel'), 'circle-stroke-color': color('--corridor'), 'circle-stroke-width': 2.5},
      },
      {
        id: 'corridor-neck-name', type: 'symbol', source: 'corridors', filter: NECK,
        layout: {'text-field': ['get', 'label'], 'text-size': 12, 'text-variable-anchor': ['top', 'bottom', 'right', 'left'], 'text-radial-offset': 0.8},
        paint: {'text-color': color('--text'), 'text-halo-color': color('--ground'), 'text-halo-width': 2},
      },
      {
        id: 'latest', type: 'circle', source: 'latest',
        paint: {'circle-radius': 7, 'circle-color': ['get', 'color'], 'circle-stroke-color': color('--panel'), 'circle-stroke-width': 2.5},
      },
      {
        id: 'cause', type: 'circle', source: 'cause',
        paint: {'circle-radius': 12, 'circle-opacity': 0, 'circle-stroke-color': color('--alert'), 'circle-stroke-width': 3},
      },
      {
        id: 'latest-name', type: 'symbol', source: 'latest',
        layout: {'text-field': ['get', 'label'], 'text-size': 14, 'text-variable-anchor': ['left', 'right', 'bottom', 'top'], 'text-radial-offset': 0.9, 'text-justify': 'auto'},
        paint: {'text-color': color('--text'), 'text-halo-color': color('--ground'), 'text-halo-width': 2.5},
      },
    ],
  };
}

/** Tracks and fixes of a large herd, in tiles; asked for anew where they are there already. */
export function showTiles(map) {
  const tiles = [`${location.origin}/api/v1/tiles/{z}/{x}/{y}.mvt`];
  if (map.getSource('tiles')) {
    map.getSource('tiles').setTiles(tiles);
    return;
  }
  const colors = Array.from({length: COLORS}, (_, i) => [i, color(`--animal-${i}`)]).flat();
  const colored = ['match', ['%', ['get', 'animal'], COLORS], ...colors, color('--none')];
  const below = 'range-95-line';
  map.addSource('tiles', {type: 'vector', tiles, maxzoom: 16});
  map.addLayer({
    id: 'tile-track', type: 'line', source: 'tiles', 'source-layer': 'tracks', layout: {'line-join': 'round', 'line-cap': 'round'},
    paint: {'line-color': colored, ...TRACK},
  }, below);
  map.addLayer({
    id: 'tile-fix', type: 'circle', source: 'tiles', 'source-layer': 'fixes',
    filter: ['any', ['>', ['get', 'precision_deg'], FINE_DEG], ['>=', ['zoom'], FIXES_FROM_ZOOM]],
    paint: {'circle-color': colored, 'circle-radius': ['case', ['>', ['get', 'precision_deg'], FINE_DEG], 5, 2.5], 'circle-opacity': 0.8},
  }, below);
}

// Inner isopleths (up to 50 %) are solid, outer ones dashed, so that they differ without colour too.
const WHICH = {50: ['<=', ['get', 'level_percent'], 50], 95: ['>', ['get', 'level_percent'], 50]};

function fill(level) {
  const id = `range-${level}-fill`;
  return {
    id, type: 'fill', source: 'ranges', filter: WHICH[level],
    paint: {'fill-color': ['get', 'color'], 'fill-opacity': RANGE_OPACITY[id]},
  };
}

function outline(level, paint) {
  return {
    id: `range-${level}-line`, type: 'line', source: 'ranges', filter: WHICH[level],
    paint: {'line-color': ['get', 'color'], ...paint},
  };
}

const STEPS_DEG = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
const LEAST_PX = 110;

/** Lines of latitude and longitude, named at the edges: the only ground there is. */
export function graticule(map) {
  const box = map.getBounds();
  const [west, east] = [box.getWest(), box.getEast()];
  const [south, north] = [Math.max(box.getSouth(), -85), Math.min(box.getNorth(), 85)];
  const {clientWidth: width} = map.getContainer();
  const step = STEPS_DEG.find((deg) => deg * width / (east - west) >= LEAST_PX) ?? STEPS_DEG.at(-1);
  const digits = Math.max(0, Math.ceil(-Math.log10(step)));
  const features = [];
  const add = (line, properties) => {
    features.push({type: 'Feature', geometry: {type: 'LineString', coordinates: line}, properties: {}});
    const {x, y} = map.project(line[0]);
    const clear = properties.anchor === 'top' ? x > 90 && x < width - 80 : y > 30;  // of the corners
    if (clear) features.push({type: 'Feature', geometry: {type: 'Point', coordinates: line[0]}, properties});
  };
  for (let i = Math.ceil(west / step); i * step <= east; i++) {
    const lon = ((i * step + 540) % 360) - 180;
    const name = `${Math.abs(lon).toFixed(digits)}° ${lon < 0 ? 'W' : 'E'}`;
    add([[i * step, north], [i * step, south]], {name, anchor: 'top', offset: [0, 0.5]});
  }
  for (let i = Math.ceil(south / step); i * step <= north; i++) {
    const lat = i * step;
    const name = `${Math.abs(lat).toFixed(digits)}° ${lat < 0 ? 'S' : 'N'}`;
    add([[west, lat], [east, lat]], {name, anchor: 'left', offset: [0.5, 0]});
  }
  return {type: 'FeatureCollection', features};
}
