public import Latchkey
internal import LatchkeyPrimitives

/// What a history tells: the violations in it, and how fairly the lock was shared.
public struct HistoryReport: Sendable {
  /// Something that must never happen.
  public enum Violation: Sendable, Hashable {
    /// Two workers held one lock at once.
    case overlap(lock: String, first: Int, second: Int, by: Duration)
    /// A grant's token was not greater than the one before.
    case tokenNotIncreasing(lock: String, worker: Int, token: FencingToken, after: FencingToken)
    /// A request was never answered, or a grant never given back.
    case unanswered(lock: String, worker: Int)
    /// A worker's events do not follow one another, for example a grant without a request.
    case outOfOrder(lock: String, worker: Int, event: String)
  }

  /// How evenly the grants fell on the workers.
  public struct Fairness: Sendable, Hashable {
    /// The fewest grants of any worker.
    public let min: Int
    /// The most grants of any worker.
    public let max: Int
    /// Jain's index: 1 if all got the same, 1/n if one of n got everything.
    public let jain: Double

    /// Computes the figures.
    ///
    /// - Parameter grants: The number of grants of each worker, those without any included.
    package init(grants: some Collection<Int>) {
      self.min = grants.min() ?? 0
      self.max = grants.max() ?? 0
      let sum = grants.reduce(0.0) { $0 + Double($1) }
      let squares = grants.reduce(0.0) { $0 + Double($1) * Double($1) }
      self.jain = squares == 0 ? 1 : sum * sum / (Double(grants.count) * squares)
    }
  }

  /// What must never happen and did, in order of time as far as it has one.
  public private(set) var violations: [Violation] = []
  /// How many grants there were.
  public private(set) var grants = 0
  /// How many grants overtook a worker that had asked before. Unfair locks have some; so has a fair one whose callers ask
  /// within the same instant, because asking is recorded before it takes effect.
  public private(set) var overtakings = 0
  /// Whether all tokens grew; nil if there were none.
  public private(set) var tokensIncreasing: Bool?
  /// How evenly the grants fell on the workers, over all locks.
  public private(set) var fairness: Fairness

  /// Judges a history.
  ///
  /// - Parameters:
  ///   - events: The events of all workers of all processes, in any order between workers; each worker's own in their order.
  ///   - tolerance: By how much two held intervals may overlap, where clocks are not exact.
  public init(_ events: some Sequence<HistoryEvent>, tolerance: Duration = .zero) {
    var holds: [String: [LeaseRecord]] = [:]
    var workers: [Int: Int] = [:]
    var pending: [Place: Request] = [:]
    let events = Array(events)
    // Made-up instants may lie before the machine's start: they are counted from the first of them.
    let origin = events.map(\.at).min() ?? .now
    for event in events {
      let place = Place(worker: event.worker, lock: event.lock)
      let request = pending[place]
      let at = UInt64(origin.duration(to: event.at).nanoseconds)
      workers[event.worker, default: 0] += 0
      switch (event.kind, request, request?.hold) {
      case (.requested, nil, _):
        pending[place] = Request(at: at)
      case (.granted(let token), let request?, nil):
        workers[event.worker, default: 0] += 1
        self.grants += 1
        let number = holds[event.lock, default: []].count
        pending[place]?.hold = number
        let token = token.map { VerifyToken($0) }
        var hold = LeaseRecord(client: 0, worker: event.worker, number: number, token: token, asked: request.at)
        hold.firstHeld = at
        holds[event.lock, default: []].append(hold)
      case (.released, _, let hold?), (.lost, _, let hold?):
        holds[event.lock]?[hold].lastHeld = at
        pending[place] = nil
      case (.failed, _?, nil):
        pending[place] = nil
      default:
        self.violations.append(.outOfOrder(lock: event.lock, worker: event.worker, event: "\(event.kind)"))
      }
    }
    self.fairness = Fairness(grants: workers.values)
    for place in pending.keys.sorted(by: { ($0.lock, $0.worker) < ($1.lock, $1.worker) }) {
      self.violations.append(.unanswered(lock: place.lock, worker: place.worker))
    }
    for (lock, holds) in holds.sorted(by: { $0.key < $1.key }) {
      self.judge(lock, HistoryJudge.inOrder(holds), tolerance)
    }
  }

  private mutating func judge(_ lock: String, _ holds: [LeaseRecord], _ tolerance: Duration) {
    // Of those before, the one that was held longest.
    var longest: (worker: Int, end: UInt64)?
    for hold in holds {
      // What is never given back lasts for ever.
      let (start, end) = (hold.firstHeld ?? hold.asked, hold.lastHeld ?? .max)
      // From the grant that must not have been: a hold within another is as wrong however short it is.
      let overlap = Duration.nanoseconds(Int64(clamping: longest.map { $0.end > start ? $0.end - start : 0 } ?? 0))
      if let longest, overlap > tolerance {
        self.violations.append(.overlap(lock: lock, first: longest.worker, second: hold.worker, by: overlap))
      }
      if longest.map({ $0.end < end }) ?? true { longest = (hold.worker, end) }
    }
    let regressions = HistoryJudge.regressions(holds)
    self.violations += regressions.map { later, token, _, last in
      .tokenNotIncreasing(lock: lock, worker: later.worker, token: token.token, after: last.token)
    }
    if holds.contains(where: { $0.token != nil }) {
      self.tokensIncreasing = regressions.isEmpty && self.tokensIncreasing != false
    }
    var earliestLater = UInt64.max
    for hold in holds.reversed() {
      if earliestLater < hold.asked { self.overtakings += 1 }
      earliestLater = Swift.min(earliestLater, hold.asked)
    }
  }
}

/// One worker at one lock.
private struct Place: Hashable {
  let worker: Int
  let lock: String
}

/// A request that has not come to its end.
private struct Request {
  let at: UInt64
  /// Where its hold stands in the list of the lock's holds, once granted.
  var hold: Int?
}
