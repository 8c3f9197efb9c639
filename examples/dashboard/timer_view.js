// One timer on the page.
import { chartHeight, draw, sampleAt, span } from './chart.js';
import { count, dayAndTime, duration, plural, preciseTime, roughly, timeOfDay } from './text.js';
import { condition, finished } from './timer_state.js';

const template = document.getElementById('timer-template');
const recentRows = 12;
let serial = 0;

/** Text is set only where it has changed: what somebody has selected or a screen reader is at stays as it is. */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

const lastInstant = 1e11; // what a Date can hold, and more than a timer can be due

export class TimerView {
  #pointer = null;
  #isVisible = true;
  #label = '';
  #act;
  #mayAskForRuns = false;
  #comingRuns = []; // in seconds since the epoch, as of when they were asked for

  /** `act(action, this)` does what a button says. */
  constructor(entry, act) {
    this.entry = entry;
    this.#act = act;
    this.root = template.content.firstElementChild.cloneNode(true);
    const find = (name) => this.root.querySelector(`.${name}`);
    this.part = Object.fromEntries(
      ['timer-name', 'state-word', 'state-more', 'schedule', 'pause', 'resume', 'trigger', 'chart', 'readout', 'counts',
       'reason', 'answer', 'error', 'error-label', 'error-text', 'more', 'figures'].map((name) => [name, find(name)]),
    );
    this.part.spread = this.root.querySelector('.spread tbody');
    this.part.recent = this.root.querySelector('.recent tbody');
    const name = this.part['timer-name'];
    name.id = `timer-${++serial}`;
    name.textContent = entry.timer.label;
    this.root.setAttribute('aria-labelledby', name.id);
    for (const action of ['pause', 'resume', 'trigger']) {
      const button = this.part[action];
      button.setAttribute('aria-label', `${button.textContent} ${entry.timer.label}`);
      button.addEventListener('click', () => {
        if (button.getAttribute('aria-disabled') !== 'true') act(action, this);
      });
    }
    const { chart } = this.part;
    chart.style.height = `${chartHeight}px`;
    chart.addEventListener('pointermove', (event) => (this.#pointer = event.offsetX));
    chart.addEventListener('pointerdown', (event) => (this.#pointer = event.offsetX));
    chart.addEventListener('pointerleave', () => (this.#pointer = null));
    this.part.more.addEventListener('toggle', () => {
      this.#writeMore();
      this.#askForRuns();
    });
    new IntersectionObserver(([seen]) => (this.#isVisible = seen.isIntersecting)).observe(this.root);
  }

  /** After an answer of the service, or when what can be done has changed. */
  update({ allows, isReachable }) {
    const { timer } = this.entry;
    const { part } = this;
    this.#mayAskForRuns = allows.has('next_runs') && isReachable;
    const state = condition(timer);
    this.root.dataset.state = state;
    write(part['state-word'], state);
    write(part.schedule, scheduleText(timer));
    part.resume.hidden = !timer.isPaused;
    part.pause.hidden = timer.isPaused;
    for (const action of ['pause', 'resume', 'trigger']) {
      const button = part[action];
      button.toggleAttribute('data-absent', !allows.has(action));
      // A disabled button would drop the focus of whoever has just pressed it.
      button.setAttribute('aria-disabled', String(!allows.has(action) || !isReachable || this.isBusy === true));
    }
    part.reason.hidden = !timer.isPaused;
    const until = timer.pausedUntil ? ` until ${dayAndTime(timer.pausedUntil)}` : '';
    write(part.reason, timer.isPaused ? `Paused${until}: ${timer.pauseReason || 'no reason was given'}` : '');
    part.error.hidden = timer.errorCount === 0 || timer.lastError === '';
    const failing = timer.consecutiveErrors > 0;
    part.error.classList.toggle('is-over', !failing);
    write(
      part['error-label'],
      failing
        ? timer.consecutiveErrors > 1 ? `Failed ${count(timer.consecutiveErrors)} times in a row:` : 'Failed:'
        : 'Last failure:',
    );
    write(part['error-text'], timer.lastError);
    this.#writeCounts(timer);
    this.#writeSpread(timer);
    this.#writeMore();
    if (!(this.#comingRuns[0] * 1000 > Date.now())) this.#askForRuns();
  }

  #askForRuns() {
    const { timer } = this.entry;
    const hasNone = timer.isPaused || !timer.isRunning;
    if (this.part.more.open && this.#mayAskForRuns && !hasNone) this.#act('next_runs', this);
  }

  /** When the timer is due next, in seconds since the epoch. */
  showComingRuns(instants) {
    this.#comingRuns = instants.filter((instant) => instant > 0 && instant < lastInstant).slice(0, 5);
    this.#writeMore();
  }

  /** What came of a button; stays until the next one. */
  answer(text, isBad) {
    this.part.answer.hidden = text === '';
    this.part.answer.classList.toggle('is-bad', isBad);
    write(this.part.answer, text);
  }

  /** Several times a second, at `now`; out of sight nothing is done. `asOf` is when values stopped coming in, or null. */
  tick(choice, now, palette, asOf, isForced) {
    if (!this.#isVisible && !isForced) return;
    const { timer, history } = this.entry;
    const seconds = span(choice, timer.interval);
    const view = { timer, history, seconds, now: asOf ?? now, palette };
    write(this.part['state-more'], asOf === null ? momentText(timer, history, now, this.offset ?? 0) : `at ${timeOfDay(asOf)}`);
    draw(this.part.chart, view);
    const sample = this.#pointer === null ? null : sampleAt(this.part.chart, this.#pointer, view);
    write(this.part.readout, sample ? sampleText(sample) : sightText(history));
    const label = `Runs of ${timer.label} in the last ${duration(seconds)}: ${sightText(history)}`;
    if (label !== this.#label) this.part.chart.setAttribute('aria-label', (this.#label = label));
  }

  #writeCounts(timer) {
    const rows = [
      ['runs', count(timer.executionCount)],
      ['failed', timer.errorCount > 0 ? `${count(timer.errorCount)} (${percent(timer.errorRate)})` : '0', timer.errorCount > 0],
      ['skipped', count(timer.skippedCount)],
    ];
    if (timer.driftCount > 0) rows.push(['drifts', count(timer.driftCount)]);
    if (timer.timeoutCount > 0) rows.push(['timed out', count(timer.timeoutCount), true]);
    if (timer.cancelledCount > 0) rows.push(['cancelled', count(timer.cancelledCount)]);
    if (timer.blockingCount > 0) rows.push(['blocked the loop', count(timer.blockingCount), true]);
    writeList(this.part.counts, rows);
  }

  #writeSpread(timer) {
    const rows = [['late', timer.lateness], ['took', timer.executionTime]];
    if (timer.workerWait.max > 0.001) rows.push(['waited', timer.workerWait]);
    const text = (value) => (timer.executionCount > 0 ? duration(value) : '–');
    writeRows(
      this.part.spread,
      rows.map(([name, { p50, p99, max }]) => [name, text(p50), text(p99), text(max)]),
      'th',
    );
  }

  #writeMore() {
    if (!this.part.more.open) return;
    const { timer, history } = this.entry;
    const rows = [];
    for (const sample of history.samples.newestFirst()) {
      if (rows.length === recentRows) break;
      rows.push(
        sample.kind === 'run'
          ? [preciseTime(sample.start), duration(sample.late), duration(sample.took), outcomeText(sample)]
          : [`until ${timeOfDay(sample.to)}`, sample.runs ? duration(sample.late) : '', sample.runs ? duration(sample.took) : '',
             outcomeText(sample)],
      );
    }
    writeRows(this.part.recent, rows, 'td');
    const facts = figures(timer, history);
    const coming = this.#comingRuns.filter((instant) => instant * 1000 > Date.now());
    if (coming.length > 0) facts.unshift(['coming runs', coming.map(dayAndTime).join(', ')]);
    writeList(this.part.figures, facts);
  }
}

function scheduleText(timer) {
  const every = `every ${duration(timer.interval)}${timer.pacing === 'after_run' ? ' after a run' : ''}`;
  const parts = [timer.interval > 0 ? every : timer.schedule];
  if (timer.alignToEpoch) parts.push('on the wall clock');
  if (timer.offset > 0) parts.push(`${duration(timer.offset)} later`);
  if (timer.jitter > 0) parts.push(`jitter ${duration(timer.jitter)}`);
  if (timer.timeout > 0) parts.push(`timeout ${duration(timer.timeout)}`);
  parts.push(`max drift ${duration(timer.maxDrift)}`);
  if (timer.methodName && timer.methodName !== timer.label) parts.push(`method ${timer.methodName}`);
  return parts.join(', ');
}

/** A calendar has no interval. */
const isFast = (timer) => timer.interval > 0 && timer.interval < 2;

/** What goes on at this moment; nothing for timers so fast that it would flicker. */
function momentText(timer, history, now, offset) {
  if (timer.isExecuting && history.current) {
    const time = history.heard - history.current.start; // it may have ended since
    if (timer.isOverdue || time > 0.5) return `running for ${roughly(time)}`;
    return isFast(timer) ? '' : 'running';
  }
  if (timer.isPaused || !timer.isRunning || timer.nextExecution === null) return '';
  if (isFast(timer) && timer.consecutiveErrors === 0) return '';
  const wait = timer.nextExecution + offset - now;
  const what = timer.consecutiveErrors > 0 ? 'retry' : 'next';
  return wait > 0 ? `${what} in ${roughly(wait)}` : `${what} is due`;
}

/** How much of what happened the page has seen. */
function sightText(history) {
  if (history.counted === 0) return 'No run has ended since this page is open.';
  if (history.seen === history.counted) return `${plural(history.counted, 'run')} since this page is open, each one shown.`;
  return `${plural(history.counted, 'run')} since this page is open; of each block the last one is shown.`;
}

function outcomeText(sample) {
  const skipped = sample.skipped > 0 ? `${count(sample.skipped)} skipped` : '';
  if (sample.kind === 'run') {
    return [sample.outcome, sample.timedOut ? 'timed out' : '', skipped].filter(Boolean).join(', ');
  }
  const parts = sample.runs > 0 ? [plural(sample.runs, 'run')] : [];
  if (sample.failed > 0) parts.push(`${count(sample.failed)} failed`);
  if (sample.cancelled > 0) parts.push(`${count(sample.cancelled)} cancelled`);
  return [...parts, skipped].filter(Boolean).join(', ');
}

function sampleText(sample) {
  if (sample.kind === 'run') {
    return `${preciseTime(sample.start)}: ${outcomeText(sample)}, ${duration(sample.late)} late, took ${duration(sample.took)}`;
  }
  const last = sample.runs > 0 ? `; the last ${duration(sample.late)} late, took ${duration(sample.took)}` : '';
  return `until ${timeOfDay(sample.to)}: ${outcomeText(sample)}${last}`;
}

const percent = (value) => `${value > 0 && value < 0.1 ? '<0.1' : Number(value.toFixed(value < 10 ? 1 : 0))} %`;
const causes = {
  own_run: 'the run before it was still in progress, or a failure was waited for',
  claim: 'its tick had to be claimed first',
  event_loop: 'the event loop was held',
  suspended: 'the process or the machine stood still',
};

/** Rows of an object of counts: ['claims: running elsewhere', '3']. */
const named = (what, counts) =>
  Object.entries(counts).map(([name, value]) => [`${what}: ${name.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)}`, count(value)]);

function figures(timer, history) {
  const spreadText = ({ p50, p90, p99, max }) => [p50, p90, p99, max].map(duration).join(' / ');
  const rows = [
    ['succeeded', count(timer.successCount)],
    ['finished', count(finished(timer))],
    ...named('skipped', timer.skipped),
    ...(timer.scope === 'cluster' ? named('claims', timer.claims) : []),
    ['clock steps', count(timer.clockStepCount)],
    ['late p50 / p90 / p99 / max', spreadText(timer.lateness)],
    ['took p50 / p90 / p99 / max', spreadText(timer.executionTime)],
    ['took on average', duration(timer.averageExecutionTime)],
    ['took in all', duration(timer.totalExecutionTime)],
    ['retry after', timer.maxErrorBackoff > 0
      ? `${duration(timer.errorBackoff)}, doubled up to ${duration(timer.maxErrorBackoff)}` : duration(timer.errorBackoff)],
  ];
  if (timer.maxConsecutiveErrors > 0) rows.push(['pauses itself after', plural(timer.maxConsecutiveErrors, 'failure')]);
  if (timer.tolerance > 0) rows.push(['tolerance', duration(timer.tolerance)]);
  if (timer.deferral.max > 0) rows.push(['deferred p50 / p90 / p99 / max', spreadText(timer.deferral)]);
  if (timer.workerWait.max > 0) rows.push(['waited for a worker', spreadText(timer.workerWait)]);
  if (timer.initialDelay > 0) rows.push(['initial delay', duration(timer.initialDelay)]);
  if (timer.eager) rows.push(['first run', 'at start']);
  if (timer.longestBlocking > 0) rows.push(['held the loop for up to', duration(timer.longestBlocking)]);
  if (causes[timer.lastLatenessCause]) rows.push(['the newest was late because', causes[timer.lastLatenessCause]]);
  if (timer.lastBlockedBy) rows.push(['loop last held by', timer.lastBlockedBy]);
  if (timer.lastOwner) rows.push(['newest tick run by', timer.lastOwner]);
  if (timer.lastClaimError) rows.push(['last claim that failed', timer.lastClaimError]);
  if (timer.lastSuccess !== null) rows.push(['last success', timeOfDay(timer.lastSuccess)]);
  for (const failure of [...history.failures.newestFirst()].slice(0, 6)) {
    const more = failure.count > 1 ? ` (and ${count(failure.count - 1)} before it)` : '';
    rows.push([`failed ${timeOfDay(failure.at)}`, `${failure.text}${more}`, true]);
  }
  return rows;
}

/** Rows of [term, text, is bad]. */
function writeList(list, rows) {
  while (list.children.length > rows.length) list.lastElementChild.remove();
  rows.forEach(([term, text, isBad], n) => {
    let row = list.children[n];
    if (!row) {
      row = document.createElement('div');
      row.append(document.createElement('dt'), document.createElement('dd'));
      list.append(row);
    }
    write(row.firstElementChild, term);
    write(row.lastElementChild, text);
    row.classList.toggle('is-bad', isBad === true);
  });
}

function writeRows(body, rows, firstTag) {
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  rows.forEach((cells, n) => {
    let row = body.rows[n];
    if (!row) {
      row = body.insertRow();
      cells.forEach((_, at) => row.append(document.createElement(at === 0 ? firstTag : 'td')));
      if (firstTag === 'th') row.firstElementChild.scope = 'row';
    }
    cells.forEach((text, at) => write(row.children[at], text));
  });
}
