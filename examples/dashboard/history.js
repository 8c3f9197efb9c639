// What two answers in a row say of the runs between them. Where one run began or ended between them it is known
// exactly; of several only how many there were, and the last one.
import { Ring } from './ring.js';
import { finished } from './timer_state.js';

const samplesKept = 720;
const fewKept = 24;

/**
 * A sample is {kind: 'run', start, took, late, outcome, timedOut, skipped} or
 * {kind: 'batch', from, to, runs, failed, cancelled, skipped, late, took, timedOut}; times in seconds since the epoch,
 * by the clock of this device.
 */
export class History {
  samples = new Ring(samplesKept);
  failures = new Ring(fewKept); // {at, text, count}
  pauses = new Ring(fewKept); // {from, to}; `to` is null while it lasts
  marks = new Ring(fewKept); // {at, text}
  grids = new Ring(fewKept); // {from, phase, interval}: due points lie at phase + k * interval from then on
  current = null; // {start} of the run in progress
  seen = 0;
  counted = 0;
  heard = 0; // when the newest answer came
  #previous = null;

  /** `offset` is how far the service's clock is behind this device's. */
  add(timer, now, offset) {
    const before = this.#previous;
    const from = this.heard;
    this.#previous = timer;
    this.heard = now;
    if (!before || timer.executionCount < before.executionCount || finished(timer) < finished(before)) {
      this.#begin(timer, now);
    } else {
      this.#runs(before, timer, from, now, offset);
      this.#events(before, timer, now);
    }
    this.#pause(timer, now);
    this.#grid(timer, now, offset);
  }

  /** Nothing was heard for a while: what follows does not belong to a run that was in progress before. */
  interrupt() {
    this.current = null;
  }

  #begin(timer, now) {
    for (const ring of [this.samples, this.pauses, this.marks, this.grids]) ring.clear();
    this.current = timer.isExecuting ? { start: now, isCertain: false } : null;
  }

  #runs(before, timer, from, now, offset) {
    const begun = timer.executionCount - before.executionCount;
    const ended = finished(timer) - finished(before);
    const failed = timer.errorCount - before.errorCount;
    const cancelled = timer.cancelledCount - before.cancelledCount;
    // Points of a pause are counted when it ends; the pause itself is shown.
    const skippedIn = (each) => each.skippedCount - each.skipped.paused;
    const skipped = Math.max(0, skippedIn(timer) - skippedIn(before));
    const timedOut = Math.max(0, timer.timeoutCount - before.timeoutCount);
    this.counted += ended;

    if (ended === 1 && begun <= 1) {
      const start = this.current?.start ?? this.#startOf(before, timer, from, now, offset);
      const late = this.current?.late ?? (before.isExecuting && begun === 0 ? before.lastLateness : timer.lastLateness);
      const outcome = failed ? 'failed' : cancelled ? 'cancelled' : 'succeeded';
      this.#run({ start, took: timer.lastExecutionTime, late, outcome, timedOut: timedOut > 0 || before.isOverdue, skipped });
    } else if (ended === 2 && begun === 1 && this.current && cancelled === 0) {
      // The run that was in progress, and a whole one after it: what both took is told, too.
      const firstTook = Math.max(0, timer.totalExecutionTime - before.totalExecutionTime - timer.lastExecutionTime);
      const lastFailed = timer.consecutiveErrors > 0;
      const outcomes = [failed - (lastFailed ? 1 : 0) > 0, lastFailed].map((bad) => (bad ? 'failed' : 'succeeded'));
      const isLong = (took) => timedOut > 0 && timer.timeout > 0 && took > timer.timeout;
      const { start, late } = this.current;
      this.#run({ start, took: firstTook, late, outcome: outcomes[0], timedOut: before.isOverdue || isLong(firstTook), skipped });
      this.#run({
        start: Math.max(this.#startOf(before, timer, from, now, offset), start + firstTook),
        took: timer.lastExecutionTime,
        late: timer.lastLateness,
        outcome: outcomes[1],
        timedOut: isLong(timer.lastExecutionTime),
        skipped: 0,
      });
    } else if (ended > 0 || skipped > 0) {
      if (ended > 0) ++this.seen;
      const [late, took] = [timer.lastLateness, timer.lastExecutionTime];
      this.samples.push({ kind: 'batch', from, to: now, runs: ended, failed, cancelled, skipped, late, took, timedOut });
    }

    if (!timer.isExecuting) {
      this.current = null;
    } else if (begun > 0 || !this.current) {
      const due = begun === 1 && before.nextExecution !== null ? before.nextExecution + offset : null;
      const start = due === null ? now : due + timer.lastLateness + timer.lastDeferral;
      this.current = { start: Math.min(Math.max(start, from), now), late: timer.lastLateness };
    }
    if (failed > 0) this.failures.push({ at: now, text: timer.lastError, count: failed });
  }

  #run(run) {
    ++this.seen;
    this.samples.push({ kind: 'run', ...run, start: Math.min(run.start, this.heard) });
  }

  #startOf(before, timer, from, now, offset) {
    // The end of a success is told exactly; of another run, when it was due.
    let start = now - timer.lastExecutionTime;
    if (timer.successCount > before.successCount && timer.lastSuccess !== null) {
      start = timer.lastSuccess + offset - timer.lastExecutionTime;
    } else if (before.nextExecution !== null) {
      start = before.nextExecution + offset + timer.lastLateness + timer.lastDeferral;
    }
    return Math.min(Math.max(start, from - timer.lastExecutionTime), now);
  }

  #events(before, timer, now) {
    if (timer.driftCount > before.driftCount) this.marks.push({ at: now, text: 'drift' });
    if (timer.clockStepCount > before.clockStepCount) this.marks.push({ at: now, text: 'clock set' });
    if (timer.interval !== before.interval) this.marks.push({ at: now, text: 'new interval' });
  }

  #pause(timer, now) {
    const open = this.pauses.at(-1);
    if (timer.isPaused && (!open || open.to !== null)) this.pauses.push({ from: now, to: null });
    if (!timer.isPaused && open && open.to === null) open.to = now;
  }

  // A retry is not on the grid, and a paused timer has none.
  #grid(timer, now, offset) {
    if (timer.nextExecution === null || timer.consecutiveErrors > 0 || timer.isPaused || timer.interval <= 0) return;
    const phase = timer.nextExecution + offset;
    const last = this.grids.at(-1);
    if (last && last.interval === timer.interval) {
      const turns = (phase - last.phase) / timer.interval;
      const away = Math.abs(turns - Math.round(turns)) * timer.interval;
      if (away <= Math.max(0.002, timer.jitter, timer.interval * 0.01)) return;
    }
    this.grids.push({ from: now, phase, interval: timer.interval });
  }
}
