public import Logging

extension Logger.Metadata {
  /// What a log line that concerns a lock says of it.
  package static func lock(_ name: LockName, _ backend: LockBackend, _ token: FencingToken? = nil) -> Logger.Metadata {
    var metadata: Logger.Metadata = ["lock.name": "\(name)", "lock.backend": "\(backend.kind)"]
    if let token { metadata["lock.token"] = "\(token)" }
    return metadata
  }

  /// With what else the line has to say.
  package func and(_ more: Logger.Metadata) -> Logger.Metadata { self.merging(more) { $1 } }
}

extension Logger.MetadataProvider {
  /// Adds `lock.name`, `lock.backend` and `lock.token` to whatever is logged under a lock: in the body of the innermost
  /// `withLock` that still holds, and in tasks that were started there.
  ///
  /// ```swift
  /// LoggingSystem.bootstrap(
  ///   { label, provider in StreamLogHandler.standardError(label: label, metadataProvider: provider) },
  ///   metadataProvider: .heldLock
  /// )
  /// ```
  public static var heldLock: Logger.MetadataProvider {
    Logger.MetadataProvider { HoldMarker.current?.metadata ?? [:] }
  }
}
