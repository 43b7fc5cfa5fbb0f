// Text that would be a script if it were not escaped, in everything that clients may write.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, watched } from "./lib/browser.js";
import { crawl } from "./lib/crawl.js";
import { serve, until } from "./lib/server.js";

const CANARY = `"'><script>globalThis.hit=1</script><img src=canary onerror="globalThis.hit=1">`;

let server, browser;
before(async () => {
  server = await serve();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Puts the canary wherever the API takes a text: the ids of jobs to look at. */
async function fill() {
  const everywhere = {
    payload: { [CANARY]: CANARY },
    tags: { [CANARY.slice(0, 60)]: CANARY },
    metadata: { [CANARY.slice(0, 60)]: CANARY },
    correlation_id: CANARY,
    idempotency_key: CANARY,
  };
  const failing = { ...everywhere, idempotency_key: `${CANARY}2`, payload: { message: CANARY, permanent: true } };
  const dead = { type: "fail", payload: { message: CANARY }, max_attempts: 1 };
  const jobs = await Promise.all([
    server.api("/jobs", { body: { type: "held", ...everywhere } }),
    server.api("/jobs", { body: { type: "fail", ...failing } }),
    server.api("/jobs", { body: dead }),
    server.api("/jobs", { body: { type: "echo", payload: CANARY } }),
  ]);
  const held = (await server.api("/jobs/claim", { body: { worker: "canary", types: ["held"], lease: "10m" } })).jobs[0];
  const { token } = held.lease;
  await server.api(`/jobs/${held.id}/logs`, { body: { token, data: [{ text: CANARY, level: "error" }] } });
  await server.api(`/jobs/${held.id}/checkpoint`, { method: "PUT", body: { token, data: { [CANARY]: CANARY } } });
  await server.api("/workers", { body: { name: "canary", labels: { label: CANARY }, version: CANARY, types: ["none"] } });
  const waiting = await server.api("/jobs", { body: { type: "none", delay: "1h" } });
  await server.api(`/jobs/${waiting.id}/cancel`, { body: { reason: CANARY } });
  await server.api("/queues/default/pause", { body: { reason: CANARY } });
  const schedule = { name: "canary", cron: "0 0 1 1 *", job: { type: "none", payload: CANARY, tags: { tag: CANARY } } };
  await server.api("/schedules", { body: schedule });
  await server.api("/workflows", { body: { nodes: [{ name: "first", type: "none", payload: CANARY }] } });
  await until(async () => (await server.api(`/jobs/${jobs[2].id}`)).state === "dead_letter", "a dead letter");
  return [...jobs, waiting].map(({ id }) => id);
}

test("what clients write is text on every page", async () => {
  const ids = await fill();
  const tab = await watched(browser, server);
  const look = async (path) => {
    assert.equal(await tab.page.evaluate(() => globalThis.hit), undefined, path);
    assert.equal(await tab.page.locator('img[src="canary"]').count(), 0, path);
  };
  const pages = await crawl(tab, server, look);
  for (const id of ids) {
    await tab.go(`/jobs/${id}`);
    await look(`/jobs/${id}`);
    await tab.page.goto(`${server.ui}/jobs/${id}/edit`);
    await look(`/jobs/${id}/edit`);
  }
  for (const question of [CANARY, `tag:a:${CANARY}`, `state:${CANARY}`]) {
    await tab.page.goto(`${server.ui}/jobs?q=${encodeURIComponent(question)}`);
    await look("/jobs?q=");
    assert.equal(await tab.page.locator("#query").inputValue(), question);
  }
  await tab.go(`/jobs/${ids[0]}`);
  await tab.page.locator("#payload", { hasText: "<script>" }).waitFor();
  await tab.page.locator("#logs", { hasText: "<script>" }).waitFor();
  assert.ok(pages.length >= 8, `${pages}`);
  await tab.close();
});
