internal import Latchkey
internal import ZooKeeper

extension LockError {
  /// What a ZooKeeper error means for a lock.
  init(_ name: LockName, _ error: ZooKeeperError) {
    let (code, message): (Code, String) =
      switch error.code {
      case .cancelled: (.cancelled, "the wait was cancelled; nothing is left behind")
      case .closed, .invalidState: (.closed, "the ZooKeeper client is closed; use the lock while the client runs")
      case .noAuth, .authFailed, .invalidACL:
        (.notAuthorized, "the servers refuse this client; check its credentials and the ACLs of the lock's directory")
      case .notRunning:
        (.unreachable, "the ZooKeeper client is not running, so the servers could not be asked")
      case .connectionLoss where error.isUnsent: (.unreachable, "the servers could not be asked")
      case .connectionLoss, .operationTimeout, .sessionExpired:
        (.unreachable, "the servers could not be asked; check their addresses and that they run")
      case .throttled:
        (.backendFailure, "the servers refuse requests because of their load; try again later, or give them less to do")
      case .invalidConfiguration:
        (.invalidConfiguration, "the servers are not what the client's configuration takes them for")
      case .tooManyWatches:
        (.invalidConfiguration, "more locks than one session can watch; use a second client")
      default: (.backendFailure, "the servers answered with an error")
      }
    self.init(code, name: name, message: message, underlying: error)
  }
}

extension NodeQueueFailure {
  /// Reduces an error to what the queue decides by.
  init(_ name: LockName, _ error: ZooKeeperError) {
    switch error.code {
    case .noNode: self = .noNode
    // The reply is missing, or came from a connection that has been given up: the request may have been carried out.
    case .connectionLoss, .operationTimeout, .runtimeInconsistency, .sessionMoved: self = .inDoubt
    case .sessionExpired, .closed, .invalidState: self = .sessionOver
    case .throttled: self = .throttled
    default: self = .permanent(LockFailure(LockError(name, error)))
    }
  }
}
