// The page: asks the API, fills the panel, draws the map. Nothing here leads off this machine.

import {alertWords, causeOf, loadAlerts, showAlerts} from '/static/alerts.js';
import {bindAnalyses, showAnalyses} from '/static/analyses.js';
import {bounds, interval, load} from '/static/data.js';
import {area, areas, count, methodName, period, time, users, width} from '/static/format.js';
import {CLICKABLE, COLORS, GROUPS, RANGE_OPACITY, color, emptyStyle, graticule, showTiles} from '/static/layers.js';
import {listen} from '/static/live.js';
import {say, show} from '/static/panel.js';
import {bindSession, identify} from '/static/session.js';

const AGAIN_MS = 60_000;
const AFTER_ERROR_MS = 5_000;

let shown = {entries: [], animals: [], large: false, tracks: [], latest: [], ranges: [], methods: [], method: null, corridors: []};
let map = null;
let maplibregl = null;
let popup = null;
let noMap = null;
let cause = [];
let wantedMethod;

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
      const {recorded_at_s, parameters, ...properties} = feature.properties;
      return {...feature, properties: {...properties, id: feature.id, color: color(entry?.color ?? '--none'), label: entry?.name ?? ''}};
    }),
  });
  map.getSource('corridors').setData(corridorFeatures());
  map.getSource('ranges').setData(colored(shown.ranges));
  const animals = new Set(shown.ranges.map(({properties}) => properties.animal)).size;
  for (const [layer, opacity] of Object.entries(RANGE_OPACITY)) {
    map.setPaintProperty(layer, 'fill-opacity', opacity / Math.max(1, Math.sqrt(animals / 2)));  // many lie on each other
  }
  map.getSource('tracks').setData(colored(shown.tracks));
  if (shown.large) showTiles(map);
  map.getSource('latest').setData(colored(shown.latest));
  map.getSource('cause').setData({type: 'FeatureCollection', features: cause});
}

/** Land of each level, and the narrowest place of the innermost that has one. */
function corridorFeatures() {
  const features = shown.corridors
    .map((feature, rank) => ({...feature, properties: {rank}}))
    .filter(({geometry}) => geometry);
  const level = shown.corridors.findLast(({properties}) => properties.width_bottleneck_lon_lat);
  if (level) {
    const {width_bottleneck_lon_lat: coordinates, width_narrowest_m: narrowest} = level.properties;
    const rank = shown.corridors.indexOf(level);
    features.push({type: 'Feature', geometry: {type: 'Point', coordinates}, properties: {label: `narrowest ${width(narrowest)} m`, rank}});
  }
  return {type: 'FeatureCollection', features};
}

function everything() {
  return [...shown.entries.flatMap(({geometries}) => geometries), ...shown.corridors.map(({geometry}) => geometry).filter(Boolean)];
}

function fit(geometries) {
  const box = bounds(geometries);
  if (!map || !box) return;
  const still = matchMedia('(prefers-reduced-motion: reduce)').matches;
  map.fitBounds(box, {padding: 70, maxZoom: 15, animate: !still && document.body.dataset.state === 'ready', duration: 600});
}

function featureAt(point) {
  const around = [[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]];
  const found = map.queryRenderedFeatures(around, {layers: CLICKABLE.filter((id) => map.getLayer(id))});
  return CLICKABLE.map((id) => found.find(({layer}) => layer.id === id)).find(Boolean);
}

/** Places and times [s] of an animal's fixes; of a large herd those on the tiles that are there. */
function fixesOf(animal) {
  if (shown.large) {
    const filter = ['==', ['get', 'animal'], animal];
    return map.querySourceFeatures('tiles', {sourceLayer: 'fixes', filter})
      .map(({geometry, properties}) => [geometry.coordinates, properties.recorded_at_s]);
  }
  const {geometry, properties} = shown.tracks.find((track) => track.properties.animal === animal);
  if (geometry.type !== 'LineString') return [];
  return geometry.coordinates.map((position, i) => [position, properties.recorded_at_s[i]]);
}

/** The fix of an animal nearest to a point of the screen. */
function nearestFix(animal, point) {
  let nearest = null;
  for (const [position, at_s] of fixesOf(animal)) {
    const at = map.project(position);
    const distance = Math.hypot(at.x - point.x, at.y - point.y);
    if (!nearest || distance < nearest.distance) nearest = {distance, position, at: new Date(at_s * 1000)};
  }
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
  if (feature.layer.id.endsWith('track') || feature.layer.id === 'tile-fix') {
    const fix = nearestFix(properties.animal, point);
    return fix ? {lines: [`Was here ${time(fix.at)} UTC`], position: fix.position} : {lines: ['Track']};
  }
  if (feature.layer.id.startsWith('corridor')) return describeCorridor(feature);
  const range = shown.ranges.find(({id}) => id === properties.id).properties;
  const {parameters} = range;
  const lines = [`Home range, ${range.level_percent} % of use: ${area(range.area_km2)} km²`];
  const ends = interval(range);
  if (ends) lines.push(`95 % interval of the area: ${areas(ends)} km²`);
  const size = parameters.effective_size;
  const enough = size ? `, worth ${count(Number(size.toPrecision(2)), 'independent one', 'independent ones')}` : '';
  lines.push(`${methodName(range)}, ${count(range.fixes, 'fix', 'fixes')}${enough}`, ...(parameters.warnings ?? []));
  return {lines};
}

function describeCorridor({geometry, properties}) {
  const level = shown.corridors[properties.rank].properties;
  const words = `Land of ${users(level)} of the animals`;
  const lines = geometry.type === 'Point'
    ? [`${words} is narrowest here: ${width(level.width_narrowest_m)} m`]
    : [`${words}: ${area(level.area_km2)} km²`];
  if (geometry.type !== 'Point' && level.width_median_m !== null) {
    lines.push(`${width(level.width_narrowest_m)} to ${width(level.width_widest_m)} m wide, usually ${width(level.width_median_m)} m`);
  }
  const when = period(new Date(level.from_time), new Date(level.to_time));
  lines.push(`${count(level.herd.length, 'animal', 'animals')}, ${count(level.fixes, 'fix', 'fixes')}, ${when}`, ...level.parameters.warnings);
  return {lines, title: 'Corridor', position: geometry.type === 'Point' ? geometry.coordinates : undefined};
}

function onClick({point, lngLat}) {
  const feature = featureAt(point);
  if (!feature) return;
  const {lines, position, title} = describe(feature, point);
  tell(title ?? feature.properties.label ?? animalNames().get(feature.properties.animal), lines, position ?? lngLat);
}

function tell(title, lines, place, options = {}) {
  const content = document.createElement('div');
  content.className = 'popup';
  for (const [tag, text] of [['h2', title], ...lines.map((line) => ['p', line])]) {
    content.append(Object.assign(document.createElement(tag), {textContent: text}));
  }
  popup?.remove();
  popup = new maplibregl.Popup({maxWidth: '20rem', ...options}).setLngLat(place).setDOMContent(content).addTo(map);
}

/** Lead to the fixes an alert was concluded from; the focus stays in the list. */
async function showCause(alert) {
  try {
    cause = await causeOf(alert);
  } catch (error) {
    say(error.message);
    return;
  }
  if (!map || !cause.length) return;
  draw();
  const places = cause.map(({geometry}) => geometry);
  fit(places);
  const {what, whom, when} = alertWords(alert, animalNames());
  tell(`${what}: ${whom}`, [when], places.at(-1).coordinates, {focusAfterOpen: false, offset: 14});
  popup.on('close', () => { cause = []; draw(); });
}

function animalNames() {
  return new Map(shown.animals.map(({animal, name}) => [animal, name]));
}

async function refreshAlerts() {
  showAlerts(await loadAlerts(), animalNames(), showCause);
}

function bindControls() {
  bindSession(async () => { await refresh(); fit(everything()); listenAgain(); }, say);
  bindAnalyses(refresh);
  document.getElementById('fit').addEventListener('click', () => fit(everything()));
  document.addEventListener('keydown', ({key}) => { if (key === 'Escape') popup?.remove(); });
  document.getElementById('layers').addEventListener('change', applyVisibility);
  document.getElementById('methods').addEventListener('change', ({target}) => { wantedMethod = target.value; refresh(); });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    map?.setStyle(emptyStyle(), {diff: false});
    map?.once('styledata', () => { drawGraticule(); draw(); applyVisibility(); });
  });
}

function applyVisibility() {
  for (const [id, layers] of Object.entries(GROUPS)) {
    const visibility = document.getElementById(id).checked ? 'visible' : 'none';
    for (const layer of layers) if (map?.getLayer(layer)) map.setLayoutProperty(layer, 'visibility', visibility);
  }
}

async function refresh() {
  const first = shown.entries.length === 0;
  let known;
  let works;
  try {
    ({known, works} = await identify());
    shown = await load(wantedMethod);
    await refreshAlerts();
    await showAnalyses(shown.animals, works);
  } catch (error) {
    say(error.message, first ? 'No data' : undefined);
    if (first) setState('error');
    return AFTER_ERROR_MS;
  }
  shown.entries.forEach((entry, i) => { entry.color = entry.animal ? `--animal-${(shown.large ? entry.animal : i) % COLORS}` : '--none'; });
  if (shown.entries.length === 0) {
    if (!known) say('What is here is not for everybody to see: sign in with a key.', 'Nobody is signed in');
    else say('No fixes yet. As soon as a station hears a collar and its records are stored, its animal appears here.', 'No animals yet');
    setState('empty');
    return AFTER_ERROR_MS;
  }
  say(noMap);
  show(shown, !noMap, fit);
  draw();
  applyVisibility();
  if (first) fit(everything());
  if (map) await map.once('idle');
  setState(noMap ? 'no-map' : 'ready');
  return AGAIN_MS;
}

function listenAgain() {
  listen(refresh, () => refreshAlerts().catch(() => null));  // away: the next round says so
}

async function main() {
  bindControls();
  noMap = await makeMap();
  await identify().catch(() => null);  // else the stream would not know who listens
  listenAgain();
  for (;;) {
    const wait_ms = await refresh();
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
  }
}

main();
