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
