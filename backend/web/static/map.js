// The page: asks the API, fills the panel, draws the map. Nothing here leads off this machine.

import {bounds, load} from '/static/data.js';
import {area, time} from '/static/format.js';
import {CLICKABLE, GROUPS, color, emptyStyle, graticule} from '/static/layers.js';
import {say, show} from '/static/panel.js';

const AGAIN_MS = 60_000;
const AFTER_ERROR_MS = 5_000;
const COLORS = 6;

let shown = {entries: [], tracks: [], latest: [], ranges: []};
let map = null;
let maplibregl = null;
let popup = null;

function setState(state) {
  document.body.dataset.state = state;
}

async function makeMap() {
  try {
    maplibregl = await import('/static/maplibre/maplibre-gl.mjs');
  } catch {
    return 'The map is not installed: run “make demo” once, or “npm ci” in backend/web. The table works without it.';
  }
  try {
    map = new maplibregl.Map({
      container: 'map', style: emptyStyle(), center: [10.2, 46.66], zoom: 8, maxZoom: 18,
      attributionControl: false, dragRotate: false, pitchWithRotate: false, touchPitch: false, fadeDuration: 0,
      locale: {'Map.Title': 'Map. The table of animals holds the same in words.'},
    });
  } catch {
    return 'This browser cannot draw the map (WebGL 2 is off). The table works without it.';
  }
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new maplibregl.NavigationControl({showCompass: false}), 'top-right');
  map.addControl(new maplibregl.ScaleControl({maxWidth: 140}), 'bottom-right');
  await map.once('load');
  drawGraticule();
  map.on('moveend', drawGraticule);
  map.on('click', onClick);
  map.on('mousemove', ({point}) => {
    map.getCanvas().style.cursor = featureAt(point) ? 'pointer' : '';
  });
  return null;
}

function drawGraticule() {
  map.getSource('graticule').setData(graticule(map));
}

function draw() {
  if (!map) return;
  const key = ({animal, collar}) => (animal === null ? `collar ${collar}` : `animal ${animal}`);
  const colored = (features) => ({
    type: 'FeatureCollection',
    features: features.filter(({geometry}) => geometry).map((feature) => {
      const entry = shown.entries.find((one) => one.key === key(feature.properties));
      const {recorded_at_s, ...properties} = feature.properties;
      return {...feature, properties: {...properties, color: color(entry?.color ?? '--none'), label: entry?.name ?? ''}};
    }),
  });
  map.getSource('ranges').setData(colored(shown.ranges));
  map.getSource('tracks').setData(colored(shown.tracks));
  map.getSource('latest').setData(colored(shown.latest));
}

function fit(entries) {
  const box = bounds(entries.flatMap(({geometries}) => geometries));
  if (!map || !box) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  map.fitBounds(box, {padding: 70, maxZoom: 15, animate: !still && document.body.dataset.state === 'ready', duration: 600});
}

function featureAt(point) {
  const around = [[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]];
  const found = map.queryRenderedFeatures(around, {layers: CLICKABLE});
  return CLICKABLE.map((id) => found.find(({layer}) => layer.id === id)).find(Boolean);
}

/** The fix of a track nearest to a point of the screen. */
function nearestFix(animal, point) {
  const {geometry, properties} = shown.tracks.find((track) => track.properties.animal === animal);
  if (geometry.type !== 'LineString') return null;
  let nearest = null;
  geometry.coordinates.forEach((position, i) => {
    const at = map.project(position);
    const distance = Math.hypot(at.x - point.x, at.y - point.y);
    if (!nearest || distance < nearest.distance) nearest = {distance, position, at: new Date(properties.recorded_at_s[i] * 1000)};
  });
  return nearest;
}

function describe(feature, point) {
  const {properties} = feature;
  if (feature.layer.id === 'latest') {
    const lines = [`Last position, ${time(new Date(properties.recorded_at))} UTC`];
    const quality = [properties.accuracy_m && `within ${properties.accuracy_m} m`, properties.altitude_m && `${Math.round(properties.altitude_m)} m above sea`];
    if (quality.some(Boolean)) lines.push(quality.filter(Boolean).join(', '));
    return {lines: [...lines, `Collar ${properties.collar}, record ${properties.record}`], position: feature.geometry.coordinates};
  }
  if (feature.layer.id === 'track') {
    const fix = nearestFix(properties.animal, point);
    return fix ? {lines: [`Was here ${time(fix.at)} UTC`], position: fix.position} : {lines: ['Track']};
  }
  return {lines: [
    `Home range, ${properties.level_percent} % of use: ${area(properties.area_km2)} km²`,
    `Kernel density of ${properties.fixes.toLocaleString('en-GB')} fixes`,
  ]};
}

function onClick({point, lngLat}) {
  const feature = featureAt(point);
  if (!feature) return;
  const {lines, position} = describe(feature, point);
  const content = document.createElement('div');
  content.className = 'popup';
  for (const [tag, text] of [['h2', feature.properties.label], ...lines.map((line) => ['p', line])]) {
    content.append(Object.assign(document.createElement(tag), {textContent: text}));
  }
  popup?.remove();
  popup = new maplibregl.Popup({maxWidth: '20rem'}).setLngLat(position ?? lngLat).setDOMContent(content).addTo(map);
}

function bindControls() {
  document.getElementById('fit').addEventListener('click', () => fit(shown.entries));
  document.addEventListener('keydown', ({key}) => { if (key === 'Escape') popup?.remove(); });
  document.getElementById('layers').addEventListener('change', applyVisibility);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    map?.setStyle(emptyStyle(), {diff: false});
    map?.once('styledata', () => { drawGraticule(); draw(); applyVisibility(); });
  });
}

function applyVisibility() {
  for (const [id, layers] of Object.entries(GROUPS)) {
    const visibility = document.getElementById(id).checked ? 'visible' : 'none';
    for (const layer of layers) map?.setLayoutProperty(layer, 'visibility', visibility);
  }
}

async function refresh(noMap) {
  const first = shown.entries.length === 0;
  try {
    shown = await load();
  } catch (error) {
    say(error.message, first ? 'No data' : undefined);
    if (first) setState('error');
    return AFTER_ERROR_MS;
  }
  shown.entries.forEach((entry, i) => { entry.color = entry.key.startsWith('animal') ? `--animal-${i % COLORS}` : '--none'; });
  if (shown.entries.length === 0) {
    say('No fixes yet. As soon as a station hears a collar and its records are stored, its animal appears here.', 'No animals yet');
    setState('empty');
    return AFTER_ERROR_MS;
  }
  say(noMap);
  show(shown.entries, !noMap, (entry) => fit([entry]));
  draw();
  if (first) fit(shown.entries);
  if (map) await map.once('idle');
  setState(noMap ? 'no-map' : 'ready');
  return AGAIN_MS;
}

async function main() {
  bindControls();
  const noMap = await makeMap();
  for (;;) {
    const wait_ms = await refresh(noMap);
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
  }
}

main();
