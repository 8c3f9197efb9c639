// Which service instances there are, which have gone, and what each last said.
import { History } from './history.js';
import { Ring } from './ring.js';
import { amount, plain } from './text.js';
import { readTimer } from './timer_state.js';

const mostInstances = 200;
const mostTimers = 500; // of one instance
const missedQuestions = 3; // then it counts as gone
const forgottenAfter = 600;
const replacedAfter = 30; // when another instance of that name is there
const isToken = (value) => typeof value === 'string' && /^[^\s.*>\u0000-\u001f]{1,255}$/.test(value);

class Instance {
  timers = new Map(); // name: {timer, history}
  goneSince = null;
  unanswered = 0;
  #clock = new Ring(64);
  offset = 0;

  constructor(name, id) {
    this.name = name;
    this.id = id;
    this.label = plain(name, 120);
  }

  /** Takes a reply that came at `now`. */
  update(reply, now) {
    this.lastHeard = now;
    this.unanswered = 0;
    this.goneSince = null;
    this.version = plain(reply.version, 40);
    this.started = plain(reply.started, 40);
    this.allows = allowedActions(reply.endpoints);
    const raw = Array.isArray(reply.data?.timers) ? reply.data.timers : [];
    const usable = raw.filter((timer) => typeof timer?.name === 'string' && timer.name.length > 0);
    this.omitted = amount(reply.data?.timers_omitted) + Math.max(0, usable.length - mostTimers);
    const there = new Set();
    for (const each of usable.slice(0, mostTimers)) {
      there.add(each.name);
      this.updateTimer(each, now);
    }
    for (const name of this.timers.keys()) if (!there.has(name)) this.timers.delete(name);
  }

  updateTimer(raw, now) {
    const timer = readTimer(raw);
    const entry = this.timers.get(timer.name);
    if (!entry) {
      const history = new History();
      history.add(timer, now, this.offset);
      this.timers.set(timer.name, { timer, history });
      return;
    }
    this.#compareClocks(entry.timer, timer, entry.heard ?? now, now);
    entry.history.add(timer, now, this.offset);
    entry.timer = timer;
    entry.heard = now;
  }

  // A success between two answers was between them by this device's clock, too. As long as that is so for what the
  // service calls its time, the clocks agree.
  #compareClocks(before, timer, from, now) {
    if (timer.successCount <= before.successCount || timer.lastSuccess === null) return;
    this.#clock.push({ least: from - timer.lastSuccess, most: now - timer.lastSuccess });
    let [least, most] = [-Infinity, Infinity];
    for (const bound of this.#clock.newestFirst()) {
      if (bound.least > most || bound.most < least) break; // a clock was set
      least = Math.max(least, bound.least);
      most = Math.min(most, bound.most);
    }
    const slack = 0.25;
    this.offset = least <= slack && most >= -slack ? 0 : (least + most) / 2;
  }
}

/** Remote control shows as endpoints of the service. */
function allowedActions(endpoints) {
  const actions = new Set();
  for (const endpoint of Array.isArray(endpoints) ? endpoints.slice(0, 1000) : []) {
    const name = typeof endpoint?.name === 'string' ? endpoint.name : '';
    const subject = typeof endpoint?.subject === 'string' ? endpoint.subject : '';
    const action = /^timers[._-](\w+)$/.exec(name)?.[1] ?? /\.rpc\.timers\.(\w+)$/.exec(subject)?.[1];
    if (action) actions.add(action);
  }
  return actions;
}

export class Fleet {
  instances = new Map();
  withoutTimers = new Set(); // other services that answered
  overlooked = 0;
  #answered = new Set();

  /** Returns the instance; null when the reply is of no use here. */
  take(reply, now) {
    if (reply.type !== 'io.nats.micro.v1.stats_response') return null;
    if (!isToken(reply.name) || !isToken(reply.id)) return null;
    const key = `${reply.name}.${reply.id}`;
    this.#answered.add(key);
    if (!Array.isArray(reply.data?.timers) && !amount(reply.data?.timers_omitted)) {
      if (this.withoutTimers.size < 1000) this.withoutTimers.add(key);
      return null;
    }
    let instance = this.instances.get(key);
    if (!instance) {
      if (this.instances.size >= mostInstances) {
        this.overlooked = Math.max(this.overlooked, 1);
        return null;
      }
      instance = new Instance(reply.name, reply.id);
      this.instances.set(key, instance);
    }
    instance.update(reply, now);
    return instance;
  }

  /**
   * A question has been passed on, and the time for answers to the one before is over. Returns the instances that now
   * count as gone.
   */
  endRound(now) {
    const gone = [];
    for (const [key, instance] of this.instances) {
      if (this.#answered.has(key)) continue;
      if (++instance.unanswered === missedQuestions) {
        instance.goneSince = instance.lastHeard;
        gone.push(instance);
      }
      if (instance.goneSince === null) continue;
      const isReplaced = [...this.instances.values()].some((o) => o.name === instance.name && o.goneSince === null);
      if (now - instance.goneSince > (isReplaced ? replacedAfter : forgottenAfter)) this.forget(instance);
    }
    for (const key of this.withoutTimers) if (!this.#answered.has(key)) this.withoutTimers.delete(key);
    this.#answered.clear();
    return gone;
  }

  /** The broker was away: nobody could answer, and runs in progress went on unseen. */
  resume() {
    for (const instance of this.instances.values()) {
      instance.unanswered = 0;
      for (const { history } of instance.timers.values()) history.interrupt();
    }
    this.#answered.clear();
  }

  forget(instance) {
    this.instances.delete(`${instance.name}.${instance.id}`);
  }

  get present() {
    return [...this.instances.values()].filter((instance) => instance.goneSince === null);
  }

  get sorted() {
    return [...this.instances.values()].sort(
      (a, b) => a.name.localeCompare(b.name) || (a.started ?? '').localeCompare(b.started ?? '') || a.id.localeCompare(b.id),
    );
  }
}
