package import Latchkey

/// A lock name that no other test uses.
package func uniqueName(_ hint: String = "test") throws -> LockName {
  try LockName("\(hint)/\(String(UInt64.random(in: 0 ... .max), radix: 36))")
}

extension LockName {
  /// The lock of models, in which names mean nothing.
  package static let modelled: LockName = "modelled"
}
