import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@Suite("Fence gates of a read-write lock", .timeLimit(.minutes(1)))
struct ReadWriteFenceGateTests {
  @Test("a deposed writer does not change what a later reader has read, whichever gate it comes to")
  func deposedWriter() async throws {
    let lock = LocalReadWriteLock("account")
    let (gate, asyncGate) = (ReadWriteFenceGate(), AsyncReadWriteFenceGate())
    // What a process looks like that was stopped inside the body: it has the token, and no longer the lock.
    let writer = try #require(try await lock.writing.withLock { $0.token })
    try gate.admitWrite(writer) {}
    try await asyncGate.admitWrite(writer) {}
    let reader = try #require(try await lock.reading.withLock { $0.token })
    #expect(try gate.admitRead(reader) { "read" } == "read")
    #expect(try await asyncGate.admitRead(reader) { "read" } == "read")
    let stale = StaleToken(token: writer, newest: reader)
    #expect(throws: stale) { try gate.admitWrite(writer) { Issue.record("the stale write was made") } }
    await #expect(throws: stale) {
      try await asyncGate.admitWrite(writer) { Issue.record("the stale write was made") }
    }
    #expect(gate.state == asyncGate.state)
    #expect(gate.state == ReadWriteFenceState(newestWrite: writer, newestRead: reader))
  }

  @Test("the state is stored before the first access under each token, and what cannot be stored is not admitted")
  func remembers() async throws {
    struct DiskIsFull: Error {}
    let stored = Shared<[ReadWriteFenceState]>([])
    let store = { @Sendable (state: ReadWriteFenceState) throws in
      if state.newestRead == FencingToken(major: 9) { throw DiskIsFull() }
      stored.change { $0.append(state) }
    }
    let (two, three) = (FencingToken(major: 2), FencingToken(major: 3))
    let states = [
      ReadWriteFenceState(newestWrite: two), ReadWriteFenceState(newestWrite: two, newestRead: three),
    ]
    let gate = ReadWriteFenceGate(remember: store)
    for _ in 0..<2 { try gate.admitWrite(two) {} }
    for _ in 0..<2 { try gate.admitRead(three) {} }
    try gate.admitRead(two) {}
    #expect(stored.value == states)
    #expect(throws: DiskIsFull.self) { try gate.admitRead(FencingToken(major: 9)) {} }
    #expect(gate.state == states[1])

    stored.change { $0 = [] }
    let asyncGate = AsyncReadWriteFenceGate(remember: { try store($0) })
    for _ in 0..<2 { try await asyncGate.admitWrite(two) {} }
    for _ in 0..<2 { try await asyncGate.admitRead(three) {} }
    #expect(stored.value == states)
    await #expect(throws: DiskIsFull.self) { try await asyncGate.admitRead(FencingToken(major: 9)) {} }
    #expect(asyncGate.state == states[1])
  }

  @Test("reads that suspend are made side by side, and a write waits until they have ended")
  func sideBySide() async throws {
    let gate = AsyncReadWriteFenceGate()
    let steps = Shared<[String]>([])
    let (ended, end) = AsyncStream.makeStream(of: Void.self)
    let readers = [FencingToken(major: 1), FencingToken(major: 2)].map { token in
      Task {
        try await gate.admitRead(token) {
          steps.change { $0.append("read") }
          _ = try await eventually { steps.value.count == 2 }
          for await _ in ended {}
          steps.change { $0.append("end of read") }
        }
      }
    }
    #expect(try await eventually { steps.value.count == 2 })
    let writer = Task { try await gate.admitWrite(FencingToken(major: 3)) { steps.change { $0.append("write") } } }
    for _ in 0..<100 { await Task.yield() }
    #expect(gate.state.newestWrite == nil)
    end.finish()
    for reader in readers { try await reader.value }
    try await writer.value
    #expect(steps.value == ["read", "read", "end of read", "end of read", "write"])
  }

  @Test("an access that asks the gate again is told so instead of hanging")
  func wouldDeadlock() async throws {
    let gate = AsyncReadWriteFenceGate()
    let token = FencingToken(major: 1)
    try await gate.admitRead(token) {
      let error = await #expect(throws: LockError.self) { try await gate.admitRead(token) {} }
      #expect(error?.code == .wouldDeadlock)
    }
  }
}
