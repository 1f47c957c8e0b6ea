// Numbers and times as people read them. All times are UTC, and say so where they stand alone.

const day = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC'});
const clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', timeZone: 'UTC'});

export function time(date) {
  return `${day.format(date)}, ${clock.format(date)}`;
}

export function period(from, to) {
  const [first, last] = [day.format(from), day.format(to)];
  return first === last ? first : `${first} to ${last}`;
}

export function count(number, one, many) {
  return `${number.toLocaleString('en-GB')} ${number === 1 ? one : many}`;
}

/** Three significant digits: an area of a few fixes is not known better. */
export function area(km2) {
  const digits = km2 >= 100 ? 0 : km2 >= 10 ? 1 : 2;
  return km2.toLocaleString('en-GB', {minimumFractionDigits: digits, maximumFractionDigits: digits});
}

/** Metres to two significant digits: a width is no surveyed line. */
export function width(metres) {
  return Number(metres.toPrecision(2)).toLocaleString('en-GB');
}

/** How many animals use land of a level, in words. */
export function users({animals, herd}) {
  return animals === herd.length ? `all ${animals}` : `${animals} or more`;
}

/** Both ends of an interval of areas [km²]. */
export function areas([low, high]) {
  return `${area(low)}–${area(high)}`;
}

/** The part of a method's description that names it. */
export function methodName({about}) {
  const name = about.split(':')[0];
  return name[0].toUpperCase() + name.slice(1);
}
