// A browser whose pages are watched: what goes wrong in one fails the test.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Debian's browser; as root, in a container, it has no sandbox of its own. */
export function launch() {
  const executablePath = process.env.WINDLASS_CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"] });
}

/** A page in a context of its own, and what went wrong in it. */
export async function watched(browser, server, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const wrongs = [];
  // A refusal of the content security policy is told as an error of the console.
  page.on("console", (message) => {
    const isRefusal = /the server responded with a status of 4/.test(message.text());
    if (message.type() === "error" && !isRefusal) wrongs.push(`${page.url()}: ${message.text()}`);
  });
  page.on("pageerror", (error) => wrongs.push(`${page.url()}: ${error.message}`));
  page.on("dialog", (dialog) => {
    wrongs.push(`${page.url()}: a dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(`${server.url}/`) && !url.startsWith("data:")) wrongs.push(`off-origin: ${url}`);
  });
  const go = async (path = "/") => {
    const answer = await page.goto(`${server.ui}${path}`);
    assert.equal(answer.status(), 200, `${path}: ${answer.status()}`);
    return answer;
  };
  const close = async () => {
    await context.close();
    assert.deepEqual(wrongs, []);
  };
  return { page, context, go, close, wrongs };
}

/** Signs in with a key. */
export async function signIn(page, server, key) {
  await page.goto(`${server.ui}/login`);
  await page.getByLabel("API key").fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL((url) => !url.pathname.endsWith("/login"));
}

/** What axe finds serious or critical, one line each. */
export async function seriousFindings(page) {
  await page.evaluate(axe);
  const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await page.evaluate((tags) => globalThis.axe.run({ runOnly: tags }), tags);
  const serious = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  return serious.map(({ id, nodes }) => {
    const where = nodes.slice(0, 3).map(({ target, any }) => `${target} (${any[0]?.message ?? ""})`);
    return `${new URL(page.url()).pathname}: ${id}: ${where.join("; ")}`;
  });
}
