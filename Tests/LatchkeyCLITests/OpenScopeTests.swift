import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

@Suite("A scope that stays open", .timeLimit(.minutes(1)))
struct OpenScopeTests {
  private struct Broken: Error {}

  @Test("lends its value until it is closed, and is cleaned up when closing returns")
  func open() async throws {
    let isCleanedUp = Flag()
    let scope = try await OpenScope<Int>.open { body in
      try await body(42)
      isCleanedUp.raise()
    }
    #expect(scope.value == 42)
    #expect(!isCleanedUp.isRaised)
    await scope.close()
    #expect(isCleanedUp.isRaised)
  }

  @Test("passes on why it could not be entered")
  func broken() async {
    await #expect(throws: Broken.self) {
      _ = try await OpenScope<Int>.open { _ in throw Broken() }
    }
  }

  @Test("is left when the task that enters it is cancelled, before that task goes on")
  func cancelled() async throws {
    let (isEntering, isCleanedUp) = (Flag(), Flag())
    let task = Task {
      try await OpenScope<Int>.open { _ in
        isEntering.raise()
        defer { isCleanedUp.raise() }
        try await Task.sleep(for: .seconds(3600))
      }
    }
    #expect(try await eventually { isEntering.isRaised })
    task.cancel()
    await #expect(throws: CancellationError.self) { _ = try await task.value }
    #expect(isCleanedUp.isRaised)
  }

  @Test("stays open when the task that entered it is cancelled later: what it lends is still in use")
  func cancelledLater() async throws {
    let isCleanedUp = Flag()
    let task = Task {
      let scope = try await OpenScope<Int>.open { body in
        try await body(1)
        isCleanedUp.raise()
      }
      withUnsafeCurrentTask { $0?.cancel() }
      let wasOpen = !isCleanedUp.isRaised
      await scope.close()
      return wasOpen
    }
    #expect(try await task.value)
    #expect(isCleanedUp.isRaised)
  }
}

private final class Flag: Sendable {
  private let state = Locked(false)

  var isRaised: Bool { self.state.withLock { $0 } }

  func raise() { self.state.withLock { $0 = true } }
}
