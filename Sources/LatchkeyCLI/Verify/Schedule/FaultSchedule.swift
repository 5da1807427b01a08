internal import LatchkeyTesting

/// The faults of a run, all of them from a seed: the same seed and settings give the same schedule.
///
/// There are two lines of faults at a time, one for servers and one for clients, so that a majority of the servers always
/// lives while a client and a server may suffer together.
struct FaultSchedule: Hashable, Sendable {
  /// What a schedule is made for.
  struct Settings: Hashable, Sendable {
    var kinds: Set<FaultKind>
    /// No fault lasts beyond this.
    var duration: Duration
    /// How long a silent client keeps a lock.
    var timeToLive: Duration
    /// How many servers may be harmed; 0 where they are somebody else's.
    var servers: Int
    /// Whether one of the servers leads.
    var hasLeader: Bool
    var clients: Int
  }

  let faults: [PlannedFault]

  init(seed: UInt64, _ settings: Settings) {
    var random = SplitMix(seed: seed)
    let servers = Self.line(Self.serverActions(settings), settings, &random)
    let clients = Self.line(Self.clientActions(settings), settings, &random)
    self.faults = (servers + clients).sorted { $0.at < $1.at }
  }

  private typealias Maker = (inout SplitMix) -> FaultAction

  /// One fault after the other, each kind of action once before any comes again.
  private static func line(_ makers: [Maker], _ settings: Settings, _ random: inout SplitMix) -> [PlannedFault] {
    guard !makers.isEmpty else { return [] }
    var faults: [PlannedFault] = []
    var at = random.duration(0.1...0.4, of: settings.timeToLive)
    var round: [Maker] = []
    var holderIsWatched = Bool.random(using: &random)
    while at < settings.duration {
      if round.isEmpty { round = makers.shuffled(using: &random) }
      let action = round.removeLast()(&random)
      let findsHolder = action.isAtHolder || Bool.random(using: &random)
      // In turns where the fault is meant for the holder, so that short runs have both.
      if action.isAtHolder { holderIsWatched.toggle() }
      let isUnwatched = findsHolder && (action.isAtHolder ? !holderIsWatched : Bool.random(using: &random))
      let length = Self.length(of: action, isUnwatched, settings.timeToLive, &random)
      guard at + length <= settings.duration else { break }
      faults.append(
        PlannedFault(at: at, length: length, action: action, findsHolder: findsHolder, isUnwatched: isUnwatched)
      )
      at += length + random.duration(0.3...0.8, of: settings.timeToLive)
    }
    return faults
  }

  private static func length(
    of action: FaultAction,
    _ isUnwatched: Bool,
    _ timeToLive: Duration,
    _ random: inout SplitMix
  ) -> Duration {
    switch action {
    case .expireHolder, .setClock: .zero
    case .killServer, .killClient: random.duration(0.2...0.8, of: timeToLive)
    // Until after the deadline, or its alarm would never be put to the proof.
    case .cutClient(.holder, _) where isUnwatched: random.duration(1.4...2.2, of: timeToLive)
    case .pauseServer, .cutServer, .cutClient: random.duration(0.4...1.6, of: timeToLive)
    // Past the timeout, or the pause would prove nothing.
    case .pauseClient: random.duration(1.2...1.8, of: timeToLive)
    case .isolateServer: random.duration(0.8...2.2, of: timeToLive)
    }
  }

  private static func serverActions(_ settings: Settings) -> [Maker] {
    let count = settings.servers
    guard count > 0 else { return [] }
    func anyServer(_ random: inout SplitMix) -> FaultAction.Server {
      .number(Int.random(in: 0..<count, using: &random))
    }
    func way(_ random: inout SplitMix) -> FaultAction.Way {
      [.both, .requests, .replies][Int.random(in: 0..<3, using: &random)]
    }
    var makers: [Maker] = []
    if settings.kinds.contains(.kill) { makers.append { .killServer(anyServer(&$0)) } }
    if settings.kinds.contains(.pause) { makers.append { .pauseServer(anyServer(&$0)) } }
    if settings.kinds.contains(.cut) { makers.append { .cutServer(anyServer(&$0), way(&$0)) } }
    guard settings.hasLeader else { return makers }
    if settings.kinds.contains(.kill) { makers.append { _ in .killServer(.leader) } }
    if settings.kinds.contains(.pause) { makers.append { _ in .pauseServer(.leader) } }
    if settings.kinds.contains(.partition) {
      makers.append { .isolateServer(anyServer(&$0), .both) }
      makers.append { .isolateServer(anyServer(&$0), way(&$0)) }
      makers.append { _ in .isolateServer(.leader, .both) }
    }
    return makers
  }

  private static func clientActions(_ settings: Settings) -> [Maker] {
    let count = settings.clients
    func anyClient(_ random: inout SplitMix) -> FaultAction.Client {
      .number(Int.random(in: 0..<count, using: &random))
    }
    func oneWay(_ random: inout SplitMix) -> FaultAction.Way {
      Bool.random(using: &random) ? .requests : .replies
    }
    var makers: [Maker] = []
    if settings.kinds.contains(.pause) {
      makers.append { _ in .pauseClient(.holder) }
      makers.append { .pauseClient(anyClient(&$0)) }
    }
    if settings.kinds.contains(.cut) {
      makers.append { _ in .cutClient(.holder, .both) }
      makers.append { .cutClient(.holder, oneWay(&$0)) }
      makers.append { .cutClient(anyClient(&$0), oneWay(&$0)) }
    }
    if settings.kinds.contains(.kill) { makers.append { _ in .killClient(.holder) } }
    if settings.kinds.contains(.expire) { makers.append { _ in .expireHolder } }
    if settings.kinds.contains(.clock) {
      makers.append { .setClock(offset: [3600, -3600, 5, -5, 86_400, 0][Int.random(in: 0..<6, using: &$0)]) }
      makers.append { .setClock(offset: Int.random(in: -100...100, using: &$0)) }
    }
    return makers
  }
}
