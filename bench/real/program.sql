CREATE TABLE t (id INTEGER PRIMARY KEY, k TEXT, v REAL, n INTEGER);
WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 60000)
INSERT INTO t SELECT i, 'key' || (i * 7919 % 1009), i * 0.25, i % 17 FROM c;
CREATE INDEX tk ON t (k, n);
SELECT k, count(*), sum(v), max(n) FROM t GROUP BY k ORDER BY 3 DESC, 1 LIMIT 5;
SELECT count(*) FROM t a JOIN t b ON a.k = b.k AND a.n = b.n WHERE a.id < 20000;
UPDATE t SET v = v * 2 WHERE n IN (3, 5, 7);
DELETE FROM t WHERE k LIKE 'key1%';
SELECT n, round(avg(v), 3), group_concat(id % 3, '') FROM t WHERE id % 500 = 1 GROUP BY n;
SELECT count(*), sum(length(k)), printf('%.2f', total(v)) FROM t;
