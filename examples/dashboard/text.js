// Text and numbers from outside are made harmless here, and readable.

// Control characters, and those that reorder or hide what stands around them.
const invisible = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

/** A text of a service, for textContent: no longer than `most`, with what cannot be seen written out. */
export function plain(value, most = 400) {
  if (typeof value !== 'string') return '';
  const cut = value.length > most ? `${value.slice(0, most)}…` : value;
  return cut.replace(invisible, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A finite number that is not negative, or `otherwise`. */
export function amount(value, otherwise = 0) {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : otherwise;
}

const grouped = new Intl.NumberFormat('en');
export const count = (value) => grouped.format(value);

/** `one` is for a count of 1: plural(2, 'run') is "2 runs". */
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

const units = [
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
  [1, 's'],
  [1e-3, 'ms'],
  [1e-6, 'µs'],
  [1e-9, 'ns'],
];

/** Seconds as "1.25 ms", with up to three digits that mean something. */
export function duration(seconds) {
  const value = Math.abs(seconds);
  if (value < 5e-10) return '0';
  if (value >= 36500 * 86400) return 'over 100 years';
  // 59.96 s rounds to 1 min, not to 60 s.
  const [size, unit] = units.find(([size]) => value >= size * (size < 60 ? 0.9995 : 0.99995)) ?? units.at(-1);
  const scaled = value / size;
  const digits = size >= 60 ? (Number.isInteger(scaled) ? 0 : 1) : scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${seconds < 0 ? '−' : ''}${Number(scaled.toFixed(digits))} ${unit}`;
}

/** A waiting time for people: "in 3 s", without digits that would only flicker. */
export function roughly(seconds) {
  if (seconds < 10) return `${Math.max(0, seconds).toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
/** "09:30:00" today, else "2026-03-29 09:30:00". */
export function dayAndTime(seconds) {
  const date = new Date(seconds * 1000);
  const isToday = date.toDateString() === new Date().toDateString();
  return `${isToday ? '' : `${date.toLocaleDateString('en-CA')} `}${timeOfDay(seconds)}`;
}
export const timeOfDay = (seconds) => clock.format(new Date(seconds * 1000));
export const preciseTime = (seconds) =>
  `${timeOfDay(Math.floor(seconds))}.${String(Math.floor((seconds % 1) * 1000)).padStart(3, '0')}`;
