// The fields of a timer's statistics. Generated: the lists are in include/cliffracer/timer_stats.hpp, a test
// compares this file with them, and tells how to write it again.

/** Of a timer, and what each is read as. */
export const timerFields = {
  name: 'text',
  method_name: 'text',
  schedule: 'text',
  interval: 'number',
  max_drift: 'number',
  error_backoff: 'number',
  tolerance: 'number',
  eager: 'flag',
  initial_delay: 'number',
  jitter: 'number',
  timeout: 'number',
  max_error_backoff: 'number',
  max_consecutive_errors: 'number',
  max_runs: 'number',
  align_to_epoch: 'flag',
  offset: 'number',
  pacing: 'text',
  scope: 'text',
  is_running: 'flag',
  is_finished: 'flag',
  is_executing: 'flag',
  is_overdue: 'flag',
  is_paused: 'flag',
  pause_reason: 'text',
  paused_until: 'time',
  execution_count: 'number',
  success_count: 'number',
  error_count: 'number',
  cancelled_count: 'number',
  skipped_count: 'number',
  skipped: 'skipped',
  drift_count: 'number',
  timeout_count: 'number',
  blocking_count: 'number',
  clock_step_count: 'number',
  claims: 'claims',
  catch_up_count: 'number',
  current_token: 'number',
  last_owner: 'text',
  last_claim_error: 'text',
  consecutive_errors: 'number',
  error_rate: 'number',
  last_error: 'text',
  last_execution_time: 'number',
  average_execution_time: 'number',
  total_execution_time: 'number',
  last_lateness: 'number',
  last_deferral: 'number',
  last_lateness_cause: 'text',
  last_blocked_by: 'text',
  longest_blocking: 'number',
  executing_since: 'time',
  last_success: 'time',
  next_execution: 'time',
  execution_time: 'percentiles',
  lateness: 'percentiles',
  deferral: 'percentiles',
  worker_wait: 'percentiles',
};

/** Why due points were passed over. */
export const skipReasons = [
  'missed',
  'drifted',
  'failing',
  'paused',
  'elsewhere',
  'claim_failed',
];

/** What came of claims of a timer that replicas share. */
export const claimOutcomes = [
  'won',
  'lost',
  'failed',
  'unclear',
  'running_elsewhere',
];

/** Of measured durations. */
export const percentiles = [
  'p50',
  'p90',
  'p99',
  'max',
];
