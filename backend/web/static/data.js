// What the page shows, asked of the API and put together per animal.

async function get(path) {
  let response;
  try {
    response = await fetch(`/api/v1/${path}`);
  } catch {
    throw new Error('The service does not answer. This page keeps trying.');
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(`${problem.title ?? response.statusText}: ${problem.detail ?? response.status}`);
  }
  return (await response.json()).features;
}

/** Tracks, latest positions and home ranges; and one entry per animal, or collar on no animal, seen so far. */
export async function load() {
  const [tracks, latest, ranges] = await Promise.all([get('tracks'), get('latest'), get('home-ranges')]);
  const entries = tracks.filter(({properties}) => properties.fixes > 0).map(({properties, geometry}) => ({
    key: `animal ${properties.animal}`,
    name: properties.name,
    taxon: properties.taxon,
    fixes: properties.fixes,
    complete: properties.complete,
    from: new Date(properties.from_time),
    to: new Date(properties.to_time),
    area_km2: ranges.find((range) => range.properties.animal === properties.animal
      && range.properties.level_percent === 95)?.properties.area_km2,
    geometries: geometry ? [geometry] : [],
  }));
  for (const {properties, geometry} of latest) {
    const at = new Date(properties.recorded_at);
    let entry = entries.find(({key}) => key === `animal ${properties.animal}`);
    if (!entry) {
      entry = {key: `collar ${properties.collar}`, name: `Collar ${properties.collar}`, taxon: null, from: at, to: at, geometries: []};
      entries.push(entry);
    }
    entry.geometries.push(geometry);
  }
  for (const {properties, geometry} of ranges) {
    entries.find(({key}) => key === `animal ${properties.animal}`)?.geometries.push(geometry);
  }
  return {entries, tracks, latest, ranges};
}

/** Corners [west, south, east, north] around GeoJSON geometries; null around none. */
export function bounds(geometries) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  const visit = (coordinates) => {
    if (typeof coordinates[0] === 'number') {
      const [lon, lat] = coordinates;
      box[0] = Math.min(box[0], lon);
      box[1] = Math.min(box[1], lat);
      box[2] = Math.max(box[2], lon);
      box[3] = Math.max(box[3], lat);
    } else {
      coordinates.forEach(visit);
    }
  };
  geometries.forEach(({coordinates}) => visit(coordinates));
  return box[0] <= box[2] ? box : null;
}
