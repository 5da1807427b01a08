internal import Latchkey

/// What the facts about the servers of a Redlock mean for locks: each of them, and all together.
struct RedlockJudgement {
  let servers: [RedisFacts]

  /// Clocks that are further apart are not kept by anybody, and will be set one day.
  static let clockTolerance = Duration.seconds(1)

  var findings: [Finding] {
    [self.count, self.independence] + [self.clocks].compactMap { $0 }
      + self.servers.flatMap { RedisJudgement(facts: $0, isVoter: true).findings }
  }

  private var count: Finding {
    let count = self.servers.count
    let check = "servers"
    if count < 3 {
      return Finding(
        .warning,
        check,
        on: nil,
        "\(count) \(count == 1 ? "server is" : "servers are") no quorum: when one fails, no lock can be had",
        remedy: "run three or five independent servers; for a single one write redis://"
      )
    }
    if count.isMultiple(of: 2) {
      return Finding(
        .note,
        check,
        on: nil,
        "\(count) servers survive no more failures than \(count - 1)",
        remedy: "run \(count - 1) or \(count + 1)"
      )
    }
    return Finding(.ok, check, on: nil, "\(count) servers, of which \(count / 2) may fail")
  }

  private var independence: Finding {
    let runs = Dictionary(grouping: self.servers.filter { $0.runID != nil }, by: \.runID)
    let twins = runs.values.filter { $0.count > 1 }.map { $0.map(\.server).joined(separator: " and ") }.sorted()
    guard let twin = twins.first else {
      return Finding(.ok, "independence", on: nil, "all that answer are different servers")
    }
    return Finding(
      .danger,
      "independence",
      on: nil,
      "\(twin) are one and the same server, which has more than one vote",
      remedy: "name each server once; the servers of a quorum must fail independently"
    )
  }

  private var clocks: Finding? {
    let leads = self.servers.compactMap { facts in facts.clockLead.map { (facts.server, $0) } }
    guard let first = leads.min(by: { $0.1 < $1.1 }), let last = leads.max(by: { $0.1 < $1.1 }), leads.count > 1
    else { return nil }
    let apart = last.1 - first.1
    let text = "\(apart / .milliseconds(1) < 1 ? 0 : Int(apart / .milliseconds(1))) ms"
    guard apart > Self.clockTolerance else {
      return Finding(.ok, "clocks", on: nil, "the servers' clocks are at most \(text) apart, the way there included")
    }
    return Finding(
      .warning,
      "clocks",
      on: nil,
      "the clock of \(last.0) is \(text) ahead of that of \(first.0): when it is set right, held keys expire early",
      remedy: "keep the servers' clocks by NTP, slewed and not stepped"
    )
  }
}
