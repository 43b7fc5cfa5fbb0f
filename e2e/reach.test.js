// For everybody: both themes, the keyboard alone, narrow screens, and without scripts.
import { after, before, test } from "node:test";
import assert from "node:assert/strict";
import { launch, seriousFindings, watched } from "./lib/browser.js";
import { crawl } from "./lib/crawl.js";
import { serve, until } from "./lib/server.js";

let server, browser;
before(async () => {
  server = await serve({ args: ["--demo"] });
  browser = await launch();
  await until(async () => (await server.api("/stats")).queue.completed > 20, "jobs of the demonstration");
  // Nothing moves while it is looked at: pages are read, not raced with.
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

for (const colorScheme of ["light", "dark"]) {
  test(`axe finds nothing serious in the ${colorScheme} theme`, async () => {
    const tab = await watched(browser, server, { colorScheme });
    const findings = [];
    await crawl(tab, server, async () => findings.push(...(await seriousFindings(tab.page))));
    assert.deepEqual(findings, []);
    await tab.close();
  });
}

for (const width of [320, 800]) {
  test(`no page is wider than a screen of ${width} pixels`, async () => {
    const tab = await watched(browser, server, { viewport: { width, height: 640 } });
    const wide = [];
    await crawl(tab, server, async (path) => {
      const all = await tab.page.evaluate(() => document.documentElement.scrollWidth);
      if (all > width) wide.push(`${path}: ${all}`);
    });
    assert.deepEqual(wide, []);
    await tab.close();
  });
}

test("the keyboard alone finds a job, opens it and leaves again", async () => {
  const tab = await watched(browser, server);
  const { keyboard } = tab.page;
  await tab.go("/");
  await keyboard.press("Tab");
  assert.equal(await tab.page.evaluate(() => document.activeElement.textContent), "Skip to content");
  await keyboard.press("g");
  await keyboard.press("j");
  await tab.page.waitForURL(/\/ui\/jobs$/);
  await keyboard.press("j");
  await keyboard.press("j");
  await keyboard.press("k");
  assert.equal(await tab.page.locator("[data-row].at").count(), 1);
  await keyboard.press("Enter");
  await tab.page.waitForURL(/\/ui\/jobs\/\d+$/);
  await keyboard.press("u");
  await tab.page.waitForURL(/\/ui\/jobs$/);
  await keyboard.press("/");
  await keyboard.type("state:completed");
  await keyboard.press("Enter");
  await tab.page.waitForURL(/q=state/);
  await keyboard.press("?");
  await tab.page.getByRole("dialog").waitFor();
  await keyboard.press("Escape");
  await tab.page.getByRole("dialog").waitFor({ state: "hidden" });
  await tab.close();
});

test("shortcuts can be switched off", async () => {
  const tab = await watched(browser, server);
  await tab.go("/jobs");
  await tab.page.keyboard.press("?");
  await tab.page.getByLabel("Shortcuts are on").uncheck();
  await tab.page.keyboard.press("Escape");

  await tab.page.keyboard.press("?");

  assert.equal(await tab.page.getByRole("dialog").isVisible(), false);
  await tab.close();
});

test("whatever can be done is reached with Tab, and shows where the focus is", async () => {
  const job = await server.api("/jobs", { body: { type: "echo", delay: "1h" } });
  const tab = await watched(browser, server);
  await tab.go(`/jobs/${job.id}`);
  const reached = new Set();
  for (let n = 0; n < 80; n += 1) {
    await tab.page.keyboard.press("Tab");
    const [name, isShown] = await tab.page.evaluate(() => {
      const one = document.activeElement;
      const { outlineStyle, boxShadow } = getComputedStyle(one);
      return [one.textContent.trim(), outlineStyle !== "none" || boxShadow !== "none"];
    });
    if (name !== "" && name.length < 40) assert.ok(isShown, `${name}: no focus is seen`);
    reached.add(name);
  }
  for (const button of ["Run now", "Cancel", "Edit", "Duplicate"]) {
    assert.ok(reached.has(button), `${button} is not reached: ${[...reached].filter((it) => it.length < 40)}`);
  }
  await tab.close();
});

test("the theme is chosen and kept", async () => {
  const tab = await watched(browser, server, { colorScheme: "light" });
  await tab.go("/");
  const ground = () => tab.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  const button = tab.page.locator("#theme");
  while (!(await button.textContent()).includes("dark")) await button.click();

  await tab.go("/jobs");

  assert.notEqual(await ground(), light);
  await tab.close();
});

test("without scripts jobs are found, read and retried", async () => {
  const job = await server.api("/jobs", { body: { type: "echo", payload: { n: 7 }, delay: "1h" } });
  const tab = await watched(browser, server, { javaScriptEnabled: false });
  await tab.go("/jobs");
  await tab.page.locator("#query").fill("state:delayed type:echo");
  await tab.page.getByRole("button", { name: "Find", exact: true }).click();
  await tab.page.getByRole("link", { name: job.id }).click();
  await tab.page.locator("#payload", { hasText: "7" }).waitFor();

  await tab.page.getByRole("button", { name: "Run now" }).click();

  await until(async () => (await server.api(`/jobs/${job.id}`)).state === "completed", "the job");
  await tab.page.reload();
  await tab.page.locator("#state", { hasText: "completed" }).waitFor();
  await tab.close();
});
