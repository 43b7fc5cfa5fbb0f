// Every page that a link leads to, a few of each kind.

const OF_A_KIND_MAX = 2;
const PAGES_MAX = 60;

/** Pages of one kind differ in their ids, names and questions only. */
function kind(path) {
  const [place, query] = path.split("?");
  const parts = place.split("/").filter(Boolean);
  const shown = parts.map((part, n) => (n > 0 && n < 2 ? "*" : part));
  return `${shown.join("/")}?${new URLSearchParams(query ?? "").keys().next().value ?? ""}`;
}

/** Goes to every page below `/ui` and calls `look(path, answer)` on it: the paths. */
export async function crawl({ page }, server, look) {
  const [found, seen, kinds] = [["/"], new Set(["/"]), new Map()];
  const visited = [];
  while (found.length > 0 && visited.length < PAGES_MAX) {
    const path = found.shift();
    const known = kinds.get(kind(path)) ?? 0;
    if (known >= OF_A_KIND_MAX) continue;
    kinds.set(kind(path), known + 1);
    const answer = await page.goto(`${server.ui}${path}`);
    visited.push(path);
    await look(path, answer);
    // Links of a drawing have no address of their own.
    const address = (all) => all.map((one) => new URL(one.getAttribute("href"), document.baseURI).href);
    const links = await page.$$eval("a[href]", address);
    for (const link of links) {
      const url = new URL(link);
      if (url.origin !== server.url || !url.pathname.startsWith("/ui/")) continue;
      const next = url.pathname.slice(3) + url.search;
      if (!seen.has(next)) found.push(next);
      seen.add(next);
    }
  }
  return visited;
}
