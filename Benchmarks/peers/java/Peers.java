import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Scanner;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Curator's InterProcessMutex as a program of the comparison: `Peers curator WORKLOAD key=value…`. */
public final class Peers {
  private static final int SESSION_TIMEOUT = 30_000, CONNECT_TIMEOUT = 10_000;
  /** Pairs on another lock before anything is measured, so that the code has been compiled. */
  private static final int WARM_UP = 3_000;

  private static final Map<String, String> ARGUMENTS = new HashMap<>();

  private static String text(String key, String fallback) {
    return ARGUMENTS.getOrDefault(key, fallback);
  }

  private static int number(String key, int fallback) {
    return Integer.parseInt(text(key, String.valueOf(fallback)));
  }

  private static CuratorFramework open() throws InterruptedException {
    var client =
        CuratorFrameworkFactory.newClient(
            text("server", "127.0.0.1:2181"), SESSION_TIMEOUT, CONNECT_TIMEOUT, new ExponentialBackoffRetry(1_000, 3));
    client.start();
    client.blockUntilConnected();
    return client;
  }

  /** What the locks protect. */
  private static final class Sections {
    private final AtomicIntegerArray inside;
    private final int[] counters;
    final AtomicInteger violations = new AtomicInteger();

    Sections(int count) {
      inside = new AtomicIntegerArray(count);
      counters = new int[count];
    }

    void visit(int name) {
      if (!inside.compareAndSet(name, 0, 1)) violations.incrementAndGet();
      counters[name]++;
      inside.set(name, 0);
    }
  }

  /** Times in microseconds. */
  private static final class Samples {
    private float[] values = new float[1_024];
    int count;

    void add(long nanoseconds) {
      if (count == values.length) values = Arrays.copyOf(values, 2 * count);
      values[count++] = nanoseconds / 1_000f;
    }

    void addAll(Samples others) {
      for (int i = 0; i < others.count; i++) add((long) (others.values[i] * 1_000));
    }

    double percentile(double share) {
      if (count == 0) return 0;
      var sorted = Arrays.copyOf(values, count);
      Arrays.sort(sorted);
      return sorted[Math.min(count - 1, (int) (share * count))];
    }
  }

  private static final class Worker {
    private final CuratorFramework client;
    private final String root;
    private final Sections sections;
    final Map<Integer, InterProcessMutex> locks = new HashMap<>();
    final Random random;
    Samples whole = new Samples(), acquire = new Samples();

    Worker(int number, CuratorFramework client, String root, Sections sections) {
      this.client = client;
      this.root = root;
      this.sections = sections;
      this.random = new Random(number);
    }

    InterProcessMutex lock(int name) {
      return locks.computeIfAbsent(name, key -> new InterProcessMutex(client, root + "/" + key));
    }

    /** Returns when it ended. */
    long pair(int name) throws Exception {
      var lock = lock(name);
      long start = System.nanoTime();
      lock.acquire();
      long granted = System.nanoTime();
      sections.visit(name);
      lock.release();
      long end = System.nanoTime();
      whole.add(end - start);
      acquire.add(granted - start);
      return end;
    }

    void forget() {
      whole = new Samples();
      acquire = new Samples();
    }
  }

  private interface Job {
    void run(Worker worker) throws Exception;
  }

  private static List<Thread> start(Worker[] workers, Job job) {
    List<Thread> threads = new ArrayList<>();
    for (var worker : workers) {
      Runnable body =
          () -> {
            try {
              job.run(worker);
            } catch (Exception problem) {
              problem.printStackTrace();
              Runtime.getRuntime().halt(1);
            }
          };
      var thread = new Thread(null, body, "worker", 256 << 10);
      thread.start();
      threads.add(thread);
    }
    return threads;
  }

  private static void join(List<Thread> threads) throws InterruptedException {
    for (var thread : threads) thread.join();
  }

  private static double cpuSeconds() {
    var system = (com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return system.getProcessCpuTime() / 1e9;
  }

  private static double cpuAtStart;

  /** Tells the driver that the timed part begins, and waits for its go. */
  private static long begin() throws Exception {
    if (System.getenv("BENCH_SYNC") != null) {
      System.out.println("BEGIN");
      for (int c = System.in.read(); c != '\n' && c >= 0; ) c = System.in.read();
    }
    cpuAtStart = cpuSeconds();
    return System.nanoTime();
  }

  private static double secondsSince(long start) {
    return (System.nanoTime() - start) / 1e9;
  }

  private static double uncontended(Worker worker) throws Exception {
    for (int i = 0; i < number("warmup", 500); i++) worker.pair(0);
    worker.forget();
    long start = begin();
    for (int i = 0; i < number("n", 2_000); i++) worker.pair(0);
    return secondsSince(start);
  }

  private static double contended(Worker[] workers, int names) throws Exception {
    // Every directory is there, as in a service that has run for a while.
    var next = new AtomicInteger();
    join(start(workers, worker -> {
      for (int name = next.getAndIncrement(); name < names; name = next.getAndIncrement()) worker.pair(name);
      worker.forget();
    }));
    int secs = number("secs", 10);
    long end = begin() + secs * 1_000_000_000L;
    join(start(workers, worker -> {
      while (worker.pair(worker.random.nextInt(names)) < end) {}
    }));
    return secs;
  }

  private static double busy(Worker worker, Sections sections) throws Exception {
    new InterProcessMutex(open(), text("root", "/bench") + "/0").acquire();
    var lock = worker.lock(0);
    for (int i = 0; i < 500; i++) lock.acquire(0, TimeUnit.MILLISECONDS);
    long start = begin(), end = start + number("secs", 3) * 1_000_000_000L;
    for (long last = start; last < end; ) {
      if (lock.acquire(0, TimeUnit.MILLISECONDS)) {
        sections.violations.incrementAndGet();
        lock.release();
      }
      long now = System.nanoTime();
      worker.whole.add(now - last);
      last = now;
    }
    return secondsSince(start);
  }

  private static double crowd(Worker[] workers, CuratorFramework client) throws Exception {
    var directory = text("root", "/bench") + "/0";
    var holder = new InterProcessMutex(client, directory);
    holder.acquire();
    var threads = start(workers, worker -> worker.pair(0));
    while (client.getChildren().forPath(directory).size() <= workers.length) Thread.sleep(20);
    Thread.sleep(1_000);
    long start = begin();
    holder.release();
    join(threads);
    return secondsSince(start);
  }

  /** One of two processes that hand one lock to and fro; the driver tells it when. */
  private static void handOver(Worker worker) throws Exception {
    var lock = worker.lock(0);
    System.out.println("READY");
    for (var lines = new Scanner(System.in); lines.hasNextLine(); ) {
      if (lines.nextLine().equals("acquire")) {
        lock.acquire();
        System.out.println("acquired " + System.nanoTime());
      } else {
        long moment = System.nanoTime();
        lock.release();
        System.out.println("released " + moment);
      }
    }
  }

  private static void report(String peer, String workload, Worker[] workers, int violations, double seconds) {
    double cpu = cpuSeconds() - cpuAtStart;
    Samples whole = new Samples(), acquire = new Samples();
    int least = Integer.MAX_VALUE, most = 0;
    for (var worker : workers) {
      whole.addAll(worker.whole);
      acquire.addAll(worker.acquire);
      least = Math.min(least, worker.whole.count);
      most = Math.max(most, worker.whole.count);
    }
    System.out.printf(
        Locale.ROOT,
        "{\"peer\":\"%s\",\"workload\":\"%s\",\"sessions\":\"%s\",\"ops\":%d,\"secs\":%.4f,\"rate\":%.1f,\"p50_us\":%.1f,\"p99_us\":%.1f,"
            + "\"acq_p50_us\":%.1f,\"acq_p99_us\":%.1f,\"min\":%d,\"max\":%d,\"violations\":%d,\"cpu_us\":%.1f}%n",
        peer, workload, text("sessions", "shared"), whole.count, seconds, whole.count / seconds, whole.percentile(0.5),
        whole.percentile(0.99), acquire.percentile(0.5), acquire.percentile(0.99), least, most, violations,
        cpu * 1e6 / Math.max(1, whole.count));
    System.out.flush();
  }

  public static void main(String[] words) throws Exception {
    if (words.length < 2 || !words[0].equals("curator") || !"ABCDEG".contains(words[1])) {
      System.err.println("usage: Peers curator A|B|C|D|E|G server=HOST:PORT root=… sessions=shared|each secs=…");
      System.exit(64);
    }
    for (var word : Arrays.asList(words).subList(2, words.length)) {
      var parts = word.split("=", 2);
      ARGUMENTS.put(parts[0], parts[1]);
    }
    var workload = words[1];
    int count =
        switch (workload) {
          case "B" -> number("workers", 16);
          case "C" -> number("workers", 64);
          case "E" -> number("waiters", 1_000);
          default -> 1;
        };
    int names = workload.equals("C") ? number("names", 1_000) : 1;
    var client = open();
    var sections = new Sections(names);
    var workers = new Worker[count];
    for (int i = 0; i < count; i++) {
      var own = text("sessions", "shared").equals("each") && i > 0 ? open() : client;
      workers[i] = new Worker(i, own, text("root", "/bench"), sections);
    }
    var warm = new Worker(0, client, "/bench/warm-" + ProcessHandle.current().pid(), new Sections(1));
    for (int i = 0; i < WARM_UP; i++) warm.pair(0);
    if (workload.equals("G")) {
      handOver(workers[0]);
    } else {
      double seconds =
          switch (workload) {
            case "A" -> uncontended(workers[0]);
            case "D" -> busy(workers[0], sections);
            case "E" -> crowd(workers, client);
            default -> contended(workers, names);
          };
      report(words[0], workload, workers, sections.violations.get(), seconds);
    }
    // Sessions end with the process: closing them in order takes longer than the measurement.
    Runtime.getRuntime().halt(0);
  }
}
