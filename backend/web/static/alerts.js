// Alerts that last, or began in the last day: a list by keyboard, each a way to its fixes on the map.

import {ask} from '/static/data.js';
import {time} from '/static/format.js';
import {cell} from '/static/panel.js';

const DAY_MS = 86_400_000;
const MOST = 200;
const WORDS = {
  fence: 'Fence', mortality: 'Mortality', immobility: 'Immobility', 'low-speed': 'Low speed', proximity: 'Proximity',
  silence: 'Silence', 'low-energy': 'Low energy', 'station-down': 'Station down',
};
const section = document.getElementById('alerts');
const list = document.getElementById('alert-list');
const news = document.getElementById('alert-news');
let told = null;  // numbers of the alerts that were shown before

/** Alerts that last and those of the last day, the newest first. */
export async function loadAlerts() {
  const since = new Date(Date.now() - DAY_MS).toISOString();
  const pages = await Promise.all(['lasting=true', `from=${since}`].map((which) => ask(`alerts?${which}&limit=10000`)));
  const found = new Map(pages.flatMap(({alerts}) => alerts).map((alert) => [alert.alert, alert]));
  return [...found.values()].sort((a, b) => (a.began_at < b.began_at ? 1 : -1)).slice(0, MOST);
}

/** What an alert is, and of whom, in words. */
export function alertWords(alert, names) {
  const whom = alert.animal !== null ? names.get(alert.animal) ?? `Animal ${alert.animal}`
    : alert.station ?? (alert.collar !== null ? `Collar ${alert.collar}` : '');
  const when = alert.ended_at ? `${time(new Date(alert.began_at))} to ${time(new Date(alert.ended_at))}` : `since ${time(new Date(alert.began_at))}`;
  return {what: WORDS[alert.kind] ?? alert.kind, whom, when: `${when} UTC`};
}

/** Positions an alert was concluded from; of a station its place. */
export async function causeOf(alert) {
  if (alert.fixes.length) return Promise.all(alert.fixes.map((fix) => ask(`fixes/${fix}`)));
  if (!alert.station) return [];
  const {lon, lat} = await ask(`stations/${encodeURIComponent(alert.station)}`);
  return lon === null ? [] : [{type: 'Feature', geometry: {type: 'Point', coordinates: [lon, lat]}, properties: {}}];
}

function row(alert, names, onChoose) {
  const {what, whom, when} = alertWords(alert, names);
  const button = cell('button', '', {type: 'button', class: alert.ended_at ? 'alert over' : 'alert'});
  button.append(cell('span', what, {class: 'what'}), cell('span', whom), cell('span', alert.ended_at ? `${when}` : when, {class: 'when'}));
  button.addEventListener('click', () => onChoose(alert));
  const made = document.createElement('li');
  made.append(button);
  return made;
}

/** Fill the list; what came since the last time is announced. */
export function showAlerts(alerts, names, onChoose) {
  section.hidden = alerts.length === 0;
  const open = alerts.filter(({ended_at}) => !ended_at).length;
  document.getElementById('alert-count').textContent = open === alerts.length ? `${open}` : `${open} open, ${alerts.length - open} over`;
  const at = [...list.querySelectorAll('button')].indexOf(document.activeElement);
  list.replaceChildren(...alerts.map((alert) => row(alert, names, onChoose)));
  if (at >= 0) list.querySelectorAll('button')[Math.min(at, alerts.length - 1)]?.focus();
  const fresh = told && alerts.filter(({alert}) => !told.has(alert)).map((alert) => alertWords(alert, names));
  if (fresh?.length) news.textContent = `New alert: ${fresh.map(({what, whom}) => `${what}, ${whom}`).join('; ')}`;
  told = new Set(alerts.map(({alert}) => alert));
}
