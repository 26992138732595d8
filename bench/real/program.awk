# Fields, associative arrays, string functions.
{ n += NF; for (i = 1; i <= NF; i++) { c[$i]++; len += length($i) } }
/[aeiou]{2}/ { vowels++ }
{ if (match($0, /[a-z]+ing/)) { m[substr($0, RSTART, RLENGTH)]++ } gsub(/th/, "<&>"); out += length($0) }
END { for (w in c) if (c[w] > best) best = c[w]; for (w in m) k++; print NR, n, len, best, vowels, k, out }
