// A server of our own for a test: on a free port of this machine, in a folder that is removed.
import { spawn, execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createInterface } from "node:readline";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const program = process.env.WINDLASS_BIN;
if (!program) throw new Error("WINDLASS_BIN is not set: run `cargo xtask e2e`");

const START_MS = 60_000;
const UNTIL_MS = 30_000;

// The environment without what it says about Windlass.
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("WINDLASS_") && name !== "RUST_LOG"),
);

/** Starts `windlass serve ARGS`; `roles` are those for which a key is made first. */
export async function serve({ args = [], roles = [] } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "windlass-e2e-"));
  const database = `sqlite:${join(folder, "jobs.db")}`;
  const options = { cwd: folder, env: environment };
  const keys = {};
  for (const role of roles) {
    const command = ["keys", "create", "--role", role, "--label", role, "--database", database];
    const { stdout } = await promisify(execFile)(program, command, options);
    keys[role] = stdout.match(/wl_\w{12}_[\w-]+/)[0];
  }
  const given = ["serve", "--http", "127.0.0.1:0", "--database", database, ...args];
  const child = spawn(program, given, { ...options, stdio: ["ignore", "ignore", "pipe"] });
  const lines = createInterface({ input: child.stderr });
  const said = [];
  const url = await new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error("the server does not start")), START_MS);
    lines.on("line", (line) => {
      said.push(line);
      const found = line.match(/listening on\s+(\S+)/);
      if (found) resolve(found[1]);
      if (found) clearTimeout(late);
    });
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${said.join("\n")}`)));
  });
  const stop = async () => {
    child.removeAllListeners("exit");
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  return { url, ui: `${url}/ui`, keys, stop, api: (path, options) => ask(`${url}/api/v1${path}`, options, keys.admin) };
}

/** Asks the API: the JSON of a success. With a body it is a POST. */
async function ask(url, { method, body } = {}, key) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const verb = method ?? (body === undefined ? "GET" : "POST");
  const answer = await fetch(url, { method: verb, headers, body: body && JSON.stringify(body) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${verb} ${url}: ${answer.status} ${text}`);
  return text === "" ? null : JSON.parse(text);
}

/** Asks until there is an answer that is not false. */
export async function until(question, what) {
  const end = Date.now() + UNTIL_MS;
  while (Date.now() < end) {
    const answer = await question();
    if (answer) return answer;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it did not come about in time: ${what}`);
}
