<?php
// Arrays, strings, regular expressions, functions.
$a = [];
for ($i = 0; $i < 600000; $i++) { $a["k" . ($i * 7919 % 1009)] = ($a["k" . ($i * 7919 % 1009)] ?? 0) + $i % 11; }
arsort($a);
$text = "";
foreach ($a as $k => $v) { $text .= "$k=$v;"; }
preg_match_all('/(\w+)=(\d+);/', str_repeat($text, 20), $m);
function fib($n) { return $n < 2 ? $n : fib($n - 1) + fib($n - 2); }
$x = 0.0;
for ($i = 1; $i < 1500000; $i++) { $x += 1.0 / ($i * $i); }
echo array_sum($m[2]), " ", strlen($text), " ", fib(27), " ", number_format($x, 10), " ", md5($text), "\n";
