// What people do with jobs, from the first click to the last, as it appears on the page.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, watched } from "./lib/browser.js";
import { serve, until } from "./lib/server.js";

let server, browser;
before(async () => {
  server = await serve();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

const store = (type, payload = {}, more = {}) => server.api("/jobs", { body: { type, payload, ...more } });
const state = (id, wanted) =>
  until(async () => (await server.api(`/jobs/${id}`)).state === wanted, `job ${id} is ${wanted}`);

test("a job that is stored appears by itself, and so does its end", async () => {
  const tab = await watched(browser, server);
  await tab.go("/jobs?q=queue%3Alive");
  await tab.page.locator("html[data-frames], #live:not(.away)").first().waitFor();

  const job = await store("sleep", { ms: 1500 }, { queue: "live" });

  await tab.page.locator(`#job-${job.id}`).waitFor();
  await tab.page.locator(`#job-${job.id} .state-cell`, { hasText: "completed" }).waitFor();
  await tab.close();
});

test("new jobs do not move what is there until somebody asks for them", async () => {
  const first = await store("echo", 1, { queue: "still" });
  await state(first.id, "completed");
  const tab = await watched(browser, server);
  await tab.go("/jobs?q=queue%3Astill");

  const second = await store("echo", 2, { queue: "still" });
  await tab.page.locator("#news", { hasText: "1 new" }).waitFor();

  assert.equal(await tab.page.locator("#rows tr").count(), 1);
  await tab.page.locator("#news").click();
  await tab.page.locator(`#job-${second.id}`).waitFor();
  assert.equal(await tab.page.locator("#rows tr").first().getAttribute("id"), `job-${second.id}`);
  await tab.close();
});

test("the page of a job follows it from its start to its end", async () => {
  const job = await store("sleep", { ms: 1000 }, { delay: "1s" });
  const tab = await watched(browser, server);
  await tab.go(`/jobs/${job.id}`);

  await tab.page.locator("#state", { hasText: "running" }).waitFor();
  await tab.page.locator("#state", { hasText: "completed" }).waitFor();

  await tab.page.locator("#result", { hasText: "slept_ms" }).waitFor();
  await tab.page.locator("#timeline svg").waitFor();
  await tab.close();
});

test("a failure is understood and retried", async () => {
  const job = await store("fail", { message: "no route to host", permanent: true });
  await state(job.id, "failed");
  const tab = await watched(browser, server);
  await tab.go("/jobs?q=state%3Afailed");
  await tab.page.getByRole("link", { name: job.id }).click();
  await tab.page.locator("#error", { hasText: "no route to host" }).waitFor();

  await tab.page.getByRole("button", { name: "Retry", exact: true }).click();
  await tab.page.locator("#notice").waitFor();

  await until(async () => (await server.api(`/jobs/${job.id}/attempts`)).attempts.length >= 2, "a second attempt");
  await tab.page.locator("#attempts tbody tr").nth(1).waitFor();
  await tab.close();
});

test("a job that waits is run now, or cancelled", async () => {
  const [now, never] = await Promise.all([1, 2].map(() => store("echo", {}, { delay: "1h" })));
  const tab = await watched(browser, server);

  await tab.go(`/jobs/${now.id}`);
  await tab.page.getByRole("button", { name: "Run now" }).click();
  await state(now.id, "completed");
  await tab.go(`/jobs/${never.id}`);
  await tab.page.getByRole("button", { name: "Cancel", exact: true }).click();
  await state(never.id, "cancelled");

  await tab.page.locator("#state", { hasText: "cancelled" }).waitFor();
  await tab.close();
});

test("a change to a job that has changed meanwhile is not stored over it unseen", async () => {
  const job = await store("echo", { n: 1 }, { delay: "1h" });
  const tab = await watched(browser, server);
  await tab.go(`/jobs/${job.id}/edit`);
  await server.api(`/jobs/${job.id}`, { method: "PATCH", body: { tags: { by: "another" } } });

  await tab.page.getByLabel("Payload").fill('{"n":2}');
  await tab.page.getByRole("button", { name: "Store the changes" }).click();

  await tab.page.locator("#conflict").waitFor();
  assert.equal(await tab.page.getByLabel("Payload").inputValue(), '{"n":2}');
  assert.deepEqual((await server.api(`/jobs/${job.id}`)).payload, { n: 1 });
  await tab.page.getByRole("button", { name: "Store the changes" }).click();
  await until(async () => (await server.api(`/jobs/${job.id}`)).payload.n === 2, "the change");
  await tab.close();
});

test("a job is copied, and deleted for good", async () => {
  const job = await store("echo", { a: 1 });
  await state(job.id, "completed");
  const tab = await watched(browser, server);
  await tab.go(`/jobs/${job.id}`);

  await tab.page.getByRole("button", { name: "Duplicate" }).click();
  await tab.page.waitForURL((url) => !url.pathname.endsWith(job.id));
  const copy = new URL(tab.page.url()).pathname.split("/").pop();
  assert.deepEqual((await server.api(`/jobs/${copy}`)).payload, { a: 1 });

  await tab.go(`/jobs/${job.id}`);
  await tab.page.locator("#more summary").click();
  await tab.page.getByRole("button", { name: "Delete for good" }).click();
  await tab.page.waitForURL((url) => !url.pathname.endsWith(job.id));
  await assert.rejects(server.api(`/jobs/${job.id}`), /404/);
  await tab.close();
});

test("a question that cannot be understood is told so", async () => {
  const tab = await watched(browser, server);
  await tab.page.goto(`${server.ui}/jobs?q=state%3Anonsense`);
  await tab.page.getByRole("alert").waitFor();
  await tab.close();
});
