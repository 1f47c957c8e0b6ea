// Computations: ask for a home range, see how far it is, stop it.

import {ask, send} from '/static/data.js';
import {methodName} from '/static/format.js';
import {cell} from '/static/panel.js';

const AGAIN_MS = 1000;
const NAMES = {'home-range': 'Home range', overlap: 'Overlap', corridor: 'Corridors'};
const section = document.getElementById('computing');
const list = document.getElementById('analysis-list');
const form = document.getElementById('compute');
const said = document.getElementById('computed');
const mine = new Set();  // that this page saw under way
let names = new Map();
let timer = null;
let done = () => {};

/** Let people compute; `changed` is called when a result has come. */
export function bindAnalyses(changed) {
  done = changed;
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    said.textContent = '';
    const {animal, method} = form.elements;
    try {
      const answer = await send('POST', 'home-ranges', {animal: Number(animal.value), method: method.value}, {Prefer: 'wait=1'});
      if (answer.analysis) look();
      else changed();
      if (!answer.analysis) said.textContent = `Home range of ${names.get(Number(animal.value))} is there.`;
    } catch (error) {
      said.textContent = error.message;
    }
  });
}

/** Show the form to those who may compute, and what is under way. */
export async function showAnalyses(animals, works) {
  section.hidden = !works || animals.length === 0;
  if (section.hidden) return;
  names = new Map(animals.map(({animal, name}) => [animal, name]));
  choose(form.elements.animal, animals.map(({animal, name}) => [animal, name]));
  if (!form.elements.method.length) choose(form.elements.method, await methods());
  await look();
}

function choose(select, options) {
  const before = select.value;
  select.replaceChildren(...options.map(([value, text]) => new Option(text, value)));
  if (options.some(([value]) => `${value}` === before)) select.value = before;
}

/** Names and words of the methods, the default one first, out of the API's own description. */
async function methods() {
  const {method} = (await ask('openapi.json')).components.schemas.HomeRangeRequest.properties;
  const words = Object.fromEntries(method.description.split('; ').map((one) => one.split(/: (.*)/s)));
  const known = method.enum.map((name) => [name, methodName({about: words[name] ?? name})]);
  return known.sort(([a], [b]) => (b === method.default) - (a === method.default));
}

async function look() {
  clearTimeout(timer);
  let found;
  try {
    found = (await ask('analyses?limit=100')).analyses;
  } catch {
    return;  // the page's own round says so
  }
  const busy = found.filter(({state}) => state === 'queued' || state === 'running');
  for (const {analysis, state, error} of found) {
    if (!mine.has(analysis) || state === 'queued' || state === 'running') continue;
    mine.delete(analysis);
    said.textContent = {done: 'Computed.', failed: error?.detail, cancelled: 'Cancelled.'}[state];
    if (state === 'done') done();
  }
  for (const {analysis} of busy) mine.add(analysis);
  show(busy);
  if (busy.length) timer = setTimeout(look, AGAIN_MS);
}

function show(busy) {
  const rows = new Map([...list.children].map((row) => [Number(row.dataset.analysis), row]));
  for (const one of busy) {
    const row = rows.get(one.analysis) ?? list.appendChild(make(one));
    rows.delete(one.analysis);
    row.querySelector('progress').value = one.progress;
    const share = `${Math.round(100 * one.progress)} %`;
    row.querySelector('.step').textContent = one.state === 'queued' ? 'waits for its turn' : [share, one.step].filter(Boolean).join(', ');
  }
  for (const row of rows.values()) row.remove();
}

function make({analysis, kind, animals}) {
  const whose = animals.length > 3 ? `${animals.length} animals` : animals.map((animal) => names.get(animal) ?? `animal ${animal}`).join(', ');
  const name = `${NAMES[kind]} of ${whose}`;
  const row = cell('li', cell('span', name, {class: 'what'}), {'data-analysis': analysis});
  const button = cell('button', 'Cancel', {type: 'button', 'aria-label': `Cancel: ${name}`});
  button.addEventListener('click', async () => {
    button.disabled = true;
    await send('DELETE', `analyses/${analysis}`).catch(() => null);  // it is over: the list says so
    form.querySelector('button').focus();  // its own goes away
    look();
  });
  row.append(button, cell('progress', '', {max: 1, value: 0, 'aria-label': name}), cell('span', '', {class: 'step'}));
  return row;
}
