internal import Latchkey
internal import ZooKeeper

// The limit's node: persistent, so that it outlives every client.
extension SharedLimit {
  /// Writes the limit, whatever it was; makes the node where it is missing.
  static func write(_ limit: Int, to path: String, _ name: LockName, _ locks: ZooKeeperLocks) async throws(LockError) {
    let data = Self.encode(limit)
    var refusals = 0
    while true {
      do throws(ZooKeeperError) {
        do throws(ZooKeeperError) {
          try await locks.client.set(path, data: data)
        } catch {
          guard error.code == .noNode else { throw error }
          if let parent = NodePath.parent(of: path) { try await locks.client.createParents(parent, acl: locks.acl) }
          try await locks.client.create(path, data: data, acl: locks.acl)
        }
        return
      } catch {
        switch error.code {
        // Somebody else has made it meanwhile, or has taken away what it was to be made in.
        case .nodeExists, .noNode: refusals += 1
        // Written twice, it says the same.
        case let code where code.isInDoubt || code == .throttled: refusals += 1
        default: throw LockError(name, error)
        }
        guard refusals < 5, !Task.isCancelled else { throw LockError(name, error) }
        // If the task is cancelled meanwhile, the next request says so.
        try? await Task.sleep(for: .pause(afterRefusals: refusals))
      }
    }
  }
}

extension SemaphoreBackend {
  /// Makes the limit's node, unless somebody else has.
  func makeLimit(
    _ path: String,
    _ seed: Int,
    _ session: ZKSession,
    _ done: @escaping @Sendable (Result<Void, NodeQueueFailure>) -> Void
  ) {
    let create = { @Sendable in
      let node = ZooKeeperClient.Operation.create(path, data: SharedLimit.encode(seed), acl: self.acl)
      session.transaction([node], defaultACL: self.acl) { result in
        switch result {
        case .failure(let failure) where failure.error.code == .nodeExists: done(.success(()))
        case .failure(let failure): done(self.reduced(.failure(failure.error)))
        case .success: done(.success(()))
        }
      }
    }
    guard let parent = NodePath.parent(of: path), parent != "/" else { return create() }
    session.createContainers(parent, acl: self.acl) { code in
      guard code == .ok else { return done(self.made(parent, code)) }
      create()
    }
  }

  /// The error about a node of the limit that holds something else.
  func noLimit(at path: String) -> LockError {
    LockError(
      .invalidConfiguration,
      name: self.name,
      message: """
        the node \(path) holds no limit: it should have the four bytes that Curator's SharedCount writes; \
        give the path of such a node, or write the limit anew with setLimit
        """
    )
  }
}
