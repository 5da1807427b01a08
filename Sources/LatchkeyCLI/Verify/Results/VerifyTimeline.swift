internal import LatchkeyTesting

/// Who held the lock when, and what was done to whom: a line for each client and each server.
struct VerifyTimeline: Sendable {
  private static let width = 1180.0
  private static let left = 96.0
  private static let right = 1160.0
  private static let top = 24.0
  private static let row = 22.0
  /// What would be thinner than this could not be seen.
  private static let thinnest = 1.5
  /// More leases than this are drawn as if neighbours were one.
  private static let mostMarks = 4_000

  private let outcome: VerifyOutcome
  private let servers: [Int]
  private let end: UInt64

  init(_ outcome: VerifyOutcome) {
    self.outcome = outcome
    self.servers = Set(outcome.faults.filter(\.isOnServer).compactMap(\.place)).sorted()
    let last = outcome.history.leases.compactMap(\.lastHeld).max() ?? outcome.began
    self.end = max(outcome.began + 1, last, outcome.faults.map(\.until).max() ?? 0)
  }

  var chart: Chart {
    let names =
      (0..<self.outcome.settings.processes).map { "client \($0 + 1)" } + self.servers.map { "server \($0 + 1)" }
    let bottom = Self.top + Double(names.count) * Self.row
    let seconds = Double(self.end - self.outcome.began) / 1e9
    let scale = Scale(kind: .linear, domain: 0...seconds, ends: (Self.left, Self.right))
    let step = Scale.niceStep(seconds / 12)
    var marks = Draw.rows(names, top: Self.top, height: Self.row, scale: scale, step: step) {
      "\(Figures.number($0)) s"
    }
    for fault in self.outcome.faults { marks.append(self.mark(fault, scale)) }
    for held in self.held(narrowest: seconds / (Self.right - Self.left)) { marks.append(self.mark(held, scale)) }
    for lease in self.outcome.history.leases {
      guard let told = lease.toldAt else { continue }
      let (x, y) = (scale(self.seconds(told)), self.y(client: lease.client))
      marks.append(Draw.line(x, y + 1, x, y + Self.row - 1, class: "lost"))
    }
    for finding in self.outcome.findings {
      guard let at = finding.at, at != .max, at >= self.outcome.began else { continue }
      let x = scale(self.seconds(at))
      marks.append(Draw.line(x, Self.top - 8, x, bottom, class: "bad"))
    }
    return Chart(
      id: "timeline",
      title: "Who held the lock, and what was done to whom",
      caption:
        "Thin bars: the lock was held. Wide bars: a fault on that client or server (pale: without effect). Short "
        + "upright lines: a loss was told. Long ones: a finding.",
      width: Self.width,
      height: bottom + 30,
      marks: marks.joined(separator: "\n"),
      table: self.table
    )
  }

  private struct Held {
    var client: Int
    var from: UInt64
    var until: UInt64
  }

  /// The stretches in which each client held the lock; those that would touch in the picture are one.
  private func held(narrowest: Double) -> [Held] {
    let leases = self.outcome.history.leases.compactMap { lease in
      lease.certainlyHeld.map { Held(client: lease.client, from: $0.lowerBound, until: $0.upperBound) }
    }
    let gap = leases.count > Self.mostMarks ? UInt64(narrowest * 2e9) : 0
    var merged: [Held] = []
    for client in 0..<self.outcome.settings.processes {
      for next in leases.filter({ $0.client == client }).sorted(by: { $0.from < $1.from }) {
        if let last = merged.last, last.client == client, next.from <= last.until + gap {
          merged[merged.count - 1].until = max(last.until, next.until)
        } else {
          merged.append(next)
        }
      }
    }
    return merged
  }

  private func mark(_ held: Held, _ scale: Scale) -> String {
    let (from, until) = (scale(self.seconds(held.from)), scale(self.seconds(held.until)))
    return Draw.box(
      x: from,
      y: self.y(client: held.client) + 7,
      width: max(Self.thinnest, until - from),
      height: Self.row - 14,
      class: "mark bar c\(held.client % Series.colours)"
    )
  }

  private func mark(_ fault: InjectedFault, _ scale: Scale) -> String {
    guard let place = fault.place else { return "" }
    let row = fault.isOnServer ? self.servers.firstIndex(of: place).map { self.outcome.settings.processes + $0 } : place
    let (from, until) = (scale(self.seconds(fault.from)), scale(self.seconds(fault.until)))
    return Draw.box(
      x: from,
      y: Self.top + Double(row ?? 0) * Self.row + 1,
      width: max(Self.thinnest * 2, until - from),
      height: Self.row - 2,
      class: fault.hasBitten ? "mark fault" : "mark fault idle",
      title: fault.text
    )
  }

  private var table: String {
    Markup.table(
      caption: "The faults in the order of time",
      headings: ["from", "until", "fault", "had an effect"],
      rows: self.outcome.faults.map { fault in
        [
          "\(Figures.number(self.seconds(fault.from))) s", "\(Figures.number(self.seconds(fault.until))) s", fault.text,
          fault.hasBitten ? "yes" : "no",
        ]
      }
    )
  }

  private func y(client: Int) -> Double { Self.top + Double(client) * Self.row }

  private func seconds(_ at: UInt64) -> Double {
    at > self.outcome.began ? Double(at - self.outcome.began) / 1e9 : 0
  }
}
