// pg-boss: `node bench.mjs URL JOBS BATCH`; the last line is {"enqueue": .., "drain": ..}.
import PgBoss from "pg-boss";
import pg from "pg";

const [url, jobs, batch] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const payload = { text: "x".repeat(189) }; // 200 bytes of JSON
const perSecond = (started) => jobs / ((performance.now() - started) / 1000);

const client = new pg.Client({ connectionString: url });
await client.connect();
await client.query("drop schema if exists pgboss cascade");
const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
await boss.start();
await boss.createQueue("noop");

let started = performance.now();
for (let n = 0; n < jobs; n += batch) {
  await boss.insert(Array.from({ length: batch }, () => ({ name: "noop", data: payload })));
}
const enqueue = perSecond(started);

// `work` looks for jobs twice a second at most, so its rate would be that of its timer: we fetch and
// complete in batches as fast as it goes, two at a time, which hides the waits of each behind the other.
started = performance.now();
const work = async () => {
  for (;;) {
    const found = await boss.fetch("noop", { batchSize: 500 });
    if (found.length === 0) return;
    await boss.complete("noop", found.map((job) => job.id));
  }
};
await Promise.all([work(), work()]);
const drain = perSecond(started);
await boss.stop({ graceful: false });
await client.query("drop schema pgboss cascade");
await client.end();
console.log(JSON.stringify({ enqueue, drain }));
