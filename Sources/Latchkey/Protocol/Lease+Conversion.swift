/// What turns a lease of one half of a read-write lock into one of the other.
package enum LeaseConversion: Sendable {
  case downgrade
  case upgrade

  /// What it makes of the grant.
  var result: GrantKind { self == .downgrade ? .read : .write }

  private var call: String { self == .downgrade ? "downgrade" : "tryUpgrade" }
  private var half: String { self == .downgrade ? "writing" : "reading" }

  /// The error about a lease of another lock, or of the wrong half.
  ///
  /// - Parameter name: The lock that was asked.
  fileprivate func refusal(_ name: LockName) -> LockError {
    LockError(
      .invalidConfiguration,
      name: name,
      message: "\(self.call) was given a lease that is not of this lock's \(self.half) half, and has released it; "
        + "pass what \(self.half).acquire of the same lock returned"
    )
  }
}

extension Lease {
  /// Releases a lease that a conversion cannot take: a parameter that is consumed must not leak.
  ///
  /// - Parameters:
  ///   - name: The lock that was asked for the conversion.
  ///   - conversion: What was asked for.
  /// - Returns: The error to throw.
  package consuming func refused(by name: LockName, _ conversion: LeaseConversion) async -> LockError {
    await self.releaseQuietly()
    return conversion.refusal(name)
  }
}
