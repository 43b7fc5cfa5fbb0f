// Every page opens, loads nothing from elsewhere and reports no error; the first view is small.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, watched } from "./lib/browser.js";
import { crawl } from "./lib/crawl.js";
import { serve, until } from "./lib/server.js";

const FIRST_VIEW_BYTES_MAX = 60 * 1024;
const FIRST_VIEW_REQUESTS_MAX = 6;

let server, browser;
before(async () => {
  server = await serve({ args: ["--demo"] });
  browser = await launch();
  await until(async () => (await server.api("/stats")).queue.completed > 5, "jobs of the demonstration");
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("every page that a link leads to is fine", async () => {
  const tab = await watched(browser, server);
  const pages = await crawl(tab, server, async (path, answer) => {
    assert.equal(answer.status(), 200, path);
    const policy = answer.headers()["content-security-policy"];
    assert.match(policy, /default-src 'none'/, path);
    assert.doesNotMatch(policy, /unsafe/, path);
    assert.equal(await tab.page.locator("h1").count(), 1, `${path}: headings of the first level`);
    assert.equal(await tab.page.locator("script:not([src]), style, [style]").count(), 0, `${path}: inline script or style`);
  });
  assert.ok(pages.length >= 10, `pages: ${pages}`);
  await tab.close();
});

test("the navigation leads to pages", async () => {
  const tab = await watched(browser, server);
  await tab.go("/");
  const places = await tab.page.locator("nav[aria-label=Main] a").evaluateAll((all) => all.map((one) => one.href));
  assert.ok(places.length >= 5, `${places}`);
  for (const place of places) {
    const answer = await tab.page.goto(place);
    assert.equal(answer.status(), 200, place);
    assert.equal(await tab.page.locator("nav[aria-label=Main] a[aria-current=page]").count(), 1, place);
  }
  await tab.close();
});

test("the first view is small", async () => {
  const tab = await watched(browser, server);
  const session = await tab.context.newCDPSession(tab.page);
  await session.send("Network.enable");
  let [bytes, requests] = [0, 0];
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
    requests += 1;
  });
  await tab.go("/");
  await tab.page.waitForLoadState("load");
  assert.ok(bytes > 0 && bytes <= FIRST_VIEW_BYTES_MAX, `${bytes} bytes`);
  assert.ok(requests <= FIRST_VIEW_REQUESTS_MAX, `${requests} requests`);
  await tab.close();
});

test("what is not there is told as a page", async () => {
  const tab = await watched(browser, server);
  const answer = await tab.page.goto(`${server.ui}/jobs/1`);
  assert.equal(answer.status(), 404);
  assert.match(answer.headers()["content-type"], /text\/html/);
  assert.match(answer.headers()["content-security-policy"], /default-src 'none'/);
  await tab.close();
});
