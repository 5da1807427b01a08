import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.retry.ExponentialBackoffRetry;

/**
 * Adds to an unprotected counter under Curator's write lock, and between that sees under its read lock that nobody else adds:
 * HOST:PORT LOCK-PATH COUNTER-FILE COUNT
 */
public class CuratorReadWriteContender {
    public static void main(String[] arguments) throws Exception {
        Path counter = Paths.get(arguments[2]);
        int count = Integer.parseInt(arguments[3]);
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(arguments[0], 10000, 10000, new ExponentialBackoffRetry(100, 5));
        client.start();
        client.blockUntilConnected();
        InterProcessReadWriteLock lock = new InterProcessReadWriteLock(client, arguments[1]);
        System.out.println("ready");
        for (int i = 0; i < count; i++) {
            lock.writeLock().acquire();
            try {
                int value = Integer.parseInt(new String(Files.readAllBytes(counter)).trim());
                Thread.sleep(1);
                Files.write(counter, Integer.toString(value + 1).getBytes());
            } finally {
                lock.writeLock().release();
            }
            lock.readLock().acquire();
            try {
                String before = new String(Files.readAllBytes(counter));
                Thread.sleep(1);
                if (!before.equals(new String(Files.readAllBytes(counter)))) throw new IllegalStateException("torn");
            } finally {
                lock.readLock().release();
            }
        }
        client.close();
        System.out.println("done");
    }
}
