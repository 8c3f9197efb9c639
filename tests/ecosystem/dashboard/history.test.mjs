// What the page concludes from two answers in a row, with `node --test`. The page's files lie in PAGE.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

const load = (file) => import(pathToFileURL(`${process.env.PAGE}/${file}`));
const { History } = await load('history.js');
const { Fleet } = await load('fleet.js');
const { condition, readTimer } = await load('timer_state.js');
const { claimOutcomes, percentiles, skipReasons, timerFields } = await load('fields.js');
const { Ring } = await load('ring.js');
const { duration, plain } = await load('text.js');

const answer = (values) => ({ name: 't', interval: 1, is_running: true, ...values });
const close = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

function after(...answers) {
  const history = new History();
  answers.forEach(([now, values]) => history.add(readTimer(answer(values)), now, 0));
  return history;
}

test('one run between two answers is known exactly', () => {
  const { samples, seen, counted } = after(
    [100, { execution_count: 4, success_count: 4, next_execution: 100.5 }],
    [101, { execution_count: 5, success_count: 5, last_success: 100.75, last_execution_time: 0.2, last_lateness: 0.05 }],
  );
  assert.equal(samples.length, 1);
  close(samples.at(0).start, 100.55);
  close(samples.at(0).took, 0.2);
  assert.equal(samples.at(0).outcome, 'succeeded');
  assert.deepEqual([seen, counted], [1, 1]);
});

test('a failure began when it was due', () => {
  const { samples, failures } = after(
    [100, { next_execution: 100.5 }],
    [101, { execution_count: 1, error_count: 1, last_error: 'no', last_execution_time: 0.1, last_lateness: 0.02 }],
  );
  assert.equal(samples.at(0).outcome, 'failed');
  close(samples.at(0).start, 100.52);
  assert.equal(failures.at(0).text, 'no');
});

test('several runs are one block with their counts', () => {
  const { samples, seen, counted } = after(
    [100, { execution_count: 10, success_count: 10 }],
    [101, { execution_count: 30, success_count: 27, error_count: 3, skipped_count: 2, skipped: { missed: 2 } }],
  );
  const { kind, runs, failed, skipped } = samples.at(0);
  assert.deepEqual({ kind, runs, failed, skipped }, { kind: 'batch', runs: 20, failed: 3, skipped: 2 });
  assert.deepEqual([seen, counted], [1, 20]);
});

test('a run in progress and the one after it are told apart', () => {
  const { samples } = after(
    [100, { next_execution: 100.1 }],
    [101, { execution_count: 1, is_executing: true }],
    [105, { execution_count: 2, success_count: 2, last_success: 104.9, last_execution_time: 0.5, total_execution_time: 4.5 }],
  );
  assert.deepEqual([...samples].map(({ kind }) => kind), ['run', 'run']);
  close(samples.at(0).start, 100.1);
  close(samples.at(0).took, 4);
  close(samples.at(1).start, 104.4);
});

test('points of a pause are no block', () => {
  const { samples, pauses } = after(
    [100, { is_paused: true }],
    [110, { skipped_count: 10, skipped: { paused: 10 } }],
  );
  assert.equal(samples.length, 0);
  assert.deepEqual(pauses.at(0), { from: 100, to: 110 });
});

test('counts that fall begin anew', () => {
  const { samples } = after(
    [100, { execution_count: 5, success_count: 5 }],
    [101, { execution_count: 6, success_count: 6 }],
    [102, { execution_count: 1, success_count: 1 }],
  );
  assert.equal(samples.length, 0);
});

test('memory is bounded', () => {
  const history = new History();
  for (let n = 0; n < 5000; ++n) {
    const values = { execution_count: n, error_count: n, drift_count: n, next_execution: n * 1.3, is_paused: n % 2 === 0 };
    history.add(readTimer(answer(values)), n, 0);
  }
  assert.deepEqual([history.samples, history.failures, history.marks, history.grids, history.pauses].map((r) => r.length < 1000), Array(5).fill(true));
  const ring = new Ring(3);
  for (let n = 0; n < 8; ++n) ring.push(n);
  assert.deepEqual([...ring], [5, 6, 7]);
  assert.deepEqual([...ring.newestFirst()], [7, 6, 5]);
});

test('a clock that is behind is noticed, one that agrees is left alone', () => {
  for (const [behind, offset] of [[0, 0], [3600, 3600]]) {
    const fleet = new Fleet();
    const take = (now, values) =>
      fleet.take({ type: 'io.nats.micro.v1.stats_response', name: 's', id: 'i', data: { timers: [answer(values)] } }, now);
    take(10000, { execution_count: 1, success_count: 1, last_success: 9999.5 - behind });
    const instance = take(10001, { execution_count: 2, success_count: 2, last_success: 10000.5 - behind });
    assert.ok(Math.abs(instance.offset - offset) <= 0.5, `${instance.offset}`);
  }
});

test('of several states a timer has the most pressing one', () => {
  const state = (values) => condition(readTimer(answer(values)));
  assert.equal(state({}), 'on schedule');
  assert.equal(state({ consecutive_errors: 2 }), 'failing');
  assert.equal(state({ consecutive_errors: 2, is_running: false }), 'stopped');
  assert.equal(state({ consecutive_errors: 2, is_paused: true }), 'paused');
  assert.equal(state({ consecutive_errors: 2, is_paused: true, is_overdue: true }), 'overdue');
});

test('each statistic of an answer is read, all reasons and outcomes included', () => {
  const counts = (names) => Object.fromEntries(names.map((name, n) => [name, n + 1]));
  const sent = { text: 'x', flag: true, number: 7, time: 9, skipped: counts(skipReasons), claims: counts(claimOutcomes),
                 percentiles: counts(percentiles) };
  const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
  const camelKeys = (value) => Object.fromEntries(Object.entries(value).map(([name, each]) => [camel(name), each]));
  const timer = readTimer(Object.fromEntries(Object.entries(timerFields).map(([name, kind]) => [name, sent[kind]])));
  for (const [name, kind] of Object.entries(timerFields)) {
    const expected = typeof sent[kind] === 'object' ? camelKeys(sent[kind]) : sent[kind];
    assert.deepEqual(timer[camel(name)], expected, name);
  }
  assert.deepEqual([timer.skipped.elsewhere, timer.skipped.claimFailed, timer.claims.runningElsewhere], [5, 6, 5]);
});

test('what an answer lacks is none, and not an error', () => {
  const timer = readTimer({ name: 't' });
  assert.deepEqual([timer.errorCount, timer.skipped.claimFailed, timer.claims.won, timer.lateness.p99], [0, 0, 0, 0]);
  assert.deepEqual([timer.lastSuccess, timer.lastError, timer.isPaused], [null, '', false]);
});

test('an instance is gone after three questions without an answer, and forgotten later', () => {
  const fleet = new Fleet();
  const reply = { type: 'io.nats.micro.v1.stats_response', name: 's', id: 'i', data: { timers: [] } };
  fleet.take(reply, 100);
  fleet.endRound(101);
  assert.deepEqual([fleet.endRound(102).length, fleet.endRound(103).length, fleet.endRound(104).length], [0, 0, 1]);
  assert.equal(fleet.present.length, 0);
  fleet.endRound(1000);
  assert.equal(fleet.instances.size, 0);
});

test('replies that are none are passed over', () => {
  const fleet = new Fleet();
  const good = { type: 'io.nats.micro.v1.stats_response', name: 's', id: 'i', data: { timers: [] } };
  for (const bad of [{ type: 'x' }, { name: 'a.b' }, { name: '*' }, { name: 7 }, { id: '' }, { id: 'a b' }, { data: null }]) {
    assert.equal(fleet.take({ ...good, ...bad }, 1), null);
  }
});

test('text and durations can be read', () => {
  assert.equal(plain('a\u202eb\u0000'), 'a\\u202eb\\u0000');
  assert.equal(plain('x'.repeat(500), 10), `${'x'.repeat(10)}…`);
  const cases = [[0, '0'], [2.1e-7, '210 ns'], [5.7e-5, '57 µs'], [0.0012, '1.2 ms'], [0.9999, '1 s'], [1.5, '1.5 s'], [59.99, '60 s'], [90, '1.5 min'], [86400, '1 d'], [1e300, 'over 100 years']];
  for (const [seconds, text] of cases) assert.equal(duration(seconds), text);
});
