// Ties it together: asks, hands the answers on, draws.
import { Broker } from './broker.js';
import { paletteOf } from './chart.js';
import { askConnection, askReason } from './dialogs.js';
import { Fleet } from './fleet.js';
import { problem, showProblem, summary } from './notice.js';
import { ServiceView } from './service_view.js';
import { plain } from './text.js';
import { write } from './timer_view.js';

const seconds = () => Date.now() / 1000;
const element = (id) => document.getElementById(id);
const parameters = new URLSearchParams(location.search);
const ownScheme = location.protocol === 'https:' ? 'wss' : 'ws';
const server = parameters.get('server') ?? `${ownScheme}://${location.hostname || '127.0.0.1'}:8443`;

const broker = new Broker(server);
const fleet = new Fleet();
const views = new Map(); // instance: ServiceView
let denied = null;
let questions = 0; // since the connection came up
let awaySince = seconds();
let bytes = 0;
let roundBytes = 0;
let pace = 1000;
let hurry = () => {};

// ---- What people do

async function act(instance, view, action) {
  const { timer } = view.entry;
  const args = { name: timer.name, instance: instance.id };
  if (action === 'next_runs') {
    // Nobody has pressed a button: without an answer there is nothing to show.
    const result = await broker.control(instance.name, action, { ...args, count: 5 }).catch(() => null);
    return view.showComingRuns(Array.isArray(result?.next_runs) ? result.next_runs : []);
  }
  if (action === 'pause') {
    const reason = await askReason(timer.label);
    if (!reason) return;
    args.reason = reason;
  }
  view.isBusy = true;
  refresh(instance);
  view.answer('', false);
  try {
    const result = await broker.control(instance.name, action, args);
    if (typeof result?.name === 'string' && result.name === timer.name) instance.updateTimer(result, seconds());
    const done = { pause: 'is paused', resume: 'is resumed', trigger: 'was triggered' }[action];
    say(`${timer.label} ${done}.`);
  } catch (error) {
    const text = `${action[0].toUpperCase()}${action.slice(1)}: ${plain(error.message)}`;
    view.answer(text, true);
    say(`${timer.label}. ${text}`);
  }
  view.isBusy = false;
  refresh(instance);
  // The button that was pressed may have made room for its opposite.
  const focused = document.activeElement;
  if (focused === document.body || focused.hidden) view.root.querySelector('.buttons button:not([hidden])').focus();
  broker.ask(instance);
}

function say(text) {
  element('said').textContent = text;
}

element('retry').addEventListener('click', () => broker.retry());
element('connection').addEventListener('click', async () => {
  const wanted = await askConnection(broker.address);
  if (!wanted) return;
  parameters.set('server', wanted.address);
  history.replaceState(null, '', `?${parameters}`);
  denied = null;
  await broker.use(wanted.address, wanted.login);
});

// ---- What comes in

broker.addEventListener('state', () => {
  if (broker.isConnected) {
    questions = 0;
    awaySince = null;
    denied = null;
    fleet.resume();
    hurry();
  } else {
    awaySince ??= seconds();
  }
  refreshAll();
});

broker.addEventListener('stats', ({ detail: { reply, size } }) => {
  bytes += size;
  const instance = fleet.take(reply, seconds());
  if (instance) refresh(instance);
});

broker.addEventListener('nobody', () => {
  questions = Math.max(questions, 2);
  refreshAll();
});

broker.addEventListener('denied', ({ detail }) => {
  denied = detail;
  refreshAll();
});

function refresh(instance) {
  let view = views.get(instance);
  if (!view) {
    view = new ServiceView(instance, {
      act,
      forget(each) {
        fleet.forget(each);
        refreshAll();
        element('services').focus();
      },
    });
    views.set(instance, view);
    place();
  }
  view.update(broker.isConnected);
}

function refreshAll() {
  const there = new Set(fleet.instances.values());
  for (const [instance, view] of views) {
    if (there.has(instance)) continue;
    view.root.remove();
    views.delete(instance);
  }
  for (const instance of there) refresh(instance);
  // Answers come until the next question at the latest.
  showProblem(problem({ broker, fleet, denied, isAnswered: questions > 1 }));
  tick();
}

/** Sections in order of their names; one that is there already is not moved, so that it keeps focus and selection. */
function place() {
  const list = element('services');
  fleet.sorted.forEach((instance, n) => {
    const root = views.get(instance)?.root;
    if (root && list.children[n] !== root) list.insertBefore(root, list.children[n] ?? null);
  });
}

// ---- What goes out

/** Every second; faster where a timer's runs can then be seen one by one, slower where answers are large. */
function nextPace() {
  if (document.hidden) return 5000;
  let shortest = 1;
  for (const instance of fleet.present) {
    for (const { timer } of instance.timers.values()) {
      if (timer.interval >= 0.5) shortest = Math.min(shortest, timer.interval / 1.25);
    }
  }
  const comfortable = roundBytes / 200; // ms, at 200 kB/s
  return Math.min(Math.max(shortest * 1000, comfortable), 10000);
}

async function keepAsking() {
  for (;;) {
    bytes = 0;
    const asked = await broker.ask();
    pace = nextPace();
    await new Promise((resolve) => {
      hurry = resolve;
      setTimeout(resolve, pace);
    });
    roundBytes = bytes;
    if (!asked || !broker.isConnected) continue;
    ++questions;
    for (const instance of fleet.endRound(seconds())) say(`${instance.label} does not answer any more.`);
    refreshAll();
  }
}

// ---- What is drawn

const isCalm = matchMedia('(prefers-reduced-motion: reduce)');
let palette = paletteOf(document.body);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  palette = paletteOf(document.body);
  tick(true);
});

function tick(isForced = false) {
  const now = seconds();
  const choice = element('window').value;
  write(element('summary'), summary({ broker, fleet, now }));
  for (const view of views.values()) view.tick(choice, now, palette, awaySince, isForced);
  const rate = roundBytes > 0 ? `, ${(roundBytes / 1000).toFixed(1)} kB of answers each time` : '';
  const way = broker.roundTrip === null ? '' : `, ${broker.roundTrip.toFixed(broker.roundTrip < 10 ? 1 : 0)} ms away`;
  write(element('traffic'), broker.isConnected ? `${broker.address}${way}; asked every ${(pace / 1000).toFixed(1)} s${rate}` : '');
}

let drawn = 0;
function frame(time) {
  if (time - drawn >= (isCalm.matches ? 1000 : 100)) {
    drawn = time;
    tick();
  }
  requestAnimationFrame(frame);
}

element('window').addEventListener('change', () => tick(true));
addEventListener('resize', () => tick(true));
refreshAll();
requestAnimationFrame(frame);
broker.run();
keepAsking();
