# V8 with worker threads that share memory.
cat > w.js <<'J'
const { Worker, isMainThread, workerData, parentPort } = require("worker_threads");
if (isMainThread) {
  const shared = new SharedArrayBuffer(64), n = new Int32Array(shared);
  let done = 0, total = 0;
  for (let i = 0; i < 4; i++)
    new Worker(__filename, { workerData: { shared, i } }).on("message", m => {
      total += m;
      if (++done === 4) console.log("sum", total, "atomic", n[0]);
    });
} else {
  const n = new Int32Array(workerData.shared), f = [];
  for (let i = 0; i < 200000; i++) { Atomics.add(n, 0, 1); f.push({ v: (i ^ workerData.i) % 17 }); if (f.length > 5000) f.length = 0; }
  let s = 0;
  for (let i = 0; i < 3e6; i++) s = (s + (i ^ workerData.i) % 7) | 0;
  parentPort.postMessage(s);
}
J
node w.js
node -e 'const c = require("crypto"), z = require("zlib"), p = require("child_process");
const b = Buffer.alloc(300000, "some text "); console.log(c.createHash("sha256").update(b).digest("hex"), z.gunzipSync(z.gzipSync(b)).equals(b));
console.log(p.execFileSync(process.execPath, ["-p", "6 * 7"]).toString().trim());
c.pbkdf2("a", "b", 2000, 32, "sha512", (e, k) => console.log(k.toString("hex")));'
node -e 'const h = require("http"); const s = h.createServer((q, r) => r.end("path " + q.url)).listen(0, "127.0.0.1", async () => {
  const u = "http://127.0.0.1:" + s.address().port; const all = await Promise.all([...Array(20).keys()].map(i => fetch(u + "/" + i).then(r => r.text())));
  console.log(all.join(" ")); s.close(); s.closeAllConnections(); });'
