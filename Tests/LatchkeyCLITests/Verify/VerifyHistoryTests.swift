import Testing

@testable import LatchkeyCLI
@testable import LatchkeyTesting

@Suite("The history of a verification")
struct VerifyHistoryTests {
  @Test("is put together from what the clients tell, each life of a process apart")
  func leases() throws {
    let token = VerifyToken(major: 7)
    func from(_ life: Int, _ event: ClientEvent) -> RecordedEvent { RecordedEvent(client: 1, life: life, event: event) }
    let history = ClientHistory([
      from(0, .ready),
      from(0, .asked(worker: 0, at: 1, within: 50)),
      from(0, .failed(worker: 0, at: 3, code: "timedOut", message: "")),
      from(0, .asked(worker: 0, at: 4, within: 50)),
      from(0, .granted(worker: 0, token: token, seen: .init(before: 6, after: 7, isHeld: true, deadline: 20))),
      from(0, .write(worker: 0, token: token, seen: .init(before: 9, after: 10, isHeld: true, deadline: 30))),
      from(1, .asked(worker: 0, at: 11, within: 50)),
      from(0, .lost(worker: 0, at: 31, deadline: 30, reason: "late")),
      from(0, .seen(worker: 0, seen: .init(before: 32, after: 33, isHeld: false, deadline: 30))),
      from(0, .stalled(from: 12, until: 29)),
    ])
    #expect(history.requests.map(\.failure) == ["timedOut", nil, nil])
    // The last was never answered.
    #expect(history.requests.map { $0.ended == nil } == [false, false, true])
    let lease = try #require(history.leases.first)
    #expect(history.leases.count == 1)
    #expect(lease.asked == 4 && lease.firstHeld == 7 && lease.lastHeld == 9)
    #expect(lease.deadline == 30 && lease.toldAt == 31 && lease.seenOver == 33)
    #expect(history.stalled(.init(client: 1, life: 0), from: 20, until: 40) == 9)
    #expect(history.stalled(.init(client: 1, life: 1), from: 20, until: 40) == 0)
  }

  @Test("events and orders survive their way between processes")
  func lines() throws {
    let events: [ClientEvent] = [
      .ready, .asked(worker: 3, at: 5, within: 6), .stalled(from: 1, until: 2), .wallClock(at: 3, by: -3600.5), .done,
      .unwatched(worker: 2), .lost(worker: 1, at: 2, deadline: nil, reason: "a \"reason\"\n"),
    ]
    for event in events { #expect(try JSON.decode(ClientEvent.self, from: JSON.encode(event)) == event) }
    let answer = try #require(VerifyOrder.answer(VerifyOrder.wrote(4, true)))
    #expect(answer == (4, true))
    #expect(VerifyOrder.answer(VerifyOrder.stop) == nil)
    for isWatched in [true, false] {
      let order = VerifyOrder.linger(.milliseconds(1_500), isWatched: isWatched)
      #expect(try #require(VerifyOrder.lingering(order)) == (.milliseconds(1_500), isWatched))
    }
  }

  @Test("the resource refuses stale tokens, unless it is told to take everything")
  func resource() {
    func answers(_ record: VerifyRecord) -> [Bool?] {
      ([5, 6, 5, 6] as [UInt64]).map { token in
        let seen = Observation(before: 0, after: 0, isHeld: true, deadline: nil)
        return record.note(.init(client: 0, life: 0, event: .write(worker: 0, token: .init(major: token), seen: seen)))
      }
    }
    #expect(answers(VerifyRecord(acceptsStale: false)) == [true, true, false, true])
    #expect(answers(VerifyRecord(acceptsStale: true)) == [true, true, true, true])
  }
}
