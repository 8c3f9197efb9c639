// The statistics of one timer as they come in a reply: unknown input, turned into what the page counts on.
import { claimOutcomes, percentiles, skipReasons, timerFields } from './fields.js';
import { amount, plain } from './text.js';

// Texts of which so many characters are shown; else as many as plain() leaves.
const longest = { method_name: 120, last_lateness_cause: 40, last_blocked_by: 120 };
const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
const amounts = (names) => (raw) => Object.fromEntries(names.map((name) => [camel(name), amount(raw?.[name])]));

const readers = {
  text: (raw, name) => plain(raw, longest[name]),
  flag: (raw) => raw === true,
  number: (raw) => amount(raw),
  time: (raw) => amount(raw, null),
  skipped: amounts(skipReasons),
  claims: amounts(claimOutcomes),
  percentiles: amounts(percentiles),
};

/** All of timerFields, with names as JavaScript has them: `error_count` is errorCount. */
export function readTimer(raw) {
  const timer = {};
  for (const [name, kind] of Object.entries(timerFields)) timer[camel(name)] = readers[kind](raw[name], name);
  timer.name = raw.name; // as it is: requests carry it
  timer.label = plain(raw.name, 120);
  return timer;
}

/** Runs that have ended, however. */
export const finished = (timer) => timer.successCount + timer.errorCount + timer.cancelledCount;

/** One word for how it stands, the most pressing first. */
export function condition(timer) {
  if (timer.isOverdue) return 'overdue';
  if (timer.isPaused) return 'paused';
  if (!timer.isRunning) return 'stopped';
  if (timer.consecutiveErrors > 0) return 'failing';
  return 'on schedule';
}
