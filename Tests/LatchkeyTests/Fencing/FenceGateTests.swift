import Latchkey
import LatchkeyTestSupport
import Testing

@Suite("Fence gate")
struct FenceGateTests {
  @Test("a write under a growing or equal token is made, and its value returned")
  func admits() throws {
    let gate = FenceGate()
    for major: UInt64 in [1, 1, 2, 5] {
      #expect(try gate.admit(FencingToken(major: major)) { "written under \(major)" } == "written under \(major)")
    }
    #expect(gate.state == FenceState(newest: FencingToken(major: 5)))
  }

  @Test("a write under a smaller token is not made, and the error names both tokens")
  func refuses() throws {
    let gate = FenceGate(FenceState(newest: FencingToken(major: 5)))
    let refusal = #expect(throws: StaleToken.self) {
      try gate.admit(FencingToken(major: 4)) { Issue.record("the stale write was made") }
    }
    #expect(refusal == StaleToken(token: FencingToken(major: 4), newest: FencingToken(major: 5)))
    #expect(gate.state.newest == FencingToken(major: 5))
  }

  @Test("a holder that is late is refused from the first write of the next holder on, and not before")
  func lateHolder() async throws {
    let mutex = LocalMutex("account")
    let gate = FenceGate()
    let account = Shared("nothing")
    let write = { (value: String, token: FencingToken) in
      try gate.admit(token) { account.change { $0 = value } }
    }
    // What a process looks like that was stopped inside the body: it has the token, and no longer the lock.
    let late = try #require(try await mutex.withLock { $0.token })
    let next = try #require(try await mutex.withLock { $0.token })
    try write("late, but before the next", late)
    try write("next", next)
    #expect(throws: StaleToken(token: late, newest: next)) { try write("late", late) }
    try write("next again", next)
    #expect(account.value == "next again")
  }

  @Test("of many writers at once no write lands after one under a greater token")
  func manyWriters() async throws {
    let gate = FenceGate()
    let written = Shared<[FencingToken]>([])
    let refusals = await withTaskGroup(of: Int.self) { group in
      for writer in 0..<8 {
        group.addTask {
          var refusals = 0
          for round in 0..<500 {
            // Writers run through the same tokens at different places, so that each is late at times.
            let token = FencingToken(major: UInt64(round * 4 + (writer * 37 + round * 11) % 29))
            do {
              try gate.admit(token) { written.change { $0.append(token) } }
            } catch {
              refusals += 1
              #expect(
                (error as? StaleToken).flatMap { stale in stale.newest.map { stale.token == token && $0 > token } }
                  == true
              )
            }
          }
          return refusals
        }
      }
      return await group.reduce(0, +)
    }
    let tokens = written.value
    #expect(tokens.count + refusals == 8 * 500)
    #expect(refusals > 0)
    #expect(zip(tokens, tokens.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(gate.state.newest == tokens.last)
  }

  @Test("the state is stored before the first write under each token, and not again")
  func remembers() throws {
    let steps = Shared<[String]>([])
    let gate = FenceGate { state in steps.change { $0.append("stored \(state.newest?.description ?? "nothing")") } }
    for major: UInt64 in [3, 3, 4] {
      try gate.admit(FencingToken(major: major)) { steps.change { $0.append("wrote") } }
    }
    #expect(throws: StaleToken.self) { try gate.admit(FencingToken(major: 3)) {} }
    #expect(steps.value == ["stored 3", "wrote", "wrote", "stored 4", "wrote"])
  }

  @Test("what cannot be stored is not admitted")
  func failsToRemember() throws {
    struct DiskIsFull: Error {}
    let isFull = Shared(true)
    let gate = FenceGate { _ in if isFull.value { throw DiskIsFull() } }
    #expect(throws: DiskIsFull.self) {
      try gate.admit(FencingToken(major: 3)) { Issue.record("a write was made that the gate would forget") }
    }
    #expect(gate.state.newest == nil)
    isFull.change { $0 = false }
    try gate.admit(FencingToken(major: 2)) {}
    #expect(gate.state.newest == FencingToken(major: 2))
  }

  @Test("a write that fails keeps earlier holders out all the same")
  func failedWrite() {
    struct ConnectionLost: Error {}
    let gate = FenceGate()
    #expect(throws: ConnectionLost.self) { try gate.admit(FencingToken(major: 3)) { throw ConnectionLost() } }
    #expect(throws: StaleToken.self) { try gate.admit(FencingToken(major: 2)) {} }
  }
}
