import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Adds to an unprotected counter under Curator's InterProcessMutex: HOST:PORT LOCK-PATH COUNTER-FILE COUNT */
public class CuratorContender {
    public static void main(String[] arguments) throws Exception {
        Path counter = Paths.get(arguments[2]);
        int count = Integer.parseInt(arguments[3]);
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(arguments[0], 10000, 10000, new ExponentialBackoffRetry(100, 5));
        client.start();
        client.blockUntilConnected();
        InterProcessMutex mutex = new InterProcessMutex(client, arguments[1]);
        System.out.println("ready");
        for (int i = 0; i < count; i++) {
            mutex.acquire();
            try {
                int value = Integer.parseInt(new String(Files.readAllBytes(counter)).trim());
                Thread.sleep(1);
                Files.write(counter, Integer.toString(value + 1).getBytes());
            } finally {
                mutex.release();
            }
        }
        client.close();
        System.out.println("done");
    }
}
