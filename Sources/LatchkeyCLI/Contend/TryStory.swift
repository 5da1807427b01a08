/// What became of the one try of a worker.
struct TryOutcome: Codable, Hashable, Sendable {
  enum Answer: Codable, Hashable, Sendable {
    /// It had the lock, and has given it back.
    case granted(token: String?)
    /// Somebody else had it.
    case busy
    /// There was no answer.
    case failed
  }

  /// The place among all workers of all processes, from 0.
  var worker: Int
  /// When it asked, was answered, and was done with the lock, on ``Uptime``.
  var asked: UInt64
  var answered: UInt64
  var done: UInt64
  var answer: Answer

  var isGrant: Bool { if case .granted = self.answer { true } else { false } }
}

/// The story of workers that tried once each: who had the lock, and who found it busy.
struct TryStory: Sendable {
  /// One worker's part, as `--json` prints it.
  struct Part: Encodable, Hashable, Sendable {
    /// From 1, over all processes.
    var worker: Int
    /// From 1.
    var process: Int
    /// `acquired`, `busy` or `failed`.
    var outcome: String
    /// Who had the lock, if it was busy and one of the workers had it.
    @OrNull var holder: Int? = nil
    /// The token of a grant, where there is one.
    @OrNull var token: String? = nil
    /// The time from the first try of all to this answer.
    var answeredMicroseconds: Double
  }

  /// More workers than this tell no story.
  static let mostWorkers = 100

  /// In the order of their answers.
  let parts: [Part]
  private let showsProcesses: Bool
  private let mayBeSplit: Bool

  /// - Parameters:
  ///   - outcomes: What became of each worker.
  ///   - workers: How many there are in each process.
  ///   - processes: How many processes there are.
  ///   - mayBeSplit: Whether the votes of servers can be split so that nobody has the lock.
  init(_ outcomes: [TryOutcome], workers: Int, processes: Int, mayBeSplit: Bool) {
    let start = outcomes.map(\.asked).min() ?? 0
    let grants = outcomes.filter(\.isGrant)
    self.showsProcesses = processes > 1 && workers > 1
    self.mayBeSplit = mayBeSplit
    self.parts = outcomes.sorted { ($0.answered, $0.worker) < ($1.answered, $1.worker) }.map { outcome in
      var part = Part(
        worker: outcome.worker + 1,
        process: outcome.worker / max(1, workers) + 1,
        outcome: "failed",
        answeredMicroseconds: Double(outcome.answered - start) / 1000
      )
      switch outcome.answer {
      case .granted(let token): (part.outcome, part.token) = ("acquired", token)
      case .busy: (part.outcome, part.holder) = ("busy", Self.holder(for: outcome, grants).map { $0 + 1 })
      case .failed: break
      }
      return part
    }
  }

  /// Whose lock it was that a busy worker met: the last that may have had it while the question was under way.
  private static func holder(for busy: TryOutcome, _ grants: [TryOutcome]) -> Int? {
    let possible = grants.filter { $0.asked <= busy.answered && busy.asked <= $0.done }
    let known = possible.filter { $0.answered <= busy.answered }
    return (known.max { $0.answered < $1.answered } ?? possible.min { $0.answered < $1.answered })?.worker
  }

  /// A line for each worker, and one that counts them.
  func lines(style: TextStyle) -> [String] {
    let times = self.parts.map { style.shown(Figures.time(microseconds: $0.answeredMicroseconds)) }
    let timeWidth = times.map(\.count).max() ?? 0
    let nameWidth = self.parts.map { "\($0.worker)".count }.max() ?? 0
    let lines = zip(self.parts, times).map { part, time in
      let name = String(repeating: " ", count: nameWidth - "\(part.worker)".count) + "\(part.worker)"
      let place = self.showsProcesses ? " (process \(part.process))" : ""
      return "  " + String(repeating: " ", count: timeWidth - time.count) + "\(time)  worker \(name)\(place): "
        + self.words(part, style)
    }
    let acquired = self.parts.count { $0.outcome == "acquired" }
    let busy = self.parts.count { $0.outcome == "busy" }
    let failed = self.parts.count - acquired - busy
    let end = failed > 0 ? ", \(failed) got no answer" : ""
    return lines + ["\(acquired) of \(self.parts.count) acquired the lock, \(busy) found it busy\(end)"]
  }

  private var unknownHolder: String {
    self.mayBeSplit ? "no majority: the votes were split, or somebody else has it" : "held by none of these workers"
  }

  private func words(_ part: Part, _ style: TextStyle) -> String {
    switch part.outcome {
    case "acquired": style.colored("acquired", .good) + (part.token.map { ", token \($0)" } ?? "")
    case "busy": "busy, " + (part.holder.map { "held by worker \($0)" } ?? self.unknownHolder)
    default: style.colored("no answer", .bad)
    }
  }
}
