// A service that wishes the page ill: markup wherever a text can be. The NATS protocol by hand.
import net from 'node:net';

const markup = '<img src=x onerror="window.harmed = 1"><script>window.harmed = 1</script>';
export const strangersTimer = `t${markup}`;

const reply = JSON.stringify({
  type: 'io.nats.micro.v1.stats_response',
  name: 'stranger',
  id: 'STRANGER',
  version: markup,
  metadata: {},
  started: markup,
  endpoints: [{ name: 'get_health', subject: 'stranger.rpc.get_health', queue_group: markup }, null, 7],
  data: {
    timer_count: 1e99,
    timers: [
      {
        name: strangersTimer,
        method_name: markup,
        interval: 1,
        is_running: true,
        execution_count: 'many',
        success_count: -5,
        error_count: 3,
        consecutive_errors: 2,
        last_error: `${markup}\u202e${'long'.repeat(1000)}`,
        is_paused: true,
        pause_reason: markup,
        next_execution: 'soon',
        skipped: null,
        lateness: [1, 2],
        execution_time: { p50: null },
      },
      { name: 'stuck', interval: 1, timeout: 1, is_running: true, is_executing: true, is_overdue: true, execution_count: 1 },
      { name: '__proto__', interval: 1e300 },
      { name: { toString: 'no' } },
      null,
    ],
  },
});

/** Connects and answers; returns what makes it go away. */
export async function startStranger(url) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.on('error', () => {});
  socket.on('data', (data) => {
    for (const line of data.toString().split('\r\n')) {
      if (line.startsWith('PING')) socket.write('PONG\r\n');
      const [verb, , , inbox] = line.split(' ');
      if (verb === 'MSG') socket.write(`PUB ${inbox} ${Buffer.byteLength(reply)}\r\n${reply}\r\n`);
    }
  });
  socket.write('CONNECT {"verbose":false}\r\nSUB $SRV.STATS 1\r\n');
  return () => socket.destroy();
}
