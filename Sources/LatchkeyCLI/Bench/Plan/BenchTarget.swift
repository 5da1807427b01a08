internal import Latchkey

/// Where a backend to be measured comes from.
enum BenchSource: Sendable {
  case url(LockURL, tick: Duration?)
  case servers(any ServerKind, count: Int)

  /// The kind of backend, as far as it is known before it runs.
  var kind: String {
    switch self {
    case .url(let url, _): url.scheme.backendKind
    case .servers(let kind, _): kind.name
    }
  }

  /// What people call it.
  var name: String {
    switch self {
    case .url(let url, _): url.description
    case .servers(let kind, let count): count == kind.counts.lowerBound ? kind.name : "\(kind.name):\(count)"
    }
  }

  /// Checks everything that can be checked before anything is started.
  ///
  /// - Parameters:
  ///   - urls: URLs of locks.
  ///   - serve: Values of `--serve`.
  ///   - connection: The options for the URLs.
  static func all(urls: [String], serve: [String], connection: ConnectionOptions) throws -> [BenchSource] {
    let given = try urls.map { text -> BenchSource in
      let url = try connection.apply(to: LockURL(text), isOneOfSeveral: true)
      _ = try Backends.backend(for: url)
      return .url(url, tick: connection.tick)
    }
    let served = try serve.map { text -> BenchSource in
      let (kind, count) = try Backends.servers(text)
      return .servers(kind, count: count)
    }
    return given + served
  }
}

/// Something to measure: a backend, and where it is.
struct BenchTarget: Sendable {
  /// What tables and pictures call it; no two targets have the same.
  var name: String
  /// Under which names its locks lie.
  let url: LockURL
  let tick: Duration?
  /// The version of its servers, where it is known.
  let version: String?

  var kind: String { self.url.scheme.backendKind }
  var isInProcess: Bool { self.url.scheme.isInProcess }

  /// Named after its kind, and the number of its servers if it has several.
  init(url: LockURL, tick: Duration?, version: String? = nil) {
    self.name = url.scheme.backendKind + (url.hosts.count > 1 ? ":\(url.hosts.count)" : "")
    self.url = url
    self.tick = tick
    self.version = version
  }

  /// The name of one of its locks.
  func lockName(_ suffix: String) throws(LockError) -> LockName {
    try LockName("\(self.url.name.rawValue)/\(suffix)")
  }

  /// Connects, lends the locks to a body, and disconnects.
  func withLocks(_ body: @escaping @Sendable (any LockProvider) async throws -> Void) async throws {
    try await Backends.backend(for: self.url).withLocks(at: self.url, tick: self.tick) { try await body($0) }
  }

  /// Numbers those that would have the same name.
  static func unique(_ names: [String]) -> [String] {
    var seen: [String: Int] = [:]
    return names.map { name in
      let count = seen[name, default: 0] + 1
      seen[name] = count
      return count == 1 ? name : "\(name) #\(count)"
    }
  }
}
