// Who may do what: sessions, roles, and requests that no page made.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, signIn, watched } from "./lib/browser.js";
import { crawl } from "./lib/crawl.js";
import { serve } from "./lib/server.js";

let server, browser, job;
before(async () => {
  server = await serve({ roles: ["admin", "operator", "viewer"] });
  browser = await launch();
  job = await server.api("/jobs", { body: { type: "echo", payload: { secret: "tangerine" }, delay: "1h" } });
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

/** Posts a form as a page would, with what `fields` say. */
const post = (tab, path, fields) =>
  tab.page.evaluate(
    async ([path, fields]) => {
      const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields), redirect: "manual" });
      return answer.status;
    },
    [`/ui${path}`, fields],
  );

const token = (tab) => tab.page.locator('meta[name="windlass-token"]').getAttribute("content");

test("without a key there is nothing but the question for one", async () => {
  const tab = await watched(browser, server);
  for (const path of ["/", "/jobs", `/jobs/${job.id}`]) {
    await tab.page.goto(`${server.ui}${path}`);
    assert.match(tab.page.url(), /\/ui\/login/);
    assert.equal(await tab.page.getByText("tangerine").count(), 0);
  }
  await tab.close();
});

test("a wrong key is refused, a right one leads to where one was going", async () => {
  const tab = await watched(browser, server);
  await tab.page.goto(`${server.ui}/jobs`);
  await tab.page.getByLabel("API key").fill("wl_000000000000_nonsense");
  await tab.page.getByRole("button", { name: "Sign in" }).click();
  await tab.page.getByRole("alert").waitFor();

  await tab.page.getByLabel("API key").fill(server.keys.admin);
  await tab.page.getByRole("button", { name: "Sign in" }).click();
  await tab.page.waitForURL(/\/ui\/jobs/);
  await tab.close();
});

test("a session is kept from scripts and other sites, and ends when one signs out", async () => {
  const tab = await watched(browser, server);
  await signIn(tab.page, server, server.keys.operator);
  const cookies = await tab.context.cookies();
  const session = cookies.find(({ httpOnly }) => httpOnly);
  assert.equal(session?.sameSite, "Strict");
  assert.ok(!session.value.includes(server.keys.operator));

  await tab.page.getByRole("button", { name: "Sign out" }).click();
  await tab.page.waitForURL(/\/login/);
  await tab.context.addCookies([session]);
  await tab.page.goto(`${server.ui}/jobs`);
  assert.match(tab.page.url(), /\/ui\/login/);
  await tab.close();
});

test("a session ends with its key", async () => {
  const made = await server.api("/keys", { body: { label: "short", role: "operator" } });
  const tab = await watched(browser, server);
  await signIn(tab.page, server, made.key ?? made.secret);
  await tab.go("/jobs");

  await server.api(`/keys/${made.id}`, { method: "DELETE" });
  await tab.page.goto(`${server.ui}/jobs`);

  assert.match(tab.page.url(), /\/ui\/login/);
  await tab.close();
});

test("a viewer sees no button, no payload, and is refused what a page does not offer", async () => {
  const tab = await watched(browser, server);
  await signIn(tab.page, server, server.keys.viewer);
  await crawl(tab, server, async (path, answer) => {
    assert.equal(answer.status(), 200, path);
    const buttons = await tab.page.locator('main form[method="post"] button').count();
    assert.equal(buttons, 0, `${path}: buttons that change something`);
  });
  await tab.go(`/jobs/${job.id}`);
  assert.doesNotMatch(await tab.page.content(), /tangerine/);
  const fields = { token: await token(tab) };

  for (const act of ["retry", "cancel", "duplicate", "delete", "edit"]) {
    assert.equal(await post(tab, `/jobs/${job.id}/${act}`, fields), 403, act);
  }
  for (const path of ["/queues/default/pause", "/queues/default/purge", "/operations", "/schedules", "/keys"]) {
    assert.equal(await post(tab, path, fields), 403, path);
  }
  assert.equal((await server.api(`/jobs/${job.id}`)).state, "delayed");
  await tab.close();
});

test("a request that no page of ours made changes nothing", async () => {
  const tab = await watched(browser, server);
  await signIn(tab.page, server, server.keys.admin);
  await tab.go("/jobs");
  const path = `/jobs/${job.id}/cancel`;

  assert.equal(await post(tab, path, {}), 403);
  assert.equal(await post(tab, path, { token: "x".repeat(43) }), 403);
  const foreign = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" };
  const answer = await tab.context.request.post(`${server.ui}${path}`, { headers: foreign, form: { token: await token(tab) } });
  assert.equal(answer.status(), 403);

  assert.equal((await server.api(`/jobs/${job.id}`)).state, "delayed");
  await tab.close();
});
