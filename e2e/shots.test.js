// The pictures of the README, taken when WINDLASS_SHOTS names a folder for them: cargo xtask e2e --shots.
import { test } from "node:test";
import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { launch, watched } from "./lib/browser.js";
import { serve } from "./lib/server.js";

const BYTES_MAX = 150_000;

// Charts have a point a minute.
const HISTORY_MS = Number(process.env.WINDLASS_SHOTS_AFTER_MS ?? 200_000);

const folder = process.env.WINDLASS_SHOTS;

test("pictures", { skip: folder ? false : "no folder is named", timeout: HISTORY_MS + 120_000 }, async () => {
  await mkdir(folder, { recursive: true });
  const [server, browser] = await Promise.all([serve({ args: ["--demo"] }), launch()]);
  try {
    await new Promise((resolve) => setTimeout(resolve, HISTORY_MS));
    const newest = async (place, query) => (await server.api(`/${place}?${query}`))[place.split("?")[0]][0];
    const job = await newest("jobs", "state=dead_letter&limit=1");
    const workflow = await newest("workflows", "limit=1");
    const shots = [
      ["overview-light", "light", "/?range=15m"],
      ["overview-dark", "dark", "/?range=15m"],
      ["job", "light", `/jobs/${job.id}`],
      ["workflow", "dark", `/workflows/${workflow.id}`],
    ];
    for (const [name, colorScheme, path] of shots) {
      const tab = await watched(browser, server, { colorScheme });
      await tab.go(path);
      await tab.page.waitForLoadState("load");
      const file = join(folder, `${name}.png`);
      await tab.page.screenshot({ path: file });
      const { size } = await stat(file);
      assert.ok(size <= BYTES_MAX, `${name}: ${size} bytes`);
      await tab.close();
    }
  } finally {
    await browser.close();
    await server.stop();
  }
});
