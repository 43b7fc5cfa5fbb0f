// What people do with many jobs, with queues, schedules, workflows and keys.
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

const list = async (query) => (await server.api(`/jobs?${query}`)).jobs;

/** Stores as many jobs of a type, in batches. */
async function store(number, job) {
  for (let left = number; left > 0; left -= 1000) {
    const jobs = Array.from({ length: Math.min(left, 1000) }, () => job);
    await server.api("/jobs/batch", { body: { jobs, atomic: true } });
  }
}

test("a group of dead letters is retried with two clicks", async () => {
  await store(5, { type: "fail", payload: { message: "no route to host" }, max_attempts: 1, queue: "dying" });
  await until(async () => (await list("state=dead_letter&queue=dying")).length === 5, "five dead letters");
  const tab = await watched(browser, server);
  await tab.go("/dead");
  const group = tab.page.locator("[data-group]", { hasText: "no route to host" });
  assert.match(await group.textContent(), /5/);

  await group.getByRole("button", { name: "Retry" }).click();
  await tab.page.locator("#go").click();

  await tab.page.waitForURL(/\/operations\/[^/?]+/);
  await tab.page.locator("#state", { hasText: "completed" }).waitFor();
  await until(async () => {
    const jobs = await list("queue=dying");
    return jobs.every(({ attempt, state }) => attempt === 2 && state === "dead_letter");
  }, "second attempts");
  await tab.close();
});

test("12,345 jobs that match are cancelled once their number is typed, and it is seen how far that is", async () => {
  await store(12_345, { type: "none", queue: "heap" });
  const tab = await watched(browser, server);
  await tab.go("/jobs?q=queue%3Aheap");
  await tab.page.locator("#action").selectOption("cancel");
  await tab.page.getByRole("button", { name: "with all that match" }).click();
  await tab.page.locator("#count", { hasText: "12,345" }).waitFor();

  await tab.page.locator("#typed-count").fill("12");
  await tab.page.locator("#go").click();
  assert.equal((await list("state=cancelled&queue=heap")).length, 0);
  assert.ok(await tab.page.locator("#typed-count:invalid").isVisible());
  await tab.page.locator("#typed-count").fill("12345");
  await tab.page.locator("#go").click();

  await tab.page.waitForURL(/\/operations\/[^/?]+/);
  tab.page.setDefaultTimeout(60_000);
  await tab.page.locator("#state", { hasText: "completed" }).waitFor();
  await tab.page.locator("#progress", { hasText: "12,345" }).waitFor();
  assert.equal((await server.api("/queues/heap/stats")).pending ?? 0, 0);
  await tab.close();
});

test("selected jobs are given another priority", async () => {
  await store(3, { type: "none", queue: "picked" });
  const tab = await watched(browser, server);
  await tab.go("/jobs?q=queue%3Apicked");
  await tab.page.locator('#rows input[name="id"]').nth(0).check();
  await tab.page.locator('#rows input[name="id"]').nth(2).check();
  await tab.page.locator("#picked", { hasText: "2 selected" }).waitFor();

  await tab.page.locator("#action").selectOption("set_priority");
  await tab.page.getByRole("button", { name: "with the selected" }).click();
  await tab.page.getByLabel("Priority").fill("0");
  await tab.page.locator("#go").click();

  await tab.page.locator("#state", { hasText: "completed" }).waitFor();
  assert.deepEqual((await list("queue=picked")).map(({ priority }) => priority), [0, 2, 0]);
  await tab.close();
});

test("a queue is paused with a reason, and resumed", async () => {
  await store(1, { type: "none", queue: "held" });
  const tab = await watched(browser, server);
  await tab.go("/queues/held");
  await tab.page.locator("details.more summary", { hasText: "Pause" }).click();
  await tab.page.getByLabel("Reason").fill("the printer burns");
  await tab.page.locator("details.more[open]").getByRole("button", { name: "Pause" }).click();

  await tab.page.locator("#state", { hasText: "paused" }).waitFor();
  assert.ok((await server.api("/queues/held")).paused);
  const [job] = await list("queue=held");
  await tab.go(`/jobs/${job.id}`);
  await tab.page.locator("#why", { hasText: "the printer burns" }).waitFor();

  await tab.go("/queues/held");
  await tab.page.getByRole("button", { name: "Resume" }).click();
  await until(async () => !(await server.api("/queues/held")).paused, "the end of the pause");
  await tab.close();
});

test("a schedule is previewed while it is written, made, run and paused", async () => {
  const tab = await watched(browser, server);
  await tab.go("/schedules");
  await tab.page.getByRole("link", { name: "New schedule" }).click();
  await tab.page.getByLabel("Name").fill("nightly");
  await tab.page.locator("#spec").fill("61 * * * *");
  await tab.page.locator("#preview .warn").waitFor();
  await tab.page.locator("#spec").fill("0 3 * * *");
  await tab.page.locator("#preview li", { hasText: "03:00" }).first().waitFor();
  await tab.page.getByLabel("Type of the job").fill("echo");
  await tab.page.getByRole("button", { name: "Create" }).click();
  await tab.page.waitForURL(/\/schedules\/nightly/);

  await tab.page.getByRole("button", { name: "Run its job now" }).click();
  await tab.page.waitForURL(/\/jobs\/\d+/);
  await tab.page.locator("#state", { hasText: "completed" }).waitFor();
  await tab.go("/schedules/nightly");
  await tab.page.locator("details.more summary", { hasText: "Pause" }).click();
  await tab.page.locator("details.more[open]").getByRole("button", { name: "Pause" }).click();
  await until(async () => (await server.api("/schedules/nightly")).paused, "the pause");
  await tab.page.locator("#state", { hasText: "paused" }).waitFor();
  await tab.close();
});

test("a workflow is drawn, and what failed in it is retried", async () => {
  const nodes = [
    { name: "fetch", type: "echo", payload: 1 },
    { name: "broken", type: "fail", payload: { permanent: true }, after: ["fetch"] },
    { name: "publish", type: "echo", payload: 2, after: ["broken"] },
  ];
  const { id } = await server.api("/workflows", { body: { name: "release", nodes } });
  const tab = await watched(browser, server);
  await tab.go(`/workflows/${id}`);

  await tab.page.locator("#graph svg", { hasText: "publish" }).waitFor();
  await tab.page.getByRole("button", { name: "Retry what failed" }).click();

  await tab.page.locator("#notice").waitFor();
  const failed = async () => (await list("type=fail")).find(({ workflow_id }) => workflow_id === id);
  await until(async () => (await server.api(`/jobs/${(await failed()).id}/attempts`)).attempts.length >= 2, "a retry");
  await tab.close();
});

test("what was done is written down", async () => {
  const tab = await watched(browser, server);
  await tab.go("/audit");
  await tab.page.locator("tr", { hasText: "pause" }).first().waitFor();
  await tab.close();
});

// The last: from the first key on everybody needs one.
test("a key is made, shown once, and asked for from then on", async () => {
  const tab = await watched(browser, server);
  await tab.go("/keys");
  await tab.page.locator("#role").selectOption("admin");
  await tab.page.getByLabel("Label").fill("first");
  await tab.page.getByRole("button", { name: "Make the key" }).click();
  const secret = (await tab.page.locator("#secret").textContent()).trim();
  assert.match(secret, /^wl_/);

  await tab.page.goto(`${server.ui}/keys`);

  assert.match(tab.page.url(), /\/login/);
  assert.ok(!(await tab.page.content()).includes(secret));
  await tab.close();
});
