import LatchkeyTesting
import Testing

@testable import ZooKeeper

/// A leader, its followers and one client, with delays and cuts: whatever happens, the machine must not believe in more time
/// than the leader gives.
private struct Model {
  private enum Event {
    case clientTick
    case relayTick
    case atFollower(beat: UInt64, connection: Int, follower: Int)
    case atLeader(beat: UInt64, connection: Int, follower: Int)
    case backAtFollower(beat: UInt64, connection: Int, follower: Int)
    case answered(beat: UInt64, connection: Int, isGood: Bool)
    case pingAtFollower(follower: Int)
    case relayAtLeader(follower: Int, touched: Bool)
    case disconnected(connection: Int)
    case lookAtLeader(connection: Int)
    case connected(connection: Int)
    case followerCut(follower: Int)
  }

  static let timeout = 4_800
  // Four ticks to a timeout, so the relay comes every eighth of it: the tightest case that is allowed.
  private static let relay = Self.timeout / 8
  private static let longestDelay = 60

  private var random: SplitMix
  private var queue: [(time: Int, order: Int, event: Event)] = []
  private var order = 0
  private let start = ContinuousClock.now
  private var machine: HeartbeatMachine
  private var connection = 1
  private var isConnected = true
  private var lastBeat: UInt64 = 0
  private var follower = 0
  private var isCut: Set<Int> = []
  /// Whether a follower has heard the client since its last relay.
  private var heard: Set<Int> = []
  private var lastTouch = 0
  private(set) var proofs = 0
  /// The first moment at which the machine believed in more time than there was, in milliseconds.
  private(set) var violation: String?
  /// The ends of ordered links: nothing overtakes on them.
  private var linkEnds: [String: Int] = [:]

  init(seed: UInt64, rules: HeartbeatMachine.Rules) {
    self.random = SplitMix(seed: seed)
    self.machine = HeartbeatMachine(openedAt: self.start, rules: rules)
    _ = self.machine.connected(timeout: .milliseconds(Self.timeout), now: self.start)
    self.at(0, .clientTick)
    self.at(self.relayPhase(), .relayTick)
  }

  private mutating func relayPhase() -> Int { Int.random(in: 0..<Self.relay, using: &self.random) }

  private mutating func at(_ time: Int, _ event: Event) {
    self.order += 1
    let index = self.queue.firstIndex { $0.time > time } ?? self.queue.endIndex
    self.queue.insert((time, self.order, event), at: index)
  }

  private mutating func send(_ event: Event, over link: String, now: Int) {
    let arrival = max(now + Int.random(in: 0...Self.longestDelay, using: &self.random), self.linkEnds[link] ?? 0)
    self.linkEnds[link] = arrival
    self.at(arrival, event)
  }

  private func instant(_ time: Int) -> ContinuousClock.Instant { self.start + .milliseconds(time) }

  mutating func run(until end: Int) {
    while self.violation == nil, let next = self.queue.first, next.time < end {
      self.queue.removeFirst()
      self.step(next.event, next.time)
    }
  }

  private mutating func check(_ now: Int) {
    self.proofs += 1
    guard let deadline = self.machine.deadline, deadline > self.instant(self.lastTouch + Self.timeout) else { return }
    self.violation = "at \(now): believes \(deadline - self.start), leader heard at \(self.lastTouch)"
  }

  private mutating func step(_ event: Event, _ now: Int) {
    switch event {
    case .clientTick:
      if let beat = self.machine.tick(now: self.instant(now)) {
        self.lastBeat = beat.id
        self.send(
          .atFollower(beat: beat.id, connection: self.connection, follower: self.follower),
          over: "client\(self.connection)",
          now: now
        )
      }
      self.at(now + 20, .clientTick)
      if Int.random(in: 0..<400, using: &self.random) == 0 { self.at(now, .followerCut(follower: self.follower)) }
      if self.isConnected, Int.random(in: 0..<300, using: &self.random) == 0 {
        self.isConnected = false
        self.at(now, .disconnected(connection: self.connection))
      }
    case .atFollower(let beat, let connection, let follower):
      self.heard.insert(follower)
      guard connection == self.connection else { return }
      self.send(.atLeader(beat: beat, connection: connection, follower: follower), over: "up\(follower)", now: now)
    case .atLeader(let beat, let connection, let follower):
      guard !self.isCut.contains(follower) else { return }
      self.send(
        .backAtFollower(beat: beat, connection: connection, follower: follower),
        over: "down\(follower)",
        now: now
      )
    case .backAtFollower(let beat, let connection, _):
      self.send(.answered(beat: beat, connection: connection, isGood: true), over: "back\(connection)", now: now)
    case .answered(let beat, let connection, let isGood):
      guard !isGood || (connection == self.connection && self.isConnected) else { return }
      if self.machine.answered(beat, isGood: isGood, now: self.instant(now)) { self.check(now) }
    case .relayTick:
      for follower in 0..<3 { self.send(.pingAtFollower(follower: follower), over: "down\(follower)", now: now) }
      self.at(now + Self.relay, .relayTick)
    case .pingAtFollower(let follower):
      let touched = self.heard.remove(follower) != nil
      self.send(.relayAtLeader(follower: follower, touched: touched), over: "up\(follower)", now: now)
    case .relayAtLeader(let follower, let touched):
      if touched, !self.isCut.contains(follower) { self.lastTouch = now }
    case .followerCut(let follower):
      // It goes on talking to the client, but nothing passes between it and the leader.
      self.isCut.insert(follower)
      self.at(now + 700, .disconnected(connection: self.connection))
    case .disconnected(let connection):
      guard connection == self.connection else { return }
      self.isConnected = false
      self.connection += 1
      self.machine.disconnected()
      // What was under way is given up.
      _ = self.machine.answered(self.lastBeat, isGood: false, now: self.instant(now))
      self.isCut = []
      self.follower = (self.follower + 1) % 3
      self.at(now + Int.random(in: 0...500, using: &self.random), .lookAtLeader(connection: self.connection))
    case .lookAtLeader(let connection):
      guard connection == self.connection else { return }
      self.lastTouch = now
      self.at(now + Int.random(in: 0...500, using: &self.random), .connected(connection: connection))
    case .connected(let connection):
      guard connection == self.connection else { return }
      self.isConnected = true
      if self.machine.connected(timeout: .milliseconds(Self.timeout), now: self.instant(now)) { self.check(now) }
    }
  }
}

@Suite("The proof that a session lives, against a model of the servers")
struct HeartbeatModelTests {
  @Test("the machine never believes in more time than the leader gives", arguments: 0..<200)
  func sound(seed: Int) {
    var model = Model(seed: UInt64(seed), rules: HeartbeatMachine.Rules())
    model.run(until: 120_000)
    #expect(model.violation == nil)
    #expect(model.proofs > 50)
  }

  @Test("without the gap between answer and next heartbeat the model finds a false proof")
  func gapMatters() {
    var rules = HeartbeatMachine.Rules()
    rules.gapDivisor = 1_000
    rules.beatsPerTimeout = 48
    let found = (0..<200).contains { seed in
      var model = Model(seed: UInt64(seed), rules: rules)
      model.run(until: 120_000)
      return model.violation != nil
    }
    #expect(found)
  }
}
