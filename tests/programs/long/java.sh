# HotSpot: compiled at run time, four threads that allocate, each collector; the concurrent ones work while the threads do.
cat > T.java <<'J'
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class T {
    static class Node { Node next; byte[] pad; int v; Node(Node n, int v) { next = n; this.v = v; pad = new byte[v % 200]; } }
    public static void main(String[] a) throws Exception {
        AtomicLong sum = new AtomicLong();
        ConcurrentHashMap<Integer, Integer> map = new ConcurrentHashMap<>();
        ExecutorService pool = Executors.newFixedThreadPool(4);
        List<Future<Long>> fs = new ArrayList<>();
        for (int t = 0; t < 4; t++) {
            int me = t;
            fs.add(pool.submit(() -> {
                long s = 0;
                for (int r = 0; r < 60; r++) {
                    Node n = null;
                    for (int i = 0; i < 6000; i++) { n = new Node(n, i ^ me); map.merge(i % 512, 1, Integer::sum); }
                    for (Node k = n; k != null; k = k.next) s += k.v + k.pad.length;
                    synchronized (T.class) { sum.addAndGet(s % 1000); }
                }
                return s;
            }));
        }
        long total = 0;
        for (Future<Long> f : fs) total += f.get();
        pool.shutdown();
        System.out.println(total + " " + sum + " " + map.size() + " " + map.values().stream().mapToInt(i -> i).sum());
    }
}
J
java=$(echo /usr/lib/jvm/java-21-openjdk-*/bin)
"$java/javac" -d . T.java || exit 1
for gc in Serial Parallel G1 Z Shenandoah; do
    echo "$gc"
    "$java/java" -Xmx256m -XX:+Use${gc}GC T
done
echo interpreted
"$java/java" -Xint -Xmx256m T
