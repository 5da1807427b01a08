import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.concurrent.CountDownLatch;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderSelector;
import org.apache.curator.framework.recipes.leader.LeaderSelectorListenerAdapter;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Adds to an unprotected counter as the leader of Curator's LeaderLatch or LeaderSelector: HOST:PORT PATH COUNTER-FILE COUNT KIND */
public class CuratorCandidate {
    static void add(Path counter) throws Exception {
        int value = Integer.parseInt(new String(Files.readAllBytes(counter)).trim());
        Thread.sleep(1);
        Files.write(counter, Integer.toString(value + 1).getBytes());
    }

    static void latch(CuratorFramework client, String path, Path counter, int count) throws Exception {
        for (int i = 0; i < count; i++) {
            LeaderLatch latch = new LeaderLatch(client, path, "curator's latch");
            latch.start();
            latch.await();
            add(counter);
            latch.close();
        }
    }

    static void selector(CuratorFramework client, String path, Path counter, int count) throws Exception {
        CountDownLatch turns = new CountDownLatch(count);
        LeaderSelector selector =
            new LeaderSelector(client, path, new LeaderSelectorListenerAdapter() {
                public void takeLeadership(CuratorFramework leader) throws Exception {
                    if (turns.getCount() == 0) return;
                    add(counter);
                    turns.countDown();
                }
            });
        selector.setId("curator's selector");
        selector.autoRequeue();
        selector.start();
        turns.await();
        selector.close();
    }

    public static void main(String[] arguments) throws Exception {
        Path counter = Paths.get(arguments[2]);
        int count = Integer.parseInt(arguments[3]);
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(arguments[0], 10000, 10000, new ExponentialBackoffRetry(100, 5));
        client.start();
        client.blockUntilConnected();
        if (arguments[4].equals("latch")) latch(client, arguments[1], counter, count);
        else selector(client, arguments[1], counter, count);
        client.close();
        System.out.println("done");
    }
}
