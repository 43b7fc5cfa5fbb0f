// Graphile Worker: `node bench.mjs URL JOBS BATCH`; the last line is {"enqueue": .., "drain": ..}.
import { makeWorkerUtils, run, Logger } from "graphile-worker";
import pg from "pg";

const [url, jobs, batch] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const payload = { text: "x".repeat(189) }; // 200 bytes of JSON
const logger = new Logger(() => () => {});
const pool = new pg.Pool({ connectionString: url, max: 20 });
pool.on("error", console.error);
pool.on("connect", (client) => client.on("error", console.error));
const perSecond = (started) => jobs / ((performance.now() - started) / 1000);

await pool.query("drop schema if exists graphile_worker cascade");
const utils = await makeWorkerUtils({ pgPool: pool, logger });
await utils.migrate();

let started = performance.now();
for (let n = 0; n < jobs; n += batch) {
  const specs = Array.from({ length: batch }, () => ({ identifier: "noop", payload }));
  await utils.addJobs(specs);
}
const enqueue = perSecond(started);

let count = 0;
let finish;
const all = new Promise((resolve) => (finish = resolve));
started = performance.now();
const runner = await run({
  pgPool: pool,
  logger,
  noHandleSignals: true,
  taskList: { noop: () => void (++count === jobs && finish()) },
  preset: {
    worker: {
      concurrentJobs: 100,
      localQueue: { size: 500 },
      completeJobBatchDelay: 0,
      failJobBatchDelay: 0,
    },
  },
});
await all;
// The last handlers have ended; their completions have to be stored, as ours are when we count them.
while ((await pool.query("select 1 from graphile_worker._private_jobs limit 1")).rowCount > 0);
const drain = perSecond(started);
await runner.stop();
await utils.release();
await pool.query("drop schema graphile_worker cascade");
await pool.end();
console.log(JSON.stringify({ enqueue, drain }));
