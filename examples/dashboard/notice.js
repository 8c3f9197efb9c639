// What is wrong as a whole, in words: the broker is away, nobody answers, something is not allowed.
import { plain, plural, roughly, timeOfDay } from './text.js';
import { write } from './timer_view.js';

const box = document.getElementById('notice');
const title = document.getElementById('notice-title');
const body = document.getElementById('notice-text');
const retry = document.getElementById('retry');

/** `denied`: what the server refused, if it did. `isAnswered`: whether a question has been answered or timed out. */
export function problem({ broker, fleet, denied, isAnswered }) {
  const values = fleet.instances.size > 0 ? ' What is shown below is from before; services run on without a broker.' : '';
  const since = timeOfDay(broker.since / 1000);
  switch (broker.state) {
    case 'connecting':
      return { kind: 'wait', title: 'Connecting', text: `to ${broker.address}` };
    case 'away':
      return {
        kind: 'bad',
        title: 'The NATS server is away.',
        text:
          `Nothing answers at ${broker.address} since ${since}` +
          (broker.hasBeenConnected ? '' : `, or it refuses pages from ${location.origin} (allowed_origins)`) +
          `. Trying again every 2 s.${values}`,
        canRetry: true,
      };
    case 'silent':
      return {
        kind: 'bad',
        title: 'The NATS server does not answer.',
        text: `The connection to ${broker.address} stands, but nothing has come back since ${since}.${values}`,
      };
    case 'refused':
      return {
        kind: 'bad',
        title: 'The NATS server wants another user or password.',
        text: 'Enter them under Connection.',
      };
  }
  if (denied?.operation === 'publish' && denied.subject?.startsWith('$SRV')) {
    return {
      kind: 'bad',
      title: 'This page may not ask.',
      text: `The NATS server does not let its user publish to ${plain(denied.subject)}.`,
    };
  }
  if (denied?.operation === 'subscription') {
    return {
      kind: 'bad',
      title: 'This page may not hear answers.',
      text: `The NATS server does not let its user subscribe to ${plain(denied.subject)}.`,
    };
  }
  if (fleet.instances.size === 0 && isAnswered) {
    const others = fleet.withoutTimers.size;
    return {
      kind: 'wait',
      title: 'No service answers.',
      text:
        'The NATS server is there and passes the question on. Services with timers show up here by themselves' +
        (others > 0 ? `; ${plural(others, 'service')} without timers answered.` : ', unless their discovery is off.'),
    };
  }
  return null;
}

export function showProblem(found) {
  box.hidden = found === null;
  if (!found) {
    write(title, '');
    write(body, '');
    return;
  }
  box.dataset.kind = found.kind;
  retry.hidden = !found.canRetry;
  write(title, found.title);
  write(body, found.text);
}

/** One line for the top of the page; the window's title says the worst of it. */
export function summary({ broker, fleet, now }) {
  const all = fleet.present.flatMap((instance) => [...instance.timers.values()]);
  const paused = all.filter(({ timer }) => timer.isPaused).length;
  const troubled = all.filter(({ timer }) => timer.isOverdue || timer.consecutiveErrors > 0).length;
  const gone = fleet.instances.size - fleet.present.length;
  const headline = !broker.isConnected ? 'not connected' : troubled + gone > 0 ? `${troubled + gone} in trouble` : '';
  document.title = headline ? `Timers: ${headline}` : 'Timers';
  if (!broker.isConnected) return `Not connected for ${roughly(now - broker.since / 1000)}`;
  const parts = [plural(fleet.present.length, 'service instance'), plural(all.length, 'timer')];
  if (troubled > 0) parts.push(`${troubled} in trouble`);
  if (paused > 0) parts.push(`${paused} paused`);
  if (gone > 0) parts.push(`${plural(gone, 'instance')} gone`);
  return parts.join(', ');
}
