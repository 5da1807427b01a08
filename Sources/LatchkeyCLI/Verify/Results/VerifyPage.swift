/// The results of a verification as one page that needs nothing else: no script, no font, no picture from anywhere.
struct VerifyPage: Sendable {
  private let outcome: VerifyOutcome

  init(_ outcome: VerifyOutcome) {
    self.outcome = outcome
  }

  var html: String {
    let explained = self.outcome.explanations.map { "\($0.count) × \($0.reason)" }
    let notJudged = self.outcome.notJudged.map { "not judged: \($0)" }
    return Page(
      title: "latchkey verify \(self.outcome.backend)",
      heading: self.title,
      origin: "Checked by <code>latchkey verify</code>, \(Markup.escape(self.outcome.machine.date))",
      facts: [
        ("servers", self.outcome.version ?? self.outcome.backend), ("machine", self.outcome.machine.summary),
        ("program", self.outcome.machine.build), ("repeat with", self.outcome.command),
      ],
      warnings: self.outcome.violations.prefix(50).map { self.outcome.text($0) } + explained + notJudged,
      style: """
        .fault { fill: var(--c1); opacity: .55; } .idle { opacity: .2; } .lost { stroke: var(--c3); stroke-width: 2; }
        .bad { stroke: var(--c1); stroke-width: 2; }
        """,
      sections: [
        "<section>\n<h2>What happened</h2>\n\(VerifyTimeline(self.outcome).chart.html)\n</section>",
        "<section>\n<h2>Figures</h2>\n\(self.tables)\n</section>",
      ]
    ).html
  }

  private var title: String {
    let name = self.outcome.backend
    return switch self.outcome.verdict {
    case .passed: "\(name): every promise was kept"
    case .explained: "\(name): no violation, but explained findings"
    case .toothless: "\(name): no fault had an effect"
    case .violated: "\(name): a promise was broken"
    }
  }

  private var tables: String {
    let counts = self.outcome.counts
    let operations = [
      ["requests", counts.requests], ["grants", counts.grants], ["losses told", counts.losses],
      ["of them to holders that did not ask", self.outcome.toldUnasked],
      ["writes accepted", counts.accepted], ["writes refused as stale", counts.refused],
    ].map { row in row.map { "\($0)" } }
    let failures = counts.failures.sorted { $0.key < $1.key }.map {
      ["requests that ended with \($0.key)", "\($0.value)"]
    }
    return Markup.table(caption: "Operations", headings: ["what", "how often"], rows: operations + failures)
      + Markup.table(
        caption: "Faults",
        headings: ["fault", "done", "with effect"],
        rows: self.outcome.faultCounts.map { [$0.name, "\($0.done)", "\($0.bitten)"] }
      )
  }
}
