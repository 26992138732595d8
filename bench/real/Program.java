import java.util.*;
import java.util.stream.*;

/** Collections, strings, streams, floating point, threads. */
public class Program {
    record Point(int x, int y) { long dist2() { return (long) x * x + (long) y * y; } }

    public static void main(String[] args) throws Exception {
        Map<String, Integer> count = new HashMap<>();
        for (int i = 0; i < 400000; i++) count.merge("k" + i * 7919L % 1009, i % 13, Integer::sum);
        String top = count.entrySet().stream().sorted(Map.Entry.<String, Integer>comparingByValue().reversed().thenComparing(Map.Entry.comparingByKey()))
            .limit(3).map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(","));
        long near = IntStream.range(0, 300000).mapToObj(i -> new Point(i * 31 % 1009, i % 83)).mapToLong(Point::dist2).sorted().skip(1000).findFirst().getAsLong();
        double[] f = new double[1 << 16];
        for (int r = 0; r < 50; r++) for (int i = 1; i < f.length; i++) f[i] = f[i - 1] * 0.5 + Math.sqrt(i);
        StringBuilder sb = new StringBuilder();
        for (int i = 0; i < 200000; i++) sb.append(i % 10).append(',');
        long[] sums = new long[4];
        Thread[] ts = new Thread[4];
        for (int t = 0; t < 4; t++) {
            int me = t;
            ts[t] = new Thread(() -> { for (int i = 0; i < 2000000; i++) sums[me] += (i ^ me) % 7; });
            ts[t].start();
        }
        for (Thread t : ts) t.join();
        System.out.printf("%s %d %.6f %d %s%n", top, near, f[65535], sb.toString().hashCode(), Arrays.toString(sums));
    }
}
