internal import Latchkey

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
