// check.mjs LOG SCREENSHOTS: looks at the live page with Chromium. LOG is the growing output of `examples/run
// dashboard`, which says where everything is. Ends with 1 at the first thing that is wrong.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { faintTexts } from './contrast.mjs';
import { startStranger, strangersTimer } from './stranger.mjs';

const [log, screenshots] = process.argv.slice(2);
const said = (expression) => [...readFileSync(log, 'utf8').matchAll(expression)].at(-1)?.slice(1);
const [address] = said(/The live page: (\S+)/g);
const [natsUrl] = said(/(nats:\/\/[\d.:]+)/g);
const timers = ['poll_gates', 'sell_tickets', 'sync_prices', 'count_visitors', 'print_report', 'close_books'];

const path = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
// Root, as in containers, has no sandbox to use.
const browser = await chromium.launch({ executablePath: path, chromiumSandbox: process.getuid() !== 0 });
const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, colorScheme: 'light' });
const page = await context.newPage();
const broken = [];
page.on('pageerror', (error) => broken.push(error.message));
page.on('console', (message) => {
  if (/Content Security Policy|Uncaught/.test(message.text())) broken.push(message.text());
});

async function until(what, condition, within = 20_000) {
  const end = Date.now() + within;
  let last;
  while (Date.now() < end) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  await page.screenshot({ path: `${screenshots}/failed.png`, fullPage: true });
  throw new Error(`not within ${within / 1000} s: ${what}${last ? ` (${last.message})` : ''}`);
}

const row = (name) => page.locator('.timer').filter({ has: page.getByRole('heading', { name, exact: true }) });
const text = (name, part) => row(name).locator(part).innerText();
const button = (name, action) => row(name).getByRole('button', { name: `${action} ${name}` });
const figure = async (name, term) => {
  const item = row(name).locator('.counts > div').filter({ has: page.locator('dt', { hasText: new RegExp(`^${term}$`) }) });
  return Number.parseInt((await item.locator('dd').innerText()).replaceAll(',', ''), 10);
};
const notice = () => page.locator('#notice').innerText();
const pause = (time) => new Promise((resolve) => setTimeout(resolve, time));
const shot = (name) => page.screenshot({ path: `${screenshots}/${name}.png`, fullPage: true });

const isTooWide = () => page.evaluate(() => document.documentElement.scrollWidth > document.documentElement.clientWidth);

const steps = {
  async 'the page shows the timers of the service'() {
    await page.goto(address);
    await until('six timers', async () => (await page.locator('.timer').count()) === timers.length);
    assert.deepEqual(await page.locator('.timer-name').allInnerTexts(), timers);
    assert.equal(await page.locator('.service-name').innerText(), 'ticket_office');
    assert.match(await text('print_report', '.schedule'), /every 5 s.*timeout 1 s/);
    assert.equal(await page.locator('#notice').isVisible(), false);
  },

  async 'counts rise'() {
    const [fast, slow] = [await figure('poll_gates', 'runs'), await figure('sell_tickets', 'runs')];
    await until('more runs of poll_gates', async () => (await figure('poll_gates', 'runs')) > fast + 20);
    await until('more runs of sell_tickets', async () => (await figure('sell_tickets', 'runs')) > slow + 1);
  },

  async 'a failure appears, with its text'() {
    await until('the error', async () => /: 503 Service Unavailable/.test(await text('sync_prices', '.error')));
    assert.ok((await figure('sync_prices', 'failed')) > 0);
    await until('its line among the failures seen', async () => {
      await row('sync_prices').locator('.more').evaluate((details) => (details.open = true));
      return /503 Service Unavailable/.test(await text('sync_prices', '.figures'));
    });
    await until('the coming runs', async () => {
      await row('sell_tickets').locator('.more').evaluate((details) => (details.open = true));
      return /coming runs\s*\d\d:\d\d:\d\d, /.test(await text('sell_tickets', '.figures'));
    });
    await row('sell_tickets').locator('.more').evaluate((details) => (details.open = false));
    await until('a failed run in the table', async () => /failed/.test(await text('sync_prices', '.recent')));
  },

  async 'runs are drawn'() {
    const colors = await row('sell_tickets')
      .locator('canvas')
      .evaluate((canvas) => {
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        const all = new Set();
        for (let n = 0; n < data.length; n += 4) if (data[n + 3] === 255) all.add(`${data[n]},${data[n + 1]},${data[n + 2]}`);
        return [...all];
      });
    assert.ok(colors.includes('47,111,91'), `no bar of a run among ${colors}`);
    assert.match(await row('sell_tickets').locator('canvas').getAttribute('aria-label'), /Runs of sell_tickets in the last/);

    // Somewhere along the newest runs the pointer is at one.
    const box = await row('sell_tickets').locator('canvas').boundingBox();
    let back = 60;
    await until('what is under the pointer', async () => {
      await page.mouse.move(box.x + box.width - back++, box.y + 15);
      return /succeeded.* late, took /.test(await text('sell_tickets', '.readout'));
    });
    await page.mouse.move(0, 0);
  },

  async 'a pause that is thought better of pauses nothing'() {
    await button('sell_tickets', 'Pause').click();
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('#pause-dialog').isVisible(), false);
    const runs = await figure('sell_tickets', 'runs');
    await until('more runs', async () => (await figure('sell_tickets', 'runs')) > runs);
  },

  async 'a pause needs a reason, stops the timer, and shows the reason'() {
    await button('sell_tickets', 'Pause').click();
    await page.locator('#reason').fill('   ');
    await page.keyboard.press('Enter');
    assert.equal(await page.locator('#pause-dialog').isVisible(), true);
    await page.locator('#reason').fill('stock-taking <b>today</b>');
    await page.keyboard.press('Enter');
    await until('the reason', async () => (await text('sell_tickets', '.reason')) === 'Paused: stock-taking <b>today</b>');
    assert.equal(await text('sell_tickets', '.state-word'), 'paused');
    await pause(1500);
    const runs = await figure('sell_tickets', 'runs');
    await pause(3500);
    assert.equal(await figure('sell_tickets', 'runs'), runs);
    assert.equal(await page.evaluate(() => document.activeElement.className), 'resume');
    await shot('paused');
  },

  async 'resume has it run again'() {
    const runs = await figure('sell_tickets', 'runs');
    await button('sell_tickets', 'Resume').click();
    await until('on schedule', async () => (await text('sell_tickets', '.state-word')) === 'on schedule');
    await until('more runs', async () => (await figure('sell_tickets', 'runs')) > runs);
    assert.equal(await row('sell_tickets').locator('.reason').isVisible(), false);
  },

  async 'trigger runs a timer that is not due'() {
    assert.equal(await figure('close_books', 'runs'), 0);
    await button('close_books', 'Trigger').click();
    await until('its run', async () => (await figure('close_books', 'runs')) === 1);
    assert.match(await page.locator('#said').textContent(), /close_books was triggered/);
  },

  async 'light and dark can be read'() {
    await page.locator('footer summary').click();
    assert.deepEqual(await page.evaluate(faintTexts), []);
    await shot('light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await pause(300);
    assert.deepEqual(await page.evaluate(faintTexts), []);
    assert.notEqual(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(244, 245, 246)');
    await shot('dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await page.locator('footer summary').click();
  },

  async 'what a service sends is text, never markup, and no remote control means no buttons'() {
    const leave = await startStranger(natsUrl);
    const stranger = page.locator('.service').filter({ hasText: 'stranger' });
    await until('the stranger', async () => (await stranger.count()) === 1);
    await until('its timer', async () => (await stranger.locator('.timer-name').first().innerText()) === strangersTimer.slice(0, 120));
    await until('what it does not allow', async () => /does not allow remote control/.test(await stranger.innerText()));
    assert.equal(await stranger.getByRole('button').count(), 0);
    assert.equal(await page.locator('main img, main script').count(), 0);
    assert.equal(await page.evaluate(() => window.harmed), undefined);
    assert.equal(await text('stuck', '.state-word'), 'overdue');
    assert.match(await stranger.locator('.error').first().innerText(), /\\u202elong/);
    await page.setViewportSize({ width: 360, height: 740 });
    assert.equal(await isTooWide(), false);
    await page.setViewportSize({ width: 1280, height: 900 });
    leave();
    await until('that it has gone', async () => /Has not answered since/.test(await stranger.innerText()));
    await shot('gone');
    await stranger.getByRole('button', { name: 'Remove stranger' }).click();
    await until('no stranger', async () => (await stranger.count()) === 0);
  },

  async 'at the width of a phone nothing scrolls sideways'() {
    await page.setViewportSize({ width: 360, height: 740 });
    await page.evaluate(() => document.querySelectorAll('.more').forEach((details) => (details.open = true)));
    await pause(500);
    assert.equal(await isTooWide(), false);
    await page.evaluate(() => document.querySelectorAll('.more').forEach((details) => (details.open = false)));
    await pause(500);
    await shot('phone');
    await page.setViewportSize({ width: 1280, height: 900 });
  },

  async 'a broker that is killed is said to be away, and the page recovers by itself'() {
    const runs = await figure('poll_gates', 'runs');
    process.kill(Number(said(/NATS server.*\(process (\d+)\)/g)[0]), 'SIGKILL');
    await until('the notice', async () => /The NATS server is away/.test(await notice()), 5000);
    assert.equal(await button('sell_tickets', 'Trigger').getAttribute('aria-disabled'), 'true');
    assert.match(await page.locator('#summary').innerText(), /Not connected/);
    assert.equal(await page.title(), 'Timers: not connected');
    await shot('away');
    await until('no notice', async () => !(await page.locator('#notice').isVisible()), 30_000);
    await until('more runs', async () => (await figure('poll_gates', 'runs')) > runs + 20);
    assert.equal(await button('sell_tickets', 'Trigger').getAttribute('aria-disabled'), 'false');
    assert.equal(await page.locator('.service').count(), 1);
  },

  async 'the server lets the page do no more than it needs'() {
    const refused = await page.evaluate(async (server) => {
      const { connect } = await import('./nats.js');
      const connection = await connect({ servers: server });
      const denied = [];
      connection.subscribe('>', { callback: (error) => denied.push(error?.permissionContext?.subject) });
      connection.publish('ticket_office.rpc.get_health');
      for await (const status of connection.status()) {
        if (status.permissionContext) denied.push(status.permissionContext.subject);
        if (denied.includes('>') && denied.includes('ticket_office.rpc.get_health')) break;
      }
      await connection.close();
      return denied;
    }, new URL(address).searchParams.get('server'));
    assert.ok(refused.includes('>') && refused.includes('ticket_office.rpc.get_health'));
  },

  async 'a page from elsewhere is refused, and says what may be wrong'() {
    await page.goto(address.replace('127.0.0.1', 'localhost'));
    await until('the notice', async () => /away[^]*refuses pages from http:\/\/localhost/.test(await notice()));
  },
};

try {
  for (const [name, step] of Object.entries(steps)) {
    const began = Date.now();
    await step().catch(async (error) => {
      await shot('failed');
      console.error(`NOT OK: ${name}\n${error.stack}`);
      process.exitCode = 1;
    });
    if (process.exitCode) break;
    console.log(`ok: ${name} (${((Date.now() - began) / 1000).toFixed(1)} s)`);
  }
  if (!process.exitCode) assert.deepEqual(broken, [], 'errors in the page');
} finally {
  await browser.close();
}
