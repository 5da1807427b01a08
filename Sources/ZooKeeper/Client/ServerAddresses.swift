/// Which numeric addresses the configured servers have, and when names are looked up again.
///
/// The C client is given addresses alone. It would look names up again at each reconnect, on the thread that does everything else, and
/// if that failed it would turn without a pause and answer no request.
///
/// Pure: the caller looks up, and passes the time in.
struct ServerAddresses: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// What names were found to mean, by host.
  typealias Findings = [String: Result<[String], HostResolver.Failure>]

  private struct Server: Sendable {
    var host: String
    var port: UInt16
    var isAddress: Bool
  }

  private let servers: [Server]
  private let seed: Int
  /// What each host meant when it was last found.
  private var known: [String: [String]] = [:]
  private var failures: [String: HostResolver.Failure] = [:]
  private var lookups = 0
  private var notBefore: Instant?
  private var warnedAt: Instant?
  private(set) var isLookingUp = false

  /// - Parameters:
  ///   - servers: Valid servers, each as `host:port`.
  ///   - seed: Chooses the address that is given twice, so that not all clients prefer the same one; not negative.
  init(_ servers: [String], seed: Int = .random(in: 0..<1_000_000)) {
    self.seed = seed
    self.servers = servers.compactMap { server in
      guard let colon = server.lastIndex(of: ":"), let port = UInt16(server[server.index(after: colon)...]) else {
        return nil
      }
      var host = server[..<colon]
      if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
      return Server(host: String(host), port: port, isAddress: HostResolver.isAddress(String(host)))
    }
  }

  /// The hosts that are names.
  var names: [String] {
    var seen: Set<String> = []
    return self.servers.filter { !$0.isAddress && seen.insert($0.host).inserted }.map(\.host)
  }

  /// The servers in the C client's words; empty if none has a known address.
  ///
  /// An odd number of addresses: after a failure the C client goes on to the next address but one, so that of an even number it
  /// would try every other one alone.
  var hosts: String {
    var seen: Set<String> = []
    var hosts = self.servers.flatMap { server in
      (server.isAddress ? [server.host] : self.known[server.host] ?? []).map { "\($0):\(server.port)" }
    }.filter { seen.insert($0).inserted }
    if !hosts.isEmpty, hosts.count.isMultiple(of: 2) { hosts.append(hosts[self.seed % hosts.count]) }
    return hosts.joined(separator: ",")
  }

  /// Why names could not be resolved; nil if all could.
  var failure: String? {
    let failed = self.names.compactMap { name in self.failures[name].map { "\(name): \($0.reason)" } }
    return failed.isEmpty ? nil : "cannot resolve \(failed.joined(separator: "; "))"
  }

  /// When the next lookup is due; nil if there is nothing to look up, or it is being done.
  var nextLookup: Instant? {
    self.isLookingUp || self.servers.allSatisfy(\.isAddress) ? nil : self.notBefore
  }

  /// From now on what is known may be out of date.
  mutating func expire(now: Instant) {
    self.lookups = 0
    self.notBefore = now
  }

  /// A lookup begins: ``finished(_:now:)`` follows.
  mutating func begin() {
    self.isLookingUp = true
  }

  /// A lookup has ended. A name that was not found keeps the addresses that it had.
  ///
  /// - Returns: Whether failures should be logged: not more than once a minute.
  mutating func finished(_ findings: Findings, now: Instant) -> Bool {
    self.isLookingUp = false
    self.failures = [:]
    for (host, finding) in findings {
      switch finding {
      case .success(let addresses): self.known[host] = addresses
      case .failure(let failure): self.failures[host] = failure
      }
    }
    // Twice as long each time: a name server that is down must not be asked all the time.
    self.notBefore = now + .seconds(1 << min(self.lookups, 4))
    self.lookups += 1
    guard !self.failures.isEmpty, self.warnedAt.map({ now - $0 >= .seconds(60) }) ?? true else { return false }
    self.warnedAt = now
    return true
  }
}
