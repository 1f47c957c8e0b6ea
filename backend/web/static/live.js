// Word from the service as things happen: fixes, alerts, computations that are over.

const SOON_MS = 300;
const FIXES_EVERY_MS = 10_000;  // a herd's fixes come one by one
let source = null;
let timer = null;
let next = Infinity;

/** Call `alerted` on an alert, and `changed` soon after anything else; begun anew by every call. */
export function listen(changed, alerted) {
  source?.close();
  source = new EventSource('/api/v1/stream');
  const within = (wait_ms) => () => {
    const due = performance.now() + wait_ms;
    if (due >= next) return;
    clearTimeout(timer);
    next = due;
    timer = setTimeout(() => { next = Infinity; changed(); }, wait_ms);
  };
  source.addEventListener('fix', within(FIXES_EVERY_MS));
  source.addEventListener('analysis', within(SOON_MS));
  source.addEventListener('alert', alerted);
}
