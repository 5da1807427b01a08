import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.retry.ExponentialBackoffRetry;

/** Takes Curator's InterProcessMutex and dies with it, so that it is held until the session expires: HOST:PORT LOCK-PATH */
public class CuratorHolder {
    public static void main(String[] arguments) throws Exception {
        CuratorFramework client =
            CuratorFrameworkFactory.newClient(arguments[0], 20000, 10000, new ExponentialBackoffRetry(100, 5));
        client.start();
        client.blockUntilConnected();
        if (!new InterProcessMutex(client, arguments[1]).acquire(10, TimeUnit.SECONDS)) System.exit(1);
        System.out.println("held");
        System.out.flush();
        Runtime.getRuntime().halt(0);
    }
}
