import Latchkey
import LatchkeyTestSupport

extension LockFailure {
  /// The failure of models, in which words mean nothing.
  static let modelled = LockFailure(LockError(.backendFailure, name: .modelled, message: "a failure"))
}
