// One service instance on the page.
import { dayAndTime, plain, plural, roughly, timeOfDay } from './text.js';
import { TimerView, write } from './timer_view.js';

const template = document.getElementById('service-template');
let serial = 0;

export class ServiceView {
  #timers = new Map();

  constructor(instance, { act, forget }) {
    this.instance = instance;
    this.act = act;
    this.root = template.content.firstElementChild.cloneNode(true);
    this.name = this.root.querySelector('.service-name');
    this.facts = this.root.querySelector('.service-facts');
    this.state = this.root.querySelector('.service-state');
    this.list = this.root.querySelector('.timers');
    this.remove = this.root.querySelector('.forget');
    this.name.id = `service-${++serial}`;
    this.name.textContent = instance.label;
    this.root.setAttribute('aria-labelledby', this.name.id);
    this.remove.setAttribute('aria-label', `Remove ${instance.label} from this page`);
    this.remove.addEventListener('click', () => forget(instance));
  }

  update(isConnected) {
    const { instance } = this;
    const isReachable = isConnected && instance.goneSince === null;
    for (const [name, view] of this.#timers) {
      if (instance.timers.get(name) !== view.entry) {
        view.root.remove();
        this.#timers.delete(name);
      }
    }
    for (const [name, entry] of instance.timers) {
      let view = this.#timers.get(name);
      if (!view) {
        view = new TimerView(entry, (action, timerView) => this.act(instance, timerView, action));
        this.#timers.set(name, view);
        this.list.append(view.root);
      }
      view.offset = instance.offset;
      view.update({ allows: instance.allows, isReachable });
    }
    this.root.classList.toggle('is-stale', !isReachable);
    this.remove.hidden = instance.goneSince === null;
    write(this.facts, this.#factsText());
  }

  tick(choice, now, palette, awaySince, isForced) {
    const { instance } = this;
    const gone = instance.goneSince;
    const texts = [];
    if (gone !== null) {
      texts.push(`Has not answered since ${timeOfDay(gone)} (${roughly(now - gone)} ago). What follows is what it last said.`);
    }
    if (instance.omitted > 0) texts.push(`${plural(instance.omitted, 'timer')} not shown: too many for one answer.`);
    if (instance.allows.size === 0) texts.push('This service does not allow remote control: its timers can only be looked at.');
    this.state.hidden = texts.length === 0;
    this.state.classList.toggle('is-bad', gone !== null);
    write(this.state, texts.join(' '));
    const asOf = gone ?? (awaySince === null ? null : instance.lastHeard);
    for (const view of this.#timers.values()) view.tick(choice, now, palette, asOf, isForced);
  }

  #factsText() {
    const { instance } = this;
    const parts = [];
    if (instance.version) parts.push(instance.version);
    const id = plain(instance.id);
    parts.push(`instance ${id.length > 12 ? `…${id.slice(-8)}` : id}`);
    const started = Date.parse(instance.started);
    if (Number.isFinite(started)) {
      parts.push(`started ${dayAndTime(started / 1000)}`);
    }
    parts.push(plural(instance.timers.size, 'timer'));
    return parts.join(', ');
  }
}
