// The panel: the same as the map in words, by keyboard and for screen readers.

import {area, count, period, time} from '/static/format.js';

const element = (id) => document.getElementById(id);

function cell(tag, text, attributes = {}) {
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
    cell('td', entry.area_km2 === undefined ? '–' : area(entry.area_km2), {class: 'number'}),
  );
  return made;
}

function fixes({fixes: number, complete}) {
  if (number === undefined) return '–';
  return number.toLocaleString('en-GB') + (complete ? '' : '+');
}

/** Fill the panel; the controls of the map only where there is one. */
export function show(entries, hasMap, onChoose) {
  const sum = entries.reduce((total, entry) => total + (entry.fixes ?? 0), 0);
  const from = Math.min(...entries.map((entry) => entry.from));
  const to = Math.max(...entries.map((entry) => entry.to));
  const animals = entries.filter(({key}) => key.startsWith('animal')).length;
  element('summary').textContent =
    `${count(animals, 'animal', 'animals')}, ${count(sum, 'fix', 'fixes')}, ${period(from, to)}`;
  element('animals').replaceChildren(...entries.map((entry) => row(entry, onChoose)));
  element('list').hidden = false;
  for (const id of ['layers', 'fit']) element(id).hidden = !hasMap;
}

export function say(message, summary) {
  element('message').textContent = message ?? '';
  element('message').hidden = !message;
  if (summary) element('summary').textContent = summary;
}
