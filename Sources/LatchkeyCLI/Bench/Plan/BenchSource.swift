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
