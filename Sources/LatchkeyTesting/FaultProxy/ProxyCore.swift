internal import NIOCore
internal import NIOPosix

#if canImport(Darwin)
internal import Darwin
#else
internal import Glibc
#endif

/// The error number of a port that is taken.
let addressInUse = EADDRINUSE

/// The state of a proxy, which lives on one event loop together with all its channels.
final class ProxyCore {
  enum Mode {
    case open, held, cut
  }

  struct Rule {
    let number: Int
    let decide: (FaultProxy.Frame) -> FaultProxy.Action?
  }

  let loop: any EventLoop
  let framing: FaultProxy.Framing
  var target: FaultProxy.Target
  var listener: (any Channel)?
  private(set) var counters = FaultProxy.Counters()
  private(set) var strikes: [Int: Int] = [:]
  /// Why rules for frames cannot work as they should: the first reason that there was.
  private(set) var complaint: ServerError?
  private var links: [Int: ProxyLink] = [:]
  private var rules: [Rule] = []
  private var lastRule = 0
  private var modes: [FaultProxy.Direction: Mode] = [:]
  private var delays: [FaultProxy.Direction: TimeAmount] = [:]
  private var rates: [FaultProxy.Direction: Int] = [:]
  private var waiters: [Int: (isTrue: (ProxyCore) -> Bool, promise: EventLoopPromise<Bool>)] = [:]
  private var lastWaiter = 0

  init(loop: any EventLoop, target: FaultProxy.Target, framing: FaultProxy.Framing) {
    self.loop = loop
    self.target = target
    self.framing = framing
  }

  // MARK: Connections

  func accept(_ client: any Channel) throws {
    self.counters.accepted += 1
    self.counters.open += 1
    let link = ProxyLink(number: self.counters.accepted, client: client, core: self)
    self.links[link.number] = link
    try link.connect(to: self.target)
    self.hasChanged()
  }

  func forget(_ link: ProxyLink) {
    guard self.links.removeValue(forKey: link.number) != nil else { return }
    self.counters.open -= 1
    self.hasChanged()
  }

  func resetAll() {
    for link in self.links.values { link.reset() }
  }

  func halfClose(_ direction: FaultProxy.Direction) {
    for lane in self.lanes(direction) { lane.end() }
  }

  // MARK: The network

  func mode(_ direction: FaultProxy.Direction) -> Mode { self.modes[direction] ?? .open }

  func delay(_ direction: FaultProxy.Direction) -> TimeAmount { self.delays[direction] ?? .zero }

  func delay(_ time: Duration, _ direction: FaultProxy.Direction) {
    for single in direction.singles { self.delays[single] = TimeAmount(time) }
  }

  /// How many bytes go through a second; nil for no limit.
  func throttle(_ direction: FaultProxy.Direction) -> Int? { self.rates[direction] }

  func throttle(_ rate: Int?, _ direction: FaultProxy.Direction) {
    for single in direction.singles { self.rates[single] = rate.map { max(1, $0) } }
    for lane in self.lanes(direction) { lane.pump() }
  }

  func setMode(_ mode: Mode, _ direction: FaultProxy.Direction) {
    for single in direction.singles { self.modes[single] = mode }
    for lane in self.lanes(direction) { lane.modeHasChanged() }
  }

  func heal() {
    self.modes = [:]
    self.delays = [:]
    self.rates = [:]
    for link in self.links.values where link.up.hasHole || link.down.hasHole { link.reset() }
    for lane in self.lanes(.both) { lane.pump() }
  }

  // MARK: Rules

  func addRule(_ decide: @escaping (FaultProxy.Frame) -> FaultProxy.Action?) -> Int {
    self.lastRule += 1
    self.rules.append(Rule(number: self.lastRule, decide: decide))
    return self.lastRule
  }

  func removeRule(_ number: Int) {
    self.rules.removeAll { $0.number == number }
    for lane in self.lanes(.both) { lane.pump() }
  }

  func isInForce(_ rule: Int) -> Bool {
    self.rules.contains { $0.number == rule }
  }

  /// What becomes of a frame that has arrived, and the rule that said so.
  func decide(_ frame: FaultProxy.Frame) -> (action: FaultProxy.Action, rule: Int) {
    let isRequest = frame.direction == .clientToServer
    self.count(frame, as: isRequest ? \.arrivedFromClients : \.arrivedFromServers)
    var decision = (action: FaultProxy.Action.pass, rule: 0)
    for rule in self.rules {
      guard let action = rule.decide(frame) else { continue }
      self.strikes[rule.number, default: 0] += 1
      if decision.action == .pass { decision = (action, rule.number) }
    }
    return decision
  }

  func hasPassed(_ frame: FaultProxy.Frame) {
    let isRequest = frame.direction == .clientToServer
    self.count(frame, as: isRequest ? \.passedToServers : \.passedToClients)
    self.hasChanged()
  }

  /// Notes that frames cannot be told apart: whoever waits for one would wait in vain.
  func complain(_ error: ServerError) {
    if self.complaint == nil { self.complaint = error }
    for waiter in self.waiters.values { waiter.promise.fail(error) }
  }

  private func count(_ frame: FaultProxy.Frame, as traffic: WritableKeyPath<FaultProxy.Counters, FaultProxy.Traffic>) {
    self.counters[keyPath: traffic].frames += 1
    self.counters[keyPath: traffic].bytes += frame.bytes.count
  }

  // MARK: Those who wait

  /// Completes a promise with true as soon as something is true, with false at the end of the time, or with the reason why frames
  /// cannot be told apart.
  func notify(
    _ promise: EventLoopPromise<Bool>,
    within limit: TimeAmount,
    when isTrue: @escaping (ProxyCore) -> Bool
  ) {
    guard !isTrue(self) else { return promise.succeed(true) }
    if let complaint { return promise.fail(complaint) }
    self.lastWaiter += 1
    let number = self.lastWaiter
    self.waiters[number] = (isTrue, promise)
    let isolated = self.loop.assumeIsolated()
    let timer = isolated.scheduleTask(in: limit) { promise.succeed(false) }
    promise.futureResult.assumeIsolated().whenComplete { _ in
      timer.cancel()
      self.waiters[number] = nil
    }
  }

  func hasChanged() {
    for waiter in self.waiters.values where waiter.isTrue(self) { waiter.promise.succeed(true) }
  }

  private func lanes(_ direction: FaultProxy.Direction) -> [ProxyLane] {
    self.links.values.flatMap { link in
      [link.up, link.down].filter { direction.contains($0.direction) }
    }
  }
}

extension FaultProxy.Direction {
  /// The ways that make up this direction.
  fileprivate var singles: [FaultProxy.Direction] {
    [.clientToServer, .serverToClient].filter { self.contains($0) }
  }
}
