/// Which numeric addresses the configured servers have, and when names are looked up again.
///
/// The C client is given addresses alone. It would look names up again at each reconnect, on the thread that does everything else, and
/// if that failed it would turn without a pause and answer no request.
///
/// Each name is looked up by itself, so that one that is slow to be answered delays no other.
///
/// Pure: the caller looks up, and passes the time in.
struct ServerAddresses: Sendable {
  typealias Instant = ContinuousClock.Instant

  /// What a name was found to mean.
  typealias Finding = Result<[String], HostResolver.Failure>

  private struct Server: Sendable {
    var host: String
    var port: UInt16
    var isAddress: Bool
  }

  /// What is known of a name.
  private struct Name: Sendable {
    /// What it meant when it was last found.
    var addresses: [String] = []
    var failure: HostResolver.Failure?
    var isBeingLookedUp = false
    /// Whether no lookup has ended since what was known expired.
    var isAwaited = true
    var lookups = 0
    var notBefore: Instant?
    var warnedAt: Instant?
  }

  /// How long a session waits for names that are not known while other servers are.
  static let patience = Duration.seconds(1)
  /// How many names are looked up at once. Each lookup takes a thread.
  static let mostLookups = 8

  private let servers: [Server]
  private let seed: Int
  /// The hosts that are names.
  private let names: [String]
  private var known: [String: Name]
  private var expiredAt: Instant?

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
    var seen: Set<String> = []
    self.names = self.servers.filter { !$0.isAddress && seen.insert($0.host).inserted }.map(\.host)
    self.known = Dictionary(uniqueKeysWithValues: self.names.map { ($0, Name()) })
  }

  /// The servers in the C client's words; empty if none has a known address.
  ///
  /// An odd number of addresses: after a failure the C client goes on to the next address but one, so that of an even number it
  /// would try every other one alone.
  var hosts: String {
    var seen: Set<String> = []
    var hosts = self.servers.flatMap { server in
      (server.isAddress ? [server.host] : self.known[server.host]?.addresses ?? []).map { "\($0):\(server.port)" }
    }.filter { seen.insert($0).inserted }
    if !hosts.isEmpty, hosts.count.isMultiple(of: 2) { hosts.append(hosts[self.seed % hosts.count]) }
    return hosts.joined(separator: ",")
  }

  /// When a session may be opened: when all names have been looked up, or other servers have waited for them long enough. Nil while
  /// no server has a known address.
  var readyAt: Instant? {
    guard let expiredAt = self.expiredAt, !self.hosts.isEmpty else { return nil }
    return self.known.values.contains(where: \.isAwaited) ? expiredAt + Self.patience : expiredAt
  }

  /// What names could not be resolved, and why; nil if all could.
  var failure: String? {
    let failed = self.names.compactMap { name in self.known[name]?.failure.map { "\(name): \($0.reason)" } }
    let unanswered = self.names.filter { name in
      self.known[name].map { $0.isBeingLookedUp && $0.failure == nil && $0.addresses.isEmpty } ?? false
    }
    var sentences: [String] = []
    if !failed.isEmpty { sentences.append("cannot resolve \(failed.joined(separator: "; "))") }
    if !unanswered.isEmpty {
      sentences.append("the name server has not answered for \(unanswered.joined(separator: ", "))")
    }
    return sentences.isEmpty ? nil : sentences.joined(separator: "; ")
  }

  /// When the next lookup is due; nil if none is before another one has ended.
  var nextLookup: Instant? {
    guard self.known.values.count(where: \.isBeingLookedUp) < Self.mostLookups else { return nil }
    return self.known.values.filter { !$0.isBeingLookedUp }.compactMap(\.notBefore).min()
  }

  /// From now on what is known may be out of date.
  mutating func expire(now: Instant) {
    self.expiredAt = now
    for name in self.names {
      self.known[name]?.isAwaited = true
      self.known[name]?.lookups = 0
      self.known[name]?.notBefore = now
    }
  }

  /// Begins the lookups that are due: ``finished(_:_:now:)`` follows for each.
  ///
  /// - Returns: The names to look up; none that is being looked up.
  mutating func begin(now: Instant) -> [String] {
    let free = Self.mostLookups - self.known.values.count(where: \.isBeingLookedUp)
    let due = self.names.filter { name in
      self.known[name].map { !$0.isBeingLookedUp && $0.notBefore.map { $0 <= now } ?? false } ?? false
    }.prefix(free)
    for name in due { self.known[name]?.isBeingLookedUp = true }
    return Array(due)
  }

  /// A lookup has ended. A name that was not found keeps the addresses that it had.
  ///
  /// - Returns: A failure that should be logged: of each name, not more than one a minute.
  mutating func finished(_ name: String, _ finding: Finding, now: Instant) -> String? {
    guard var entry = self.known[name] else { return nil }
    defer { self.known[name] = entry }
    entry.isBeingLookedUp = false
    entry.isAwaited = false
    // Twice as long each time: a name server that is down must not be asked all the time.
    entry.notBefore = now + .seconds(1 << min(entry.lookups, 4))
    entry.lookups += 1
    switch finding {
    case .success(let addresses):
      entry.failure = nil
      // Name servers change the order with every answer; the C client would leave off what it is at.
      if Set(addresses) != Set(entry.addresses) { entry.addresses = addresses }
      return nil
    case .failure(let failure):
      entry.failure = failure
      guard entry.warnedAt.map({ now - $0 >= .seconds(60) }) ?? true else { return nil }
      entry.warnedAt = now
      return "cannot resolve \(name): \(failure.reason)"
    }
  }
}
