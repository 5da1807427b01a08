import Latchkey
import LatchkeyPrimitives

/// A value that several tasks of a test may change.
final class Shared<Value: Sendable>: Sendable {
  private let locked: Locked<Value>

  init(_ value: Value) {
    self.locked = Locked(value)
  }

  var value: Value { self.locked.withLock { $0 } }

  func change(_ change: @Sendable (inout Value) -> Void) {
    self.locked.withLock { change(&$0) }
  }
}
