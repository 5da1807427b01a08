internal import Latchkey
internal import LatchkeyTesting

/// What a child process is to do.
protocol ChildPlan: Decodable {
  /// The servers that this command has started itself, and that so have no lock to forget.
  var freshServers: [String] { get }
}

/// The task of one process of a contention.
struct ContendPlan: ChildPlan, Codable, Sendable {
  /// How a worker gets at the counter.
  enum Mode: String, Codable, Sendable {
    /// Waits for the lock.
    case lock
    /// Takes the lock only if it is free.
    case tryOnly
    /// Takes no lock, to show what then happens.
    case none
  }

  var mode: Mode
  /// The lock with its credentials: it travels through a pipe, never in an argument.
  var url: String
  var tick: Duration?
  var freshServers = RedisServer.trustedRunIDs
  var workers: Int
  var count: Int
  var processes: Int
  var hold: Duration
  var wait: Duration?
  /// Whether to report what became of each worker, for workers that try once.
  var tellsOutcomes = false
  /// The file of the ``Board``.
  var board: String
  /// The place of this process among all, from 0.
  var process = 0

  /// A leader's death or a server's restart is to be waited out, by workers that wait.
  var answerTimeout: Duration? { self.mode == .lock && self.wait != .zero ? .seconds(30) : nil }

  /// How often the lock is asked for in all.
  var attempts: Int { self.workers * self.count * self.processes }
}

/// What the processes of a contention tell each other, one line of JSON each.
///
/// The parent writes to a child's standard input: the plan, then `go`, and `stop` if it is interrupted. The end of that file
/// means that the parent is dead. The child answers on its standard output: `ready`, then the tally, or why there is none.
enum ContendMessage {
  static let go = "go"
  static let stop = "stop"

  enum Answer: Codable, Sendable {
    case ready
    case tally(Tally)
    case failed(message: String, code: Int32)
  }
}

/// The result of `latchkey contend`: a workload's, and what only a contention knows.
struct ContendReport: Encodable, Sendable {
  var workload: WorkloadReport
  /// Nil unless few workers have tried once each.
  var story: TryStory?
  /// Whether it was ended before all was done.
  var interrupted: Bool
  /// How long the workers have waited for the lock; without a lock, nil.
  var latency: LatencyHistogram?

  private enum CodingKeys: String, CodingKey {
    case interrupted, outcomes
  }

  /// With fewer waits than this, the percentiles say enough.
  private static let fewestForChart: UInt64 = 20

  func encode(to encoder: any Encoder) throws {
    try self.workload.encode(to: encoder)
    var container = encoder.container(keyedBy: CodingKeys.self)
    try container.encode(self.interrupted, forKey: .interrupted)
    // Written even if nil: a field that comes and goes is a trap for scripts.
    try container.encode(self.story?.parts, forKey: .outcomes)
  }

  /// The report for people.
  func text(_ style: TextStyle) -> String {
    var blocks: [String] = []
    if let story { blocks.append(story.lines(style: style).joined(separator: "\n")) }
    blocks.append(style.shown(self.workload.text(style, isBrief: self.story != nil)))
    if let latency, latency.count >= Self.fewestForChart {
      let lines = HistogramChart(latency).lines(style: style)
      blocks.append((["waits for the lock, by how long they took at most:"] + lines).joined(separator: "\n"))
    }
    return blocks.joined(separator: "\n\n")
  }
}
