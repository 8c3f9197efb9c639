// The statistics of one timer as they come in a reply: unknown input, turned into what the page counts on.
import { amount, plain } from './text.js';

const spread = (value) => ({
  p50: amount(value?.p50),
  p90: amount(value?.p90),
  p99: amount(value?.p99),
  max: amount(value?.max),
});

export function readTimer(raw) {
  const executions = amount(raw.execution_count);
  return {
    name: raw.name, // as it is: requests carry it
    label: plain(raw.name, 120),
    method: plain(raw.method_name, 120),
    interval: amount(raw.interval),
    maxDrift: amount(raw.max_drift),
    errorBackoff: amount(raw.error_backoff),
    maxErrorBackoff: amount(raw.max_error_backoff),
    maxConsecutiveErrors: amount(raw.max_consecutive_errors),
    tolerance: amount(raw.tolerance),
    initialDelay: amount(raw.initial_delay),
    jitter: amount(raw.jitter),
    timeout: amount(raw.timeout),
    eager: raw.eager === true,
    alignToEpoch: raw.align_to_epoch === true,
    isRunning: raw.is_running === true,
    isExecuting: raw.is_executing === true,
    isOverdue: raw.is_overdue === true,
    isPaused: raw.is_paused === true,
    pauseReason: plain(raw.pause_reason),
    started: executions,
    succeeded: amount(raw.success_count),
    failed: amount(raw.error_count),
    cancelled: amount(raw.cancelled_count),
    skipped: amount(raw.skipped_count),
    skippedBy: {
      missed: amount(raw.skipped?.missed),
      drifted: amount(raw.skipped?.drifted),
      failing: amount(raw.skipped?.failing),
      paused: amount(raw.skipped?.paused),
    },
    drifts: amount(raw.drift_count),
    timeouts: amount(raw.timeout_count),
    blockings: amount(raw.blocking_count),
    clockSteps: amount(raw.clock_step_count),
    consecutiveErrors: amount(raw.consecutive_errors),
    errorRate: amount(raw.error_rate),
    lastError: plain(raw.last_error),
    lastTook: amount(raw.last_execution_time),
    averageTook: amount(raw.average_execution_time),
    totalTook: amount(raw.total_execution_time),
    lastLate: amount(raw.last_lateness),
    lastDeferral: amount(raw.last_deferral),
    lastCause: plain(raw.last_lateness_cause, 40),
    lastBlockedBy: plain(raw.last_blocked_by, 120),
    longestBlocking: amount(raw.longest_blocking),
    lastSuccess: amount(raw.last_success, null),
    next: amount(raw.next_execution, null),
    took: spread(raw.execution_time),
    late: spread(raw.lateness),
    deferral: spread(raw.deferral),
    workerWait: spread(raw.worker_wait),
  };
}

/** Runs that have ended, however. */
export const finished = (timer) => timer.succeeded + timer.failed + timer.cancelled;

/** One word for how it stands, the most pressing first. */
export function condition(timer) {
  if (timer.isOverdue) return 'overdue';
  if (timer.isPaused) return 'paused';
  if (!timer.isRunning) return 'stopped';
  if (timer.consecutiveErrors > 0) return 'failing';
  return 'on schedule';
}
