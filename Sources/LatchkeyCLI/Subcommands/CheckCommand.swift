internal import ArgumentParser
internal import Latchkey

/// `latchkey check`: what makes locks unsafe on these servers.
struct CheckCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check",
    abstract: "Look at servers for what makes locks unsafe on them.",
    usage: "latchkey check [<options>] <url>",
    discussion: """
      Reads what the servers say about themselves, changes nothing, and judges it, the worst first:
        danger   a lock can be granted twice in ordinary operation, or does not work
        warning  a lock can be granted twice, or not at all, when something fails
        note     worth knowing; nothing is granted twice for it
        ok       as it should be

      Redis: what happens to keys when memory is full, what a restart forgets, replicas that could take over, cluster and \
      Sentinel, version. Redlock: the same on each, their number, whether two addresses are one server, their clocks. \
      ZooKeeper: the session timeout against the servers' tick, servers alone or in an ensemble, observers, version. etcd: \
      versions with known defects, members, alarms, users. What a server does not reveal is reported as unknown.

      EXAMPLES
        latchkey check redis://r1:6379
        latchkey check zookeeper://zk1:2181,zk2:2181,zk3:2181 --session-timeout 10s
        In a pipeline that must not go on with a warning:
          latchkey check --json etcd://e1,e2,e3 > check.json

      EXIT STATUS
        0      nothing worse than a note
        1      a warning, or a danger
        64     wrong usage
        69     the servers cannot be reached, or refuse this user
        128+n  ended by signal n
      """
  )

  @Argument(help: "The servers, such as redis://r1:6379; the name of a lock may follow, and does not matter.")
  var url: String

  @Flag(help: "Print a JSON object: backend, servers, verdict, findings.")
  var json = false

  @OptionGroup(title: "Connection")
  var connection: ConnectionOptions

  func run() async throws {
    let url = try self.connection.apply(to: LockURL(Self.withName(self.url)))
    let backend = try Backends.lookable(for: url)
    let interruption = try Interruption()
    let findings = try await interruption.run { try await backend.check(url, tick: self.connection.tick) }
    let servers = url.hosts.map(\.description).joined(separator: ",")
    let report = CheckReport(backend: url.scheme.backendKind, servers: servers, findings)
    try Console.output(self.json ? try JSON.encode(report) : report.text)
    // What is wrong was said on standard output.
    guard report.isGood else { throw CommandFailure(.failed, nil) }
  }

  /// Adds the name of a lock to a URL that ends with its hosts.
  static func withName(_ text: String) -> String {
    guard let hosts = text.firstRange(of: "://")?.upperBound else { return text }
    let end = text[hosts...].firstIndex { $0 == "/" || $0 == "?" } ?? text.endIndex
    let path = text[end...].prefix { $0 != "?" }
    guard path.isEmpty || path == "/" else { return text }
    return text[..<end] + "/check" + text[path.endIndex...]
  }
}
