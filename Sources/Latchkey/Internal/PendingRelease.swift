/// A release that its backend has not confirmed: what a program that ends now leaves behind.
@usableFromInline
package struct PendingRelease: Sendable, Hashable {
  /// What the backend answered, or that it did not answer.
  package let reason: String
  /// How long others wait for the lock at most, unless the release gets through before; nil if that is not known.
  package let standsFor: Duration?

  @usableFromInline
  package init(reason: String, standsFor: Duration? = nil) {
    self.reason = reason
    self.standsFor = standsFor
  }
}

/// How a release came out, for the callbacks of a backend's requests: nil if what was held is gone.
@usableFromInline
package typealias ReleaseOutcome = Result<PendingRelease?, LockError>
