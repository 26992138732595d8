-- Tables, closures, strings, floating point.
local t, sum = {}, 0
for i = 1, 300000 do t[i] = (i * 7919) % 10007 end
table.sort(t)
for i, v in ipairs(t) do sum = (sum + i * v) % 1000000007 end
local parts = {}
for i = 1, 60000 do parts[#parts + 1] = string.format("%d:%s", i, ("x"):rep(i % 5)) end
local s = table.concat(parts, ",")
local n = 0
for k, v in s:gmatch("(%d+):(x*)") do n = n + #v * tonumber(k) end
local function fib(k) return k < 2 and k or fib(k - 1) + fib(k - 2) end
local x = 0.0
for i = 1, 1000000 do x = x + 1.0 / (i * i) end
print(sum, #s, n, fib(25), string.format("%.12f", x))
