# SQLite: a file that several processes write at once, in rollback and WAL mode, and its checks.
for mode in delete wal; do
    sqlite3 db.$mode "PRAGMA journal_mode=$mode; CREATE TABLE t (id INTEGER PRIMARY KEY, who INT, v INT);"
    for w in 1 2 3 4; do
        for i in $(seq 25); do
            sqlite3 -cmd '.timeout 60000' db.$mode "BEGIN IMMEDIATE; INSERT INTO t (who, v) VALUES ($w, $i); UPDATE t SET v = v + 1 WHERE who = $w; COMMIT;"
        done &
    done
    wait
    sqlite3 db.$mode 'SELECT count(*), sum(v), count(DISTINCT who) FROM t; PRAGMA integrity_check;'
done
sqlite3 :memory: ".read $SRC/program.sql"
