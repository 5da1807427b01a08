internal import LatchkeyPrimitives

/// The one server that a client's locks are on.
final class LockServer: Sendable {
  private struct State {
    /// Whether it has answered at least once: later outages are ridden out.
    var hasBeenReached = false
    /// Whether it has granted something at any time.
    var hasGranted = false
  }

  let port: any RedisPort
  private let state = Locked(State())

  init(_ port: any RedisPort) {
    self.port = port
  }

  var hasBeenReached: Bool { self.state.withLock { $0.hasBeenReached } }

  func note(_ reply: PlantReply) {
    self.state.withLock { state in
      switch reply {
      case .planted: (state.hasBeenReached, state.hasGranted) = (true, true)
      case .held: state.hasBeenReached = true
      case .failed(let error): if error.showsServer { state.hasBeenReached = true }
      }
    }
  }

  /// Whether the server answers that it is not the one to ask. A replica that was a master in our time may become one again, as
  /// another may after a failover; one that never was is the wrong address.
  func isMisplaced(_ error: RedisError) -> Bool {
    error.isRedirection || (error.isOfReplica && !self.state.withLock { $0.hasGranted })
  }
}
