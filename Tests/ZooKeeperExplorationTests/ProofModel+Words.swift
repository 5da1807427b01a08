import LatchkeyExplorer
import LatchkeyTesting

@testable import ZooKeeper

extension ProofModel {
  /// What tells one state from another: of instants, their order, and as much of their distance as still matters.
  func digest(_ state: State, into digest: inout StateDigest) {
    digest.add(state.faults)
    digest.add(state.nextPing)
    digest.add(state.connection)
    digest.add(state.hasSession)
    digest.add(state.beat)
    digest.add(state.events.count)
    for event in state.events { digest.add(event) }
    for flag in [state.hasHeard, state.isCut, state.isDeposed, state.hasDeposedLeader, state.hasProven] {
      digest.add(flag)
    }
    for messages in [state.up, state.down] {
      digest.add(messages.count)
      for message in messages {
        digest.add(message.content)
        digest.add(state.now - message.sentAt)
      }
    }
    self.add(state.machine, of: state, &digest)
  }

  private func add(_ machine: HeartbeatMachine, of state: State, _ digest: inout StateDigest) {
    let now = Self.instant(state.now)
    func age(_ instant: ContinuousClock.Instant, upTo limit: Duration) -> Int {
      Int(min(now - instant, limit) / Self.unit)
    }
    // A new session counts from its start.
    let proven = machine.timeout == nil ? Self.instant(0) : machine.proven
    let touchedAt = Self.instant(state.touchedAt)
    let sent =
      [machine.unconfirmed] + machine.candidates.map(\.sentAt) + [machine.newestAnswered, machine.outstanding?.sentAt]
    digest.add(proven.map { $0 > touchedAt } ?? false)
    digest.add(sent.count)
    // They are in order, so it matters only which are the same, and which are newer than what is proven and what the leader knows.
    var last = proven
    for instant in sent + [now] {
      guard let instant else {
        digest.add(-1)
        continue
      }
      let isNew = last.map { instant > $0 } ?? true
      digest.add((isNew ? 1 : 0) + (proven.map { instant > $0 } ?? true ? 2 : 0) + (instant > touchedAt ? 4 : 0))
      last = instant
    }
    let timeout = Self.unit * self.timeout
    digest.add(machine.isConnected)
    digest.add(machine.timeout != nil)
    // How long the first connection took decides whether the session is counted from its start.
    if machine.timeout == nil { digest.add(age(Self.instant(0), upTo: timeout - timeout / self.rules.freshDivisor)) }
    digest.add(machine.lastSentAt.map { age($0, upTo: timeout / self.rules.beatsPerTimeout) } ?? -1)
    let gap = timeout / self.rules.gapDivisor
    for candidate in machine.candidates {
      digest.add(machine.outstanding.map { candidate.answeredAt + gap <= $0.sentAt } ?? false)
      digest.add(age(candidate.answeredAt, upTo: gap))
    }
  }

  func describe(_ step: Step, in state: State) -> String {
    let time = "at \(state.now)/\(self.timeout) of a timeout"
    return switch step {
    case .tick: "time passes to \(state.now + 1)/\(self.timeout) of a timeout"
    case .ping: "\(time) the leader pings its followers"
    case .beat: "\(time) the client sends a heartbeat"
    case .atFollower: "the heartbeat reaches the server"
    case .toLeader: "the leader hears \(state.up.first.map(Self.name) ?? "nothing")"
    case .overtakeToLeader: "the leader hears \(state.up.last.map(Self.name) ?? "nothing") before what was sent earlier"
    case .toFollower:
      "the server hears \(state.down.first?.content == .beat ? "the answer" : "the ping, and tells whom it has heard")"
    case .atClient: "the answer reaches the client"
    case .hear: "\(time) the machine is told: \(state.events.first.map { "\($0)" } ?? "nothing")"
    case .look(false): "\(time) a server asks the leader, who looks at the session"
    case .look(true): "\(time) a server asks the leader who was deposed, and is told that the session lives"
    case .connect: "\(time) the client is connected"
    case .failToConnect: "\(time) the attempt to connect fails"
    case .giveUp: "\(time) the client is disconnected from a server that has no leader"
    case .breakConnection(true): "FAULT: \(time) the connection breaks"
    case .breakConnection(false):
      "FAULT: \(time) the connection breaks, of which the machine hears behind its heartbeat"
    case .cut: "FAULT: \(time) nothing passes between the server and its leader any more"
    case .depose: "FAULT: \(time) there is a new leader, of whom the client's server does not hear"
    }
  }

  private static func name(_ message: Message) -> String {
    switch message.content {
    case .beat: "the heartbeat"
    case .ping: "a ping"
    case .relay(true): "that the client was heard"
    case .relay(false): "that the client was not heard"
    }
  }

  func describe(_ state: State) -> String { "nothing is proven any more" }
}
