internal import LatchkeyPrimitives

/// How throw-away ZooKeeper servers are set up. The defaults suit tests: a quick start and short ticks.
public struct ZooKeeperConfiguration: Sendable {
  /// The server's unit of time. Sessions expire on its multiples, and Latchkey wants session timeouts of at least four.
  public var tick: Duration = .milliseconds(200)

  /// The shortest session timeout that a client is given; nil for two ticks.
  public var minSessionTimeout: Duration?

  /// The longest session timeout that a client is given; nil for twenty ticks.
  public var maxSessionTimeout: Duration? = .seconds(60)

  /// How often the server looks for empty containers to remove.
  package var containerCheckInterval: Duration = .seconds(60)

  /// How long a member of an ensemble may be silent before the others go on without it, in whole ticks.
  ///
  /// Long enough by default that a busy machine does not break the ensemble: three seconds, and at least five ticks.
  package var syncLimit: Int?

  /// Keeps the data in memory where the system has a folder for it (`/dev/shm`), so that no disk is measured.
  package var inMemory = false

  /// Whether each write waits for the disk.
  ///
  /// Off by default: a server that is killed loses nothing either way, only a machine that loses power does.
  package var syncsToDisk = false

  /// Has Java start quickly rather than run fast in the long run; turn it off to measure.
  package var quickStart = true

  /// The largest heap of each server, in megabytes.
  package var heapMegabytes = 512

  /// More options for Java.
  package var javaOptions: [String] = []

  /// More lines for the server's configuration file.
  public var settings: [String: String] = [:]

  /// The server's jar. The jars that it needs lie beside it.
  ///
  /// Debian's by default; the environment variable `LATCHKEY_ZOOKEEPER_JAR` names another one.
  package var jar = Programs.choice("LATCHKEY_ZOOKEEPER_JAR") ?? "/usr/share/java/zookeeper.jar"

  /// The name or the path of Java.
  package var java = "java"

  /// How long a start may take until it counts as failed.
  package var startLimit: Duration = .seconds(120)

  /// Makes the configuration that suits tests.
  public init() {}

  /// Makes a configuration with some settings changed.
  ///
  /// - Parameter change: Changes the settings that suit tests.
  public init(_ change: (inout ZooKeeperConfiguration) -> Void) {
    self.init()
    change(&self)
  }
}

extension ZooKeeperConfiguration {
  /// One member of an ensemble, as the others see it.
  struct Member: Sendable {
    var number: Int
    var quorumPort: Int
    var electionPort: Int
  }

  /// The server's configuration file.
  func file(port: Int, data: String, members: [Member]) -> String {
    var lines = [
      "tickTime=\(self.tick.milliseconds)",
      "dataDir=\(data)",
      "clientPort=\(port)",
      "clientPortAddress=127.0.0.1",
      "maxClientCnxns=0",
      "admin.enableServer=false",
      "4lw.commands.whitelist=*",
      "initLimit=\(self.ticks(in: .seconds(20), atLeast: 10))",
      "syncLimit=\(self.syncLimit ?? self.ticks(in: .seconds(3), atLeast: 5))",
    ]
    if let limit = self.minSessionTimeout { lines.append("minSessionTimeout=\(limit.milliseconds)") }
    if let limit = self.maxSessionTimeout { lines.append("maxSessionTimeout=\(limit.milliseconds)") }
    for member in members {
      lines.append("server.\(member.number)=127.0.0.1:\(member.quorumPort):\(member.electionPort)")
    }
    for (key, value) in self.settings.sorted(by: { $0.key < $1.key }) { lines.append("\(key)=\(value)") }
    return lines.map { $0 + "\n" }.joined()
  }

  /// The command that runs a server.
  func command(configuration file: String, folder: String) throws(ServerError) -> [String] {
    let java = self.java.contains("/") ? self.java : try Programs.path(of: self.java, package: "default-jre-headless")
    try Programs.require(file: java, package: "default-jre-headless")
    try Programs.require(file: self.jar, package: "libzookeeper-java")
    var options = ["-Xms64m", "-Xmx\(self.heapMegabytes)m", "-XX:-UsePerfData", "-XX:ErrorFile=\(folder)/crash.log"]
    if self.quickStart { options += ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"] }
    options += [
      "-Dzookeeper.extendedTypesEnabled=true",
      "-Dzookeeper.forceSync=\(self.syncsToDisk ? "yes" : "no")",
      "-Dznode.container.checkIntervalMs=\(self.containerCheckInterval.milliseconds)",
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      "-Dorg.slf4j.simpleLogger.showDateTime=true",
      "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
      "-Dlog4j2.level=WARN",
    ]
    return [java] + options + self.javaOptions + ["-cp", "\(self.jar):\(self.neededJars)"]
      + ["org.apache.zookeeper.server.quorum.QuorumPeerMain", file]
  }

  /// What the class path needs besides the server's jar.
  private var neededJars: String {
    let folder = self.jar.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    // Debian's jar names what it needs, all but a logger, without which the log stays empty. Its folder holds the jars of all
    // programs, so they are not all taken. A release of the project lies in a folder of its own.
    let logger = folder + "/slf4j-simple.jar"
    return Programs.isReadable(logger) ? logger : folder + "/*"
  }

  private func ticks(in time: Duration, atLeast least: Int) -> Int {
    max(least, Int((time / self.tick).rounded(.up)))
  }
}
