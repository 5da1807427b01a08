@testable import LatchkeyTesting

/// Histories made by hand. Times are in milliseconds.
enum Sample {
  static func ms(_ time: UInt64) -> UInt64 { time * 1_000_000 }

  /// A lease that was held from one instant to another, and given back then.
  static func lease(
    client: Int,
    number: Int = 0,
    token: UInt64?,
    asked: UInt64,
    held: ClosedRange<UInt64>,
    deadline: UInt64 = 100_000
  ) -> LeaseRecord {
    var lease = LeaseRecord(
      client: client,
      worker: 0,
      number: number,
      token: token.map { VerifyToken(major: $0) },
      asked: self.ms(asked)
    )
    lease.note(self.look(held.lowerBound, isHeld: true, deadline: deadline))
    lease.note(self.look(held.upperBound, isHeld: true, deadline: deadline))
    lease.releasing = self.ms(held.upperBound)
    lease.released = self.ms(held.upperBound)
    return lease
  }

  static func look(_ at: UInt64, isHeld: Bool, deadline: UInt64 = 100_000) -> Observation {
    Observation(before: self.ms(at), after: self.ms(at), isHeld: isHeld, deadline: self.ms(deadline))
  }

  static func history(_ leases: LeaseRecord...) -> ClientHistory {
    var history = ClientHistory()
    history.leases = leases
    history.clients = 2
    history.stopped = self.ms(90_000)
    return history
  }

  static func write(_ client: Int, lease: Int = 0, token: UInt64, at: UInt64, accepted: Bool = true) -> WriteRecord {
    let event = ClientEvent.write(worker: 0, token: VerifyToken(major: token), seen: self.look(at, isHeld: true))
    var write = WriteRecord(
      RecordedEvent(client: client, life: 0, event: event),
      worker: 0,
      lease: lease,
      token: VerifyToken(major: token),
      wasAccepted: accepted
    )
    write.at = self.ms(at)
    return write
  }
}

extension HistoryJudge {
  /// The kinds of what it finds.
  func kinds(in history: ClientHistory) -> [Breach.Kind] { self.findings(in: history).map(\.kind) }
}
