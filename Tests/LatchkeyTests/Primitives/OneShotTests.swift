import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@Suite("A value that is set once", .timeLimit(.minutes(1)))
struct OneShotTests {
  private struct Failure: Error, Equatable {}

  @Test("the first value counts, for all who wait and for all who come later")
  func firstValue() async {
    let value = OneShot<Int>()
    #expect(value.current == nil)
    let waiting = (0..<3).map { _ in Task.immediate { await value.value } }
    let cancellable = Task.immediate { await value.wait(cancelled: -1) }
    value.resolve(1)
    value.resolve(2)
    for task in waiting { #expect(await task.value == 1) }
    #expect(await cancellable.value == 1)
    #expect(value.current == 1)
    #expect(await value.value == 1)
    #expect(await value.wait(cancelled: -1) == 1)
  }

  @Test("a cancelled wait ends at once, and the other waits go on")
  func cancelledWait() async {
    let value = OneShot<Int>()
    let cancelled = Task.immediate { await value.wait(cancelled: -1) }
    let other = Task.immediate { await value.wait(cancelled: -1) }
    cancelled.cancel()
    #expect(await cancelled.value == -1)
    #expect(value.current == nil)
    value.resolve(1)
    #expect(await other.value == 1)
  }

  @Test("a task that is cancelled before it waits gets a value that was set, and else does not wait")
  func cancelledBefore() async {
    let (set, open) = (OneShot<Int>(), OneShot<Int>())
    set.resolve(1)
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return (await set.wait(cancelled: -1), await open.wait(cancelled: -1))
    }
    #expect(await task.value == (1, -1))
  }

  @Test("a wait without a way out outlasts cancellation")
  func uncancelled() async {
    let value = OneShot<Int>()
    let task = Task.immediate { await value.value }
    task.cancel()
    value.resolve(1)
    #expect(await task.value == 1)
  }

  @Test("an outcome that may fail is returned or thrown")
  func outcomes() async throws {
    let success = OneShot<Result<Int, Failure>>()
    success.resolve(.success(1))
    #expect(try await success.get(cancelled: Failure()) == 1)
    let failure = OneShot<Result<Int, Failure>>()
    failure.resolve(.failure(Failure()))
    await #expect(throws: Failure()) { try await failure.get(cancelled: Failure()) }
  }

  @Test("values, waits and cancellations that cross answer each wait once")
  func hammer() async {
    for _ in 0..<500 {
      let value = OneShot<Int>()
      await withTaskGroup(of: Void.self) { group in
        let waits = (0..<4).map { _ in Task { await value.wait(cancelled: -1) } }
        group.addTask { value.resolve(1) }
        group.addTask { value.resolve(2) }
        for wait in waits.prefix(2) { group.addTask { wait.cancel() } }
        for wait in waits.suffix(2) { #expect([1, 2].contains(await wait.value)) }
        for wait in waits.prefix(2) { #expect([-1, 1, 2].contains(await wait.value)) }
      }
    }
  }
}
