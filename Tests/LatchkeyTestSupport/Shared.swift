internal import LatchkeyPrimitives

/// A value that several tasks of a test look at and change.
package final class Shared<Value: Sendable>: Sendable {
  private let state: Locked<Value>

  package init(_ value: Value) {
    self.state = Locked(value)
  }

  package var value: Value { self.state.withLock { $0 } }

  package func change(_ body: @Sendable (inout Value) -> Void) {
    self.state.withLock { body(&$0) }
  }
}

/// A number that tasks change under a lock that is under test: reads and writes are apart, so a broken lock loses updates.
package final class SharedCounter: Sendable {
  private let value = Shared(0)

  package init() {}

  package var current: Int { self.value.value }

  package func add() async {
    let read = self.current
    await Task.yield()
    self.value.change { $0 = read + 1 }
  }
}
