// What pages can do more than without scripts: live updates, shortcuts, themes, times, selection.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const meta = (name) => document.querySelector(`meta[name="windlass-${name}"]`)?.content ?? "";
  const root = meta("root");
  const stored = {
    get: (key) => { try { return localStorage.getItem(`windlass.${key}`); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(`windlass.${key}`, value); } catch { /* not kept */ } },
  };

  all("[data-script]").forEach((one) => { one.hidden = false; });
  all("[data-noscript]").forEach((one) => { one.hidden = true; });
  if (location.search.includes("notice=")) {
    const clean = new URL(location.href);
    clean.searchParams.delete("notice");
    history.replaceState(null, "", clean);
  }

  // Theme and density: cookies, so that the server writes them into the page and nothing flickers.
  const html = document.documentElement;
  const choice = (name, label, words) => {
    const button = $(name);
    const show = () => { if (button) { button.textContent = html.dataset[name]; button.setAttribute("aria-label", `${label}: ${html.dataset[name]}`); } };
    const next = () => {
      html.dataset[name] = words[(words.indexOf(html.dataset[name]) + 1) % words.length];
      document.cookie = `windlass_${name}=${html.dataset[name]}; path=/; max-age=31536000; samesite=strict`;
      show();
    };
    show();
    button?.addEventListener("click", next);
    return next;
  };
  const nextTheme = choice("theme", "Theme", ["auto", "light", "dark", "contrast"]);
  choice("density", "Density", ["roomy", "dense"]);

  // Times: how long ago, in UTC or in local time.
  const modes = ["ago", "utc", "local"];
  let mode = modes.includes(stored.get("times")) ? stored.get("times") : "ago";
  const pad = (n) => String(n).padStart(2, "0");
  const units = [[86400, "d"], [3600, "h"], [60, "m"], [1, "s"]];
  const ago = (then) => {
    const seconds = Math.round((Date.now() - then) / 1000);
    const far = Math.abs(seconds);
    const at = units.findIndex(([length]) => far >= length);
    if (at < 0) return "now";
    const [length, unit] = units[at];
    const rest = units[at + 1] && at < 3 && far < 10 * length ? Math.floor((far % length) / units[at + 1][0]) : 0;
    const text = `${Math.floor(far / length)}${unit}${rest ? ` ${rest}${units[at + 1][1]}` : ""}`;
    return seconds < 0 ? `in ${text}` : `${text} ago`;
  };
  const told = (one) => {
    const then = new Date(one.dateTime);
    if (mode === "ago") return ago(then);
    if (mode === "utc") return one.title.replace(" UTC", "");
    return `${then.getFullYear()}-${pad(then.getMonth() + 1)}-${pad(then.getDate())} ${pad(then.getHours())}:${pad(then.getMinutes())}:${pad(then.getSeconds())}`;
  };
  const tellTimes = (from = document) => all("time[datetime]", from).forEach((one) => {
    const text = told(one);
    if (one.textContent !== text) one.textContent = text;
  });
  const times = $("times");
  const showMode = () => { if (times) times.textContent = mode; };
  times?.addEventListener("click", () => {
    mode = modes[(modes.indexOf(mode) + 1) % modes.length];
    stored.set("times", mode);
    showMode();
    tellTimes();
  });
  showMode();
  tellTimes();
  setInterval(() => { if (!document.hidden && mode === "ago") tellTimes(); }, 1000);

  // Forms: what came live has no token; lists that choose send themselves.
  document.addEventListener("submit", (event) => {
    const token = event.target.querySelector('input[name="token"]');
    if (token) token.value = meta("token");
  }, true);
  all("[data-submit]").forEach((one) => one.addEventListener("change", () => one.form.requestSubmit()));

  // The query bar offers words one after the other: each offer begins with what stands before the last word.
  const offers = all("#words option").map((one) => [one, one.value]);
  $("query")?.addEventListener("input", (event) => {
    const text = event.target.value;
    const before = text.slice(0, text.lastIndexOf(" ") + 1);
    offers.forEach(([one, word]) => { one.value = before + word; });
  });

  // Selection
  const picks = () => all('#rows input[name="id"]');
  const showPicked = () => {
    const n = picks().filter((one) => one.checked).length;
    if ($("picked")) $("picked").textContent = `${n} selected`;
    if ($("pick-all")) $("pick-all").checked = n > 0 && n === picks().length;
  };
  document.addEventListener("change", (event) => {
    if (event.target.id === "pick-all") picks().forEach((one) => { one.checked = event.target.checked; });
    showPicked();
  });

  // Live: the page itself as a stream; regions that changed are put in place, rows never move.
  const last = new Map();
  let source = null;
  let isWanted = stored.get("live") !== "off";
  let waiting = null;
  const live = $("live");
  const say = (text, isAway) => {
    if (!live) return;
    $("live-text").textContent = text;
    live.classList.toggle("away", Boolean(isAway));
    live.setAttribute("aria-pressed", String(isWanted));
  };
  const isBusy = (region) => {
    const focus = document.activeElement;
    if (focus && region !== focus && region.contains(focus) && focus.matches("input, select, textarea, summary, button")) return true;
    if (region.querySelector("details[open]")) return true;
    const chosen = getSelection();
    return Boolean(chosen && !chosen.isCollapsed && region.contains(chosen.anchorNode));
  };
  const putRows = (body, next) => {
    const mine = new Map(all("tr[id]", body).map((row) => [row.id, row]));
    const fresh = [];
    for (const row of all("tr[id]", next)) {
      const old = mine.get(row.id);
      const text = row.outerHTML;
      if (!old) { fresh.push(row); continue; }
      if (last.get(row.id) === text) continue;
      last.set(row.id, text);
      // Cell by cell: the row, its box and what has the focus stay.
      const cells = [...document.importNode(row, true).children];
      [...old.children].forEach((cell, index) => {
        if (!cell.contains(document.activeElement) && !cell.querySelector("input")) cell.replaceWith(cells[index]);
      });
      tellTimes(old);
    }
    if (mine.size === 0 && fresh.length) { showNew(next); return; }
    const news = $("news");
    if (!news) return;
    waiting = fresh.length ? next : null;
    news.hidden = !fresh.length;
    news.textContent = `\u25b2 ${fresh.length} new - show`;
  };
  const showNew = (next) => {
    const body = $("rows");
    const picked = new Set(picks().filter((one) => one.checked).map((one) => one.value));
    const known = new Set(all("tr[id]", body).map((row) => row.id));
    body.replaceChildren(...all("tr[id]", next).map((row) => document.importNode(row, true)));
    all("tr[id]", body).forEach((row) => {
      last.set(row.id, row.outerHTML);
      if (!known.has(row.id)) row.classList.add("fresh");
      const box = row.querySelector('input[name="id"]');
      if (box) box.checked = picked.has(box.value);
    });
    if ($("no-rows")) $("no-rows").hidden = true;
    if ($("news")) $("news").hidden = true;
    waiting = null;
    tellTimes(body);
    showPicked();
  };
  $("news")?.addEventListener("click", () => { if (waiting) showNew(waiting); });
  let spoken = 0;
  let skipped = "";
  const frame = (text) => {
    const next = new DOMParser().parseFromString(text, "text/html");
    let changed = 0;
    skipped = "";
    for (const region of all("[data-live][id]", next)) {
      const mine = $(region.id);
      if (!mine) continue;
      if (region.dataset.live === "rows") { putRows(mine, region); continue; }
      if (last.get(region.id) === region.innerHTML) continue;
      // What somebody is at is changed when they have left it.
      if (isBusy(mine)) { skipped = text; continue; }
      last.set(region.id, region.innerHTML);
      mine.replaceChildren(...[...region.childNodes].map((one) => document.importNode(one, true)));
      tellTimes(mine);
      changed += 1;
    }
    const state = $("state")?.textContent.trim();
    if (state && state !== last.get("spoken") && Date.now() - spoken > 10000) {
      if (last.has("spoken") && $("summary")) { $("summary").textContent = `The job is ${state}`; spoken = Date.now(); }
      last.set("spoken", state);
    }
    html.dataset.frames = String(Number(html.dataset.frames ?? 0) + (changed ? 1 : 0));
  };
  setInterval(() => { if (skipped) frame(skipped); }, 2000);
  const shut = () => { source?.close(); source = null; };
  const open = () => {
    shut();
    if (!isWanted || document.hidden || !document.querySelector("[data-live]")) {
      say(isWanted ? "live" : "paused");
      return;
    }
    source = new EventSource(location.href);
    source.addEventListener("open", () => say("live"));
    source.addEventListener("frame", (event) => frame(event.data));
    source.addEventListener("error", () => {
      say("away", true);
      // What the browser gives up on is asked for again, later.
      if (source?.readyState === EventSource.CLOSED) setTimeout(open, 5000);
    });
  };
  const toggleLive = () => {
    isWanted = !isWanted;
    stored.set("live", isWanted ? "on" : "off");
    open();
  };
  live?.addEventListener("click", toggleLive);
  document.addEventListener("visibilitychange", () => (document.hidden ? shut() : open()));
  addEventListener("pagehide", shut);
  if (!document.querySelector("[data-live]") && live) live.hidden = true;
  open();

  // Shortcuts
  const help = $("help");
  const on = $("keys-on");
  if (on) {
    on.checked = stored.get("keys") !== "off";
    on.addEventListener("change", () => stored.set("keys", on.checked ? "on" : "off"));
  }
  $("help-open")?.addEventListener("click", () => help.showModal());
  const rows = () => all("[data-row]");
  const move = (step) => {
    const list = rows();
    if (!list.length) return;
    const now = list.findIndex((row) => row.classList.contains("at"));
    const next = list[Math.min(list.length - 1, Math.max(0, now + step))];
    list.forEach((row) => row.classList.toggle("at", row === next));
    next.scrollIntoView({ block: "nearest" });
    next.querySelector("a[data-open]")?.focus({ preventScroll: true });
  };
  const here = () => document.querySelector("[data-row].at");
  const press = (selector, from = document) => from.querySelector(selector)?.click();
  const places = { o: "", j: "jobs", q: "queues", s: "schedules", w: "workflows", d: "dead" };
  let isGoing = false;
  const acts = {
    "/": () => $("search")?.focus(),
    "?": () => help?.showModal(),
    j: () => move(1),
    k: () => move(-1),
    x: () => { const box = here()?.querySelector('input[type="checkbox"]'); if (box) { box.checked = !box.checked; showPicked(); } },
    a: () => press("#pick-all"),
    r: () => press('[data-key="r"]'),
    c: () => press('[data-key="c"]'),
    u: () => press("[data-up]"),
    p: toggleLive,
    t: nextTheme,
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (on && !on.checked)) return;
    if (event.target.matches("input, select, textarea, [contenteditable]") || help?.open) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (isGoing) {
      isGoing = false;
      if (event.key in places) { event.preventDefault(); location.href = `${root}/${places[event.key]}`; }
      return;
    }
    if (event.key === "g") { isGoing = true; setTimeout(() => { isGoing = false; }, 1500); return; }
    const act = acts[event.key];
    if (act) { event.preventDefault(); act(); }
  });
})();
