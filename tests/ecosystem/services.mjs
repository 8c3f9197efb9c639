// services.mjs URL NAME ID: what the services client of npm's `nats` says about the service that service.cpp is.

import assert from "node:assert/strict";
import { connect, Empty, headers, JSONCodec } from "nats";

const [url, name, id] = process.argv.slice(2);
const json = JSONCodec();
const connection = await connect({ servers: url });

async function all(answers) {
  const list = [];
  for await (const answer of await answers) list.push(answer);
  return list;
}

async function only(answers) {
  const list = await all(answers);
  assert.equal(list.length, 1);
  return list[0];
}

async function check(what, body) {
  await body();
  console.log(`ok: ${what}`);
}

const identity = { name, id, version: "1.2.3", metadata: {} };
const client = connection.services.client({ strategy: "stall", maxWait: 1000 });

// It connects in its own time.
for (let attempt = 0; ; ++attempt) {
  const found = await all(client.ping()).catch(() => []);
  if (found.length > 0) break;
  assert.ok(attempt < 50, "the service does not answer a ping");
  await new Promise((resolve) => setTimeout(resolve, 200));
}

await check("ping finds the service: all, by name, by id", async () => {
  for (const asked of [[], [name], [name, id]]) {
    assert.deepEqual(await only(client.ping(...asked)), {
      type: "io.nats.micro.v1.ping_response",
      ...identity,
    });
  }
  for (const nobody of [["other"], [name, "other"]]) {
    await assert.rejects(all(client.ping(...nobody)), { code: "503" });
  }
});

const subjects = { add: "shop.rpc.add", fail: "shop.rpc.fail", slow: "shop.rpc.slow" };

await check("info has the methods", async () => {
  assert.deepEqual(await only(client.info(name)), {
    type: "io.nats.micro.v1.info_response",
    ...identity,
    description: "sells",
    endpoints: Object.entries(subjects).map(([method, subject]) => ({
      name: method,
      subject,
      queue_group: "q",
      metadata: {},
    })),
  });
});

await check("a method that was found answers", async () => {
  const answer = await connection.request(subjects.add, json.encode({ a: 1, b: 2 }));
  assert.equal(answer.headers.get("Nats-Service-Error"), "");
  assert.equal(json.decode(answer.data).result, 3);
  const slow = await connection.request(subjects.slow, Empty);
  assert.equal(json.decode(slow.data).result, null);
});

await check("an error has the headers that clients look at", async () => {
  const failed = await connection.request(subjects.fail, Empty);
  assert.equal(failed.headers.get("Nats-Service-Error"), "out of stock until Gr?nkohl is back");
  assert.equal(failed.headers.get("Nats-Service-Error-Code"), "500");
  assert.equal(json.decode(failed.data).error, "out of stock\nuntil Grünkohl is back");
  const refused = await connection.request(subjects.add, json.encode({ a: "one" }));
  assert.equal(refused.headers.get("Nats-Service-Error-Code"), "400");
  assert.match(refused.headers.get("Nats-Service-Error"), /^bad argument: .*type must be number/);
  const unknown = await connection.request("shop.rpc.no_such", Empty);
  assert.equal(unknown.headers.get("Nats-Service-Error-Code"), "404");
});

await check("a trace goes on in the reply and in the event", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const span = "b7ad6b7169203331";
  const events = connection.subscribe("shop.added", { max: 1 });
  const sent = headers();
  sent.set("traceparent", `00-${trace}-${span}-01`);
  const answer = await connection.request(subjects.add, json.encode({ a: 1, b: 1 }), {
    headers: sent,
    timeout: 2000,
  });
  const continued = new RegExp(`^00-${trace}-(?!${span})[0-9a-f]{16}-01$`);
  assert.match(answer.headers.get("traceparent"), continued);
  for await (const event of events) {
    assert.match(event.headers.get("traceparent"), continued);
    assert.equal(event.headers.get("traceparent"), answer.headers.get("traceparent"));
  }
});

await check("statistics count all that, and the timers", async () => {
  const stats = await only(client.stats(name));
  assert.equal(stats.type, "io.nats.micro.v1.stats_response");
  for (const [key, value] of Object.entries(identity)) assert.deepEqual(stats[key], value);
  assert.ok(Math.abs(Date.now() - Date.parse(stats.started)) < 60_000, stats.started);
  const [add, fail, slow] = stats.endpoints;
  assert.deepEqual([add.name, add.num_requests, add.num_errors], ["add", 3, 1]);
  assert.deepEqual([fail.num_requests, fail.num_errors], [1, 1]);
  assert.equal(fail.last_error, "out of stock\nuntil Grünkohl is back");
  assert.deepEqual([slow.num_requests, slow.num_errors, slow.last_error], [1, 0, ""]);
  assert.ok(slow.processing_time >= 200e6 && slow.processing_time < 2e9, `${slow.processing_time} ns`);
  assert.equal(slow.average_processing_time, slow.processing_time);
  assert.equal(stats.data.timer_count, 2);
  const [tidy, broken] = stats.data.timers;
  assert.ok(tidy.success_count > 0);
  assert.ok(broken.error_count > 0);
  assert.equal(broken.last_error, "the mop is gone");
});

await connection.close();
