// The panel: the same as the map in words, by keyboard and for screen readers.

import {interval} from '/static/data.js';
import {area, areas, count, methodName, period, time, users, width} from '/static/format.js';
import {LEVEL_OPACITY} from '/static/layers.js';

const element = (id) => document.getElementById(id);

export function cell(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  made.append(text);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

function swatch(color) {
  const template = document.createElement('template');
  template.innerHTML = '<svg viewBox="0 0 12 12" aria-hidden="true"><circle cx="6" cy="6" r="5.5"/></svg>';
  const svg = template.content.firstChild;
  svg.style.fill = color;
  return svg;
}

function row(entry, onChoose) {
  const made = document.createElement('tr');
  const name = cell('th', '', {scope: 'row'});
  const button = cell('button', swatch(`var(${entry.color})`), {type: 'button', class: 'animal'});
  button.append(entry.name);
  button.addEventListener('click', () => onChoose(entry));
  name.append(button);
  if (entry.taxon) name.append(cell('span', entry.taxon, {class: 'taxon'}));
  const last = cell('time', time(entry.to), {datetime: entry.to.toISOString()});
  made.append(
    name,
    cell('td', fixes(entry), {class: 'number'}),
    cell('td', last),
    rangeCell(entry.range),
  );
  return made;
}

function rangeCell(range) {
  const made = cell('td', range ? area(range.area_km2) : '–', {class: 'number'});
  const ends = range && interval(range);
  if (ends) made.append(cell('span', areas(ends), {class: 'interval'}));
  return made;
}

function levelRow({geometry, properties}, rank, onChoose) {
  const made = document.createElement('tr');
  const name = cell('th', '', {scope: 'row'});
  const key = swatch('var(--corridor)');
  key.style.fillOpacity = 1 - (1 - LEVEL_OPACITY) ** (rank + 1);
  key.style.stroke = 'var(--corridor)';
  const words = users(properties);
  if (geometry) {
    const button = cell('button', key, {type: 'button', class: 'animal'});
    button.append(words[0].toUpperCase() + words.slice(1));
    button.addEventListener('click', () => onChoose(geometry));
    name.append(button);
  } else {
    name.append(`${words[0].toUpperCase()}${words.slice(1)}: no land`);
  }
  const {width_median_m: usual, width_narrowest_m: narrowest, width_bottleneck_lon_lat: neck} = properties;
  const last = cell('td', '', {class: 'number'});
  if (neck) {
    const button = cell('button', width(narrowest), {type: 'button', class: 'place', title: 'Show the narrowest place'});
    button.addEventListener('click', () => onChoose({type: 'Point', coordinates: neck}));
    last.append(button);
  } else {
    last.append('–');
  }
  made.append(
    name,
    cell('td', geometry ? area(properties.area_km2) : '–', {class: 'number'}),
    cell('td', usual === null ? '–' : width(usual), {class: 'number'}),
    last,
  );
  return made;
}

function showCorridors(levels, onChoose) {
  element('corridors').hidden = levels.length === 0;
  element('no-corridor').hidden = levels.length > 0;
  const box = element('show-corridor');
  if (box.disabled !== (levels.length === 0)) {  // else people have set it
    box.disabled = levels.length === 0;
    box.checked = levels.length > 0;
  }
  if (!levels.length) return;
  const {herd, from_time, to_time} = levels[0].properties;
  element('herd').textContent = `of ${count(herd.length, 'animal', 'animals')}, ${period(new Date(from_time), new Date(to_time))}`;
  element('levels').replaceChildren(...levels.map((level, rank) => levelRow(level, rank, onChoose)));
}

/** Which method the ranges are by; a choice where there are several. */
function showMethod({methods, method}) {
  element('method').hidden = !method;
  if (!method) return;
  element('methods').hidden = methods.length < 2;
  element('method-name').textContent = methods.length < 2 ? `Home ranges by: ${methodName(method)}` : 'Home ranges by';
  element('methods').replaceChildren(...methods.map((one) => new Option(methodName(one), one.method, false, one === method)));
}

function fixes({fixes: number, complete}) {
  if (number === undefined) return '–';
  return number.toLocaleString('en-GB') + (complete ? '' : '+');
}

/** Fill the panel; the controls of the map only where there is one. */
export function show(shown, hasMap, fitTo) {
  const {entries} = shown;
  const sum = entries.reduce((total, entry) => total + (entry.fixes ?? 0), 0);
  const from = Math.min(...entries.map((entry) => entry.from));
  const to = Math.max(...entries.map((entry) => entry.to));
  const animals = entries.filter(({animal}) => animal).length;
  const known = shown.large ? [] : [count(sum, 'fix', 'fixes')];  // of a large herd nobody counts them
  element('summary').textContent = [count(animals, 'animal', 'animals'), ...known, period(from, to)].join(', ');
  element('animals').replaceChildren(...entries.map((entry) => row(entry, ({geometries}) => fitTo(geometries))));
  showCorridors(shown.corridors, (geometry) => fitTo([geometry]));
  showMethod(shown);
  element('list').hidden = false;
  for (const id of ['layers', 'fit']) element(id).hidden = !hasMap;
}

export function say(message, summary) {
  element('message').textContent = message ?? '';
  element('message').hidden = !message;
  if (summary) element('summary').textContent = summary;
}
