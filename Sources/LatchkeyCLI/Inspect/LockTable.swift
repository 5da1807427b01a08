internal import Latchkey

/// A report on a lock for people: a sentence, then a row for each contender, the holder first.
struct LockTable: Sendable {
  let report: LockReport
  /// How many of those that wait are shown; nil for all.
  var limit: Int?

  var lines: [String] {
    var lines = [self.sentence]
    let contenders = [self.report.holder].compactMap { $0 } + self.shown
    if !contenders.isEmpty { lines += [""] + Self.aligned(self.rows(contenders)) }
    for contender in contenders {
      guard let caveat = contender.caveat else { continue }
      lines.append("\(contender.place == 0 ? "holder" : "place \(contender.place)"): \(caveat)")
    }
    let hidden = self.report.queue.count - self.shown.count
    if hidden > 0 { lines.append("… and \(hidden) more") }
    // That all of them agree on nobody is said above.
    if self.report.votes.contains(where: { $0.contender != nil || $0.failure != nil }) {
      lines += [""] + Self.aligned(self.votes)
    }
    return lines
  }

  private var shown: [LockContender] { Array(self.report.queue.prefix(self.limit ?? .max)) }

  private var sentence: String {
    let lock = "lock \"\(self.report.name)\" on \(self.report.backend)"
    guard self.report.holder != nil else {
      let keys = self.report.votes.count { $0.contender != nil }
      guard keys > 0 else { return "\(lock): free" }
      return "\(lock): free; keys on \(keys) of \(self.report.votes.count) servers are no majority of one holder"
    }
    if let waiting = self.report.waiting {
      let listeners = waiting == 1 ? "1 process listens" : "\(waiting) processes listen"
      return waiting == 0 ? "\(lock): held" : "\(lock): held, \(listeners) for its release"
    }
    guard self.report.votes.isEmpty else { return "\(lock): held" }
    let count = self.report.queue.count
    return "\(lock): held, \(count == 0 ? "nobody waits" : count == 1 ? "1 waits" : "\(count) wait")"
  }

  // MARK: Rows

  /// A heading and rows; columns of which nobody knows anything are left out.
  private func rows(_ contenders: [LockContender]) -> [[String]] {
    let columns: [(heading: String, cell: (LockContender) -> String?)] = [
      ("place", { $0.place == 0 ? "holder" : "\($0.place)" }),
      ("who", { $0.description == $0.identity ? nil : $0.description }),
      (self.report.backend.kind == "etcd" ? "lease" : "session", \.session),
      ("age", { $0.age.map(Figures.span) }),
      ("left", { $0.remaining.map(Figures.span) }),
      ("token", { $0.token?.description }),
      (Self.identityHeading(self.report.backend.kind), \.identity),
    ]
    let known = columns.filter { column in contenders.contains { column.cell($0) != nil } }
    return [known.map(\.heading)] + contenders.map { contender in known.map { $0.cell(contender) ?? "-" } }
  }

  private var votes: [[String]] {
    [["server", "key held by", "left"]]
      + self.report.votes.map { vote in
        if let failure = vote.failure { return [vote.server, "no answer: \(failure)", ""] }
        guard let contender = vote.contender else { return [vote.server, "nobody", ""] }
        let who = contender.handle == self.report.holder?.handle ? "the holder" : contender.description
        return [vote.server, who, contender.remaining.map(Figures.span) ?? "for ever"]
      }
  }

  private static func identityHeading(_ kind: String) -> String {
    switch kind {
    case "zookeeper": "node"
    case "etcd": "key"
    default: "value"
    }
  }

  /// Pads cells to columns.
  private static func aligned(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0 }
    return rows.map { cells in
      cells.enumerated().map { column, cell in
        cell + String(repeating: " ", count: widths[column] - cell.count)
      }.joined(separator: "  ").trimmingEnd()
    }
  }
}

/// A report on a lock as `--json` prints it. Everything is written, also what is not known: a field that comes and goes is a trap
/// for scripts.
struct LockObject: Encodable, Sendable {
  struct Contender: Encodable, Sendable {
    let place: Int
    let identity: String
    @OrNull private(set) var host: String? = nil
    @OrNull private(set) var pid: Int32? = nil
    @OrNull private(set) var label: String? = nil
    @OrNull private(set) var session: String? = nil
    @OrNull private(set) var ageSeconds: Double? = nil
    @OrNull private(set) var remainingSeconds: Double? = nil
    /// Text: tokens do not fit into a number of JavaScript.
    @OrNull private(set) var token: String? = nil
    @OrNull private(set) var caveat: String? = nil

    init(_ contender: LockContender) {
      self.place = contender.place
      self.identity = contender.identity
      self.host = contender.host
      self.pid = contender.pid
      self.label = contender.label
      self.session = contender.session
      self.ageSeconds = contender.age.map { $0 / .seconds(1) }
      self.remainingSeconds = contender.remaining.map { $0 / .seconds(1) }
      self.token = contender.token?.description
      self.caveat = contender.caveat
    }
  }

  struct Vote: Encodable, Sendable {
    let server: String
    @OrNull var contender: Contender?
    @OrNull var failure: String?
  }

  let name: String
  let backend: String
  let servers: String
  let isHeld: Bool
  @OrNull private(set) var holder: Contender? = nil
  let queue: [Contender]
  @OrNull private(set) var waiting: Int? = nil
  let votes: [Vote]

  init(_ report: LockReport) {
    self.name = report.name.rawValue
    self.backend = report.backend.kind
    self.servers = report.backend.instance
    self.isHeld = !report.isFree
    self.holder = report.holder.map(Contender.init)
    self.queue = report.queue.map(Contender.init)
    self.waiting = report.waiting
    self.votes = report.votes.map { vote in
      Vote(
        server: vote.server,
        contender: vote.contender.map(Contender.init),
        failure: vote.failure
      )
    }
  }
}
