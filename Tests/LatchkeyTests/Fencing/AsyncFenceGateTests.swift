import Latchkey
import LatchkeyTestSupport
import Testing

@Suite("Asynchronous fence gate")
struct AsyncFenceGateTests {
  @Test("a write that suspends keeps the gate closed: no other write begins before it has ended")
  func holdsTheGate() async throws {
    let gate = AsyncFenceGate()
    let steps = Shared<[String]>([])
    let (begun, begin) = AsyncStream.makeStream(of: Void.self)
    let (ended, end) = AsyncStream.makeStream(of: Void.self)
    let first = Task {
      try await gate.admit(FencingToken(major: 1)) {
        steps.change { $0.append("first begins") }
        begin.finish()
        for await _ in ended {}
        steps.change { $0.append("first ends") }
      }
    }
    for await _ in begun {}
    let second = Task {
      try await gate.admit(FencingToken(major: 2)) { steps.change { $0.append("second") } }
    }
    // However long the second waits, it is not admitted: a gate that let it in would do so at once.
    for _ in 0..<100 { await Task.yield() }
    #expect(gate.state.newest == FencingToken(major: 1))
    end.finish()
    try await first.value
    try await second.value
    #expect(steps.value == ["first begins", "first ends", "second"])
    await #expect(throws: StaleToken(token: FencingToken(major: 1), newest: FencingToken(major: 2))) {
      try await gate.admit(FencingToken(major: 1)) { Issue.record("the stale write was made") }
    }
  }

  @Test("of many writers at once no write lands after one under a greater token")
  func manyWriters() async throws {
    let gate = AsyncFenceGate()
    let written = Shared<[FencingToken]>([])
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<8 {
        group.addTask {
          for round in 0..<100 {
            let token = FencingToken(major: UInt64(round * 4 + (writer * 37 + round * 11) % 29))
            do {
              try await gate.admit(token) {
                await Task.yield()
                written.change { $0.append(token) }
              }
            } catch {
              #expect(error is StaleToken)
            }
          }
        }
      }
    }
    let tokens = written.value
    #expect(!tokens.isEmpty && tokens.count < 800)
    #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(gate.state.newest == tokens.last)
  }

  @Test("a state that cannot be stored is not admitted, and a stored one is stored once")
  func remembers() async throws {
    struct DiskIsFull: Error {}
    let stored = Shared<[FenceState]>([])
    let gate = AsyncFenceGate(FenceState(newest: FencingToken(major: 1))) { state in
      if state.newest == FencingToken(major: 9) { throw DiskIsFull() }
      stored.change { $0.append(state) }
    }
    await #expect(throws: DiskIsFull.self) {
      try await gate.admit(FencingToken(major: 9)) { Issue.record("a write was made that the gate would forget") }
    }
    for _ in 0..<2 { try await gate.admit(FencingToken(major: 2)) {} }
    #expect(stored.value == [FenceState(newest: FencingToken(major: 2))])
  }

  @Test("a write that asks the gate again is told so instead of hanging")
  func wouldDeadlock() async throws {
    let gate = AsyncFenceGate()
    try await gate.admit(FencingToken(major: 1)) {
      let error = await #expect(throws: LockError.self) { try await gate.admit(FencingToken(major: 1)) {} }
      #expect(error?.code == .wouldDeadlock)
    }
  }

  @Test("a task that is cancelled in line makes no write")
  func cancelled() async throws {
    let gate = AsyncFenceGate()
    try await gate.admit(FencingToken(major: 1)) {
      let waiter = Task {
        try await gate.admit(FencingToken(major: 2)) { Issue.record("a cancelled write was made") }
      }
      waiter.cancel()
      let refusal = await #expect(throws: CancellationError.self) { try await waiter.value }
      #expect(refusal != nil)
    }
    #expect(gate.state.newest == FencingToken(major: 1))
  }
}
