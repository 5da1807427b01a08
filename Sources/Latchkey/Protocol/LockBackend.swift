/// Where a lock lives: two locks of one name exclude each other if their backends are equal.
public struct LockBackend: Hashable, Sendable, CustomStringConvertible {
  /// The kind of backend: `mutex`, `channel`, `readwrite`, `semaphore`, `zookeeper`, `redis`, `redlock`, `etcd`,
  /// `multi`.
  public let kind: String

  /// Which one of its kind: server addresses without credentials, or an identity within the process.
  public let instance: String

  /// Names a backend.
  ///
  /// - Parameters:
  ///   - kind: The kind of backend.
  ///   - instance: Which one of its kind; must not hold credentials.
  public init(kind: String, instance: String) {
    self.kind = kind
    self.instance = instance
  }

  /// Kind and instance.
  public var description: String { self.instance.isEmpty ? self.kind : "\(self.kind)(\(self.instance))" }
}
