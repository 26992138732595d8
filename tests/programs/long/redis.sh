# Redis with many clients at once, a snapshot by a forked child, and a restart from it.
start() { redis-server --port 6390 --bind 127.0.0.1 --dir "$PWD" --save '' --loglevel warning > "$1" 2>&1 & until redis-cli -p 6390 ping > /dev/null 2>&1; do sleep 0.1; done; }
start log1
for c in 1 2 3 4 5 6; do
    (for i in $(seq 400); do echo "INCR total"; echo "ZADD z $i c$c-$i"; echo "SET k:$c:$i v$i"; done | redis-cli -p 6390 > /dev/null) &
    clients+=($!)
done
wait "${clients[@]}"
redis-cli -p 6390 get total; redis-cli -p 6390 zcard z; redis-cli -p 6390 dbsize
redis-cli -p 6390 eval 'local s = 0 for i = 1, 1000 do s = s + i end return s' 0
redis-benchmark -p 6390 -q -n 2000 -c 20 -t set,get,lpush --csv 2> /dev/null | cut -d, -f1
redis-cli -p 6390 bgsave; until [ -s dump.rdb ] && redis-cli -p 6390 info persistence | grep -q 'rdb_bgsave_in_progress:0'; do sleep 0.1; done
redis-cli -p 6390 info persistence | grep -o 'rdb_last_bgsave_status:ok'
redis-cli -p 6390 shutdown nosave; wait
start log2
redis-cli -p 6390 get total; redis-cli -p 6390 zrange z 0 2
redis-cli -p 6390 shutdown nosave; wait
