# PostgreSQL: a cluster made, several clients at once, a crash and its recovery.
# as: a user that is not root
bin=$(echo /usr/lib/postgresql/*/bin)
"$bin/initdb" -D data -U pg --no-sync --locale=C > init.log 2>&1 || { tail -n 5 init.log; exit 1; }
start() { "$bin/pg_ctl" -D data -w -t 120 -l "$1" -o "-c listen_addresses=127.0.0.1 -p 5499 -k $PWD -c shared_buffers=16MB" start > /dev/null || { tail -n 5 "$1"; exit 1; }; }
q() { "$bin/psql" -h 127.0.0.1 -p 5499 -U pg -d postgres -qAt -c "$1"; }
start log1
q 'CREATE TABLE t (id serial PRIMARY KEY, who int, v numeric, x jsonb)'
for c in 1 2 3 4; do
    for _ in 1 2 3; do q "INSERT INTO t (who, v, x) SELECT $c, i * 1.5, jsonb_build_object('a', i, 'b', array[i, i + 1]) FROM generate_series(1, 500) i"; done &
    clients+=($!)
done
wait "${clients[@]}"
q 'SELECT count(*), sum(v), count(DISTINCT who), sum((x->>$$a$$)::int) FROM t'
q 'CREATE INDEX ON t ((x->>$$a$$)); ANALYZE t; SELECT a.who, count(*) FROM t a JOIN t b ON a.x->>$$a$$ = b.x->>$$a$$ WHERE (a.x->>$$a$$)::int % 7 = 0 GROUP BY 1 ORDER BY 1'
q 'SELECT md5(string_agg(v::text || x::text, $$,$$ ORDER BY who, v)) FROM t'
"$bin/pg_ctl" -D data -m immediate -w stop > /dev/null
start log2
q 'SELECT count(*), sum(v) FROM t; UPDATE t SET v = v + 1 WHERE who = 2; SELECT sum(v) FROM t'
"$bin/pg_ctl" -D data -m fast -w stop > /dev/null; grep -c 'database system was not properly shut down' log2
