// The connection to the NATS server, and what is asked over it. It says how it stands with an event; nothing here
// knows the page.
import { connect, createInbox, DebugEvents, ErrorCode, Events } from './nats.js';

/** All replies come to subjects below this one, so that the WebSocket user needs no other. */
const inboxPrefix = '_INBOX_dashboard';
const retryAfter = 2000;
const answerWithin = 3000;
const text = new TextDecoder();

const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));

/**
 * `state` is connecting, connected, silent (the connection stands, the server does not answer), away, or refused
 * (user or password). Events: `state`, `stats` (detail: a reply, parsed, and its size), `nobody` (the server knows of
 * no service at all), `denied` (detail: what the server does not let this user do).
 */
export class Broker extends EventTarget {
  state = 'connecting';
  since = Date.now();
  roundTrip = null;
  hasBeenConnected = false; // to this address
  #address;
  #login = {};
  #connection = null;
  #replies = '';
  #wake = () => {};
  #round = 0;

  constructor(address) {
    super();
    this.#address = address;
  }

  get address() {
    return this.#address;
  }

  get isConnected() {
    return this.state === 'connected';
  }

  /** Connects, and again whenever it has to; never returns. */
  async run() {
    for (;;) {
      try {
        await this.#serve();
      } catch (error) {
        const refused = error?.code === ErrorCode.AuthorizationViolation || error?.code === ErrorCode.BadAuthentication;
        this.#become(refused ? 'refused' : 'away');
      }
      this.#connection = null;
      const asked = new Promise((resolve) => (this.#wake = resolve));
      await (this.state === 'refused' ? asked : Promise.race([asked, pause(retryAfter)]));
    }
  }

  /** Does not wait for the next attempt. */
  retry() {
    this.#wake();
  }

  async use(address, login) {
    this.#address = address;
    this.#login = login;
    this.hasBeenConnected = false;
    this.#become('connecting');
    await this.#connection?.close();
    this.#wake();
  }

  /** Asks every service, or one instance, for its statistics; resolves when the server has passed the question on. */
  async ask(instance) {
    const connection = this.#connection;
    if (!connection || !['connected', 'silent'].includes(this.state)) return false;
    const subject = instance ? `$SRV.STATS.${instance.name}.${instance.id}` : '$SRV.STATS';
    const began = performance.now();
    try {
      if (this.state === 'connected') {
        connection.publish(subject, undefined, { reply: `${this.#replies}.${instance ? 'one' : ++this.#round}` });
      }
      const answered = connection.flush().then(() => true);
      answered.catch(() => {});
      if (!(await Promise.race([answered, pause(answerWithin).then(() => false)]))) {
        if (connection === this.#connection && this.state === 'connected') this.#become('silent');
        return false;
      }
      if (connection === this.#connection && this.state === 'silent') this.#become('connected');
      this.roundTrip = performance.now() - began;
      return true;
    } catch {
      return false;
    }
  }

  /** Calls timers.{action} of a service. Resolves to its reply's result; rejects with an Error to be read by people. */
  async control(service, action, args) {
    if (!this.isConnected) throw new Error('There is no connection to the NATS server.');
    const subject = `${service}.rpc.timers.${action}`;
    let message;
    try {
      message = await this.#connection.request(subject, JSON.stringify(args), { timeout: 5000 });
    } catch (error) {
      throw new Error(
        {
          [ErrorCode.NoResponders]: 'Nobody takes this request: the service does not allow remote control, or is gone.',
          [ErrorCode.Timeout]: 'No answer within 5 s. Whether it was done is not known.',
          [ErrorCode.PermissionsViolation]: `The NATS server does not let this page publish to ${subject}.`,
        }[error?.code] ?? `The request failed: ${error?.message ?? 'unknown reason'}`,
      );
    }
    const reply = parse(message.data);
    if (typeof reply?.error === 'string') throw new Error(reply.error);
    if (reply === null) throw new Error('The answer cannot be read.');
    return reply.result;
  }

  #become(state) {
    if (this.state === state) return;
    this.state = state;
    if (state === 'connected') this.hasBeenConnected = true;
    this.since = Date.now();
    this.dispatchEvent(new Event('state'));
  }

  #say(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }

  async #serve() {
    const address = this.#address;
    const connection = await connect({
      servers: address,
      ...this.#login,
      name: 'timer dashboard',
      inboxPrefix,
      timeout: 5000,
      maxReconnectAttempts: -1,
      reconnectTimeWait: retryAfter,
      pingInterval: 5000,
      maxPingOut: 2,
      // The server would tell the page of addresses that only the services can reach.
      ignoreClusterUpdates: true,
    });
    if (address !== this.#address) {
      await connection.close();
      return;
    }
    this.#connection = connection;
    this.#replies = createInbox(inboxPrefix);
    connection.subscribe(`${this.#replies}.*`, { callback: (error, message) => this.#receive(error, message) });
    this.#become('connected');
    this.#watch(connection);
    const failure = await connection.closed();
    if (failure) throw failure;
    if (this.state !== 'connecting') this.#become('away');
  }

  async #watch(connection) {
    for await (const status of connection.status()) {
      if (connection !== this.#connection) return;
      if (status.type === Events.Disconnect || status.type === DebugEvents.Reconnecting) this.#become('away');
      if (status.type === Events.Reconnect) this.#become('connected');
      if (status.type === Events.Error && status.permissionContext) this.#say('denied', status.permissionContext);
    }
  }

  #receive(error, message) {
    if (error) return;
    if (message.headers?.code === 503) {
      // One instance that has gone says nothing of the others.
      if (!message.subject.endsWith('.one')) this.#say('nobody');
      return;
    }
    const reply = parse(message.data);
    if (reply) this.#say('stats', { reply, size: message.data.length });
  }
}

function parse(bytes) {
  try {
    const value = JSON.parse(text.decode(bytes));
    return typeof value === 'object' && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}
