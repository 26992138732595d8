// Objects, closures, strings, typed arrays, JSON, regular expressions.
class Vec { constructor(x, y) { this.x = x; this.y = y; } dot(o) { return this.x * o.x + this.y * o.y; } }
let s = 0;
for (let i = 0; i < 3e6; i++) s = (s + new Vec(i & 15, i & 7).dot(new Vec(3, i & 3))) | 0;
const m = new Map();
for (let i = 0; i < 300000; i++) { const k = "k" + (i * 7919 % 1009); m.set(k, (m.get(k) || 0) + i % 13); }
const text = JSON.stringify([...m]);
const back = JSON.parse(text).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 3);
const f = new Float64Array(1 << 16);
for (let r = 0; r < 20; r++) for (let i = 1; i < f.length; i++) f[i] = f[i - 1] * 0.5 + Math.sqrt(i);
const digits = (text.repeat(20).match(/\d+/g) || []).length;
console.log(s, text.length, JSON.stringify(back), f[65535].toFixed(6), digits, (2n ** 2000n % 1000000007n).toString());
