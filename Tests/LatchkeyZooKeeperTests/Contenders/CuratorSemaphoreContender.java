import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.locks.Lease;
import org.apache.curator.framework.recipes.shared.SharedCount;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Takes permits one after the other, and sees each time that no more files than the most lie in a folder, its own included:
 * HOST:PORT SEMAPHORE-PATH FOLDER COUNT LIMIT-PATH SEED MOST
 */
public class CuratorSemaphoreContender {
    public static void main(String[] arguments) throws Exception {
        Path folder = Paths.get(arguments[2]);
        int count = Integer.parseInt(arguments[3]);
        int most = Integer.parseInt(arguments[6]);
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(arguments[0], 10000, 10000, new ExponentialBackoffRetry(100, 5));
        client.start();
        client.blockUntilConnected();
        SharedCount limit = new SharedCount(client, arguments[4], Integer.parseInt(arguments[5]));
        limit.start();
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(client, arguments[1], limit);
        System.out.println("ready");
        for (int i = 0; i < count; i++) {
            Lease lease = semaphore.acquire();
            try {
                Path mine = Files.createFile(folder.resolve(UUID.randomUUID().toString()));
                Thread.sleep(1);
                try (Stream<Path> inside = Files.list(folder)) {
                    if (inside.count() > most) throw new IllegalStateException("too many");
                }
                Files.delete(mine);
            } finally {
                semaphore.returnLease(lease);
            }
        }
        System.out.println("limit " + limit.getCount());
        limit.close();
        client.close();
        System.out.println("done");
    }
}
