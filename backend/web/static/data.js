// What the page shows, asked of the API and put together per animal.

/** What the API answers to a request that may change something. */
export async function send(method, path, body, headers = {}) {
  let response;
  const kind = body ? {'Content-Type': 'application/json'} : {};
  try {
    response = await fetch(`/api/v1/${path}`, {method, headers: {...kind, ...headers}, body: body && JSON.stringify(body)});
  } catch {
    throw new Error('The service does not answer. This page keeps trying.');
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Error(`${problem.title ?? response.statusText}: ${problem.detail ?? response.status}`);
  }
  return response.json();
}

export async function ask(path) {
  return send('GET', path);
}

const LARGE = 50;  // animals: of more the map asks for tiles, not for whole tracks

/** Everything of a list, over all its pages. */
async function get(path, member = 'features') {
  const found = [];
  for (let at = path; at;) {
    const {[member]: some, links} = await ask(at);
    found.push(...some);
    const onward = links.find(({rel}) => rel === 'next');
    at = onward && path.split('?')[0] + new URL(onward.href).search;
  }
  return found;
}

/**
 * Tracks, latest positions, home ranges by one method and the newest corridors; and one entry per
 * animal, or collar on no animal, seen so far. Of a large herd no tracks: the map has tiles of them.
 *
 * The method is the one asked for, else the one most animals have a range by, else the newest.
 */
export async function load(wantedMethod) {
  const animals = await get('animals', 'animals');
  const large = animals.length > LARGE;
  const [tracks, latest, allRanges, corridors] = await Promise.all(
    [large ? [] : get('tracks'), get('latest'), get('home-ranges'), ask('corridors?limit=1').then(({features}) => features)],
  );
  const methods = methodsOf(allRanges);
  const method = methods.find((one) => one.method === wantedMethod) ?? methods[0] ?? null;
  const ranges = allRanges.filter(({properties}) => properties.method === method?.method);
  const taxa = new Map(animals.map(({animal, taxon}) => [animal, taxon]));
  const range95 = new Map(ranges.filter(({properties}) => properties.level_percent === 95)
    .map(({properties}) => [properties.animal, properties]));
  const known = ({animal, name}) => ({key: `animal ${animal}`, animal, name, taxon: taxa.get(animal), range: range95.get(animal)});
  const entries = tracks.filter(({properties}) => properties.fixes > 0).map(({properties, geometry}) => ({
    ...known(properties),
    fixes: properties.fixes,
    complete: properties.complete,
    from: new Date(properties.from_time),
    to: new Date(properties.to_time),
    geometries: geometry ? [geometry] : [],
  }));
  const byAnimal = new Map(entries.map((entry) => [entry.animal, entry]));
  for (const {properties, geometry} of latest) {
    const at = new Date(properties.recorded_at);
    let entry = byAnimal.get(properties.animal);
    if (!entry) {
      const whose = taxa.has(properties.animal) ? known(properties)
        : {key: `collar ${properties.collar}`, name: `Collar ${properties.collar}`, taxon: null};
      entry = {...whose, from: at, to: at, geometries: []};
      entries.push(entry);
      if (entry.animal) byAnimal.set(entry.animal, entry);
    }
    if (at > entry.to) entry.to = at;
    entry.geometries.push(geometry);
  }
  for (const {properties, geometry} of ranges) {
    byAnimal.get(properties.animal)?.geometries.push(geometry);
  }
  return {entries, animals, large, tracks, latest, ranges, methods, method, corridors};
}

/** Methods that any range was made by, the one of most animals first, then the newest. */
function methodsOf(ranges) {
  const found = new Map();
  for (const {properties: {method, about, animal, computed_at}} of ranges) {
    const one = found.get(method) ?? {method, about, animals: new Set(), newest: ''};
    one.animals.add(animal);
    if (computed_at > one.newest) one.newest = computed_at;
    found.set(method, one);
  }
  return [...found.values()].sort((a, b) => b.animals.size - a.animals.size || (a.newest < b.newest ? 1 : -1));
}

/** Confidence interval of a range's area [km²], where its method knows one. */
export function interval({level_percent, parameters}) {
  return parameters.area_intervals_km2?.[level_percent];
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
