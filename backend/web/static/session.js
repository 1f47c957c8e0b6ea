// Who looks at the page: the ticket of a one-time link, or a key typed in, becomes a session.

const form = document.getElementById('sign-in');
const out = document.getElementById('sign-out');
const who = document.getElementById('who');

let pending = new URLSearchParams(location.hash.slice(1)).get('ticket');
if (pending) history.replaceState(null, '', location.pathname);  // it works once: not to be kept or passed on

async function ask(method, body) {
  const headers = body ? {'Content-Type': 'application/json'} : {};
  return fetch('/api/v1/session', {method, headers, body: body && JSON.stringify(body)});
}

const WORKERS = ['admin', 'operator', 'ecologist'];

/** Sign in where a ticket waits, and say who looks: whether anybody is known, and may compute. */
export async function identify() {
  if (pending) {
    const response = await ask('POST', {key: pending});
    if (response.status < 500) pending = null;  // else the service is away: try again
  }
  const response = await ask('GET');
  if (!response.ok) return {known: true, works: false};  // whatever it is, the data's own answer says it
  const {actor, account, roles, scopes} = await response.json();
  form.hidden = account !== null;
  out.hidden = account === null;
  who.hidden = account === null;
  who.textContent = account === null ? '' : `Signed in: ${actor.split(' #')[0]}`;
  const works = scopes.includes('write') && roles.some(({role}) => WORKERS.includes(role));
  return {known: account !== null, works: account !== null && works};
}

/** Call `changed` whenever somebody signs in or out; `say` tells why it failed. */
export function bindSession(changed, say) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const response = await ask('POST', {key: form.elements.key.value.trim()}).catch(() => null);
    form.reset();
    if (response?.ok) changed();
    else say('This key is not good here: expected one that begins with capra_, neither expired nor revoked.');
  });
  out.addEventListener('click', async () => {
    await ask('DELETE').catch(() => null);
    location.reload();
  });
}
