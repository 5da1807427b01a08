#if Etcd
internal import Latchkey

extension LockError {
  /// What an etcd error means for a lock.
  init(_ name: LockName, _ error: EtcdError) {
    let (code, message): (Code, String) =
      switch error.code {
      case .cancelled: (.cancelled, "the wait was cancelled; nothing is left behind")
      case .closed: (.closed, "the etcd client is closed; use the lock while the client runs")
      case .notAuthorized:
        (
          .notAuthorized,
          "the cluster refuses this client; check user, password, and the role's permission on the lock's prefix"
        )
      case .unreachable where error.trouble != nil || error == .notRunning:
        // The error itself says what to do.
        (.unreachable, "the cluster could not be asked")
      case .unreachable, .timedOut, .leaseNotFound:
        (.unreachable, "the cluster could not be asked; check the endpoints, and that a majority of the members runs")
      case .refused where error.isTransient:
        (.unreachable, "the cluster cannot grant locks at present; it says why")
      case .invalidConfiguration: (.invalidConfiguration, "the client's configuration cannot work")
      default: (.backendFailure, "the cluster answered with an error")
      }
    self.init(code, name: name, message: message, underlying: error)
  }
}
#endif
