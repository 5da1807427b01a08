/// The results of a verification as one page that needs nothing else: no script, no font, no picture from anywhere.
struct VerifyPage: Sendable {
  private let outcome: VerifyOutcome

  init(_ outcome: VerifyOutcome) {
    self.outcome = outcome
  }

  var html: String {
    """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>latchkey verify \(Markup.escape(self.outcome.backend))</title>
    <style>
    \(PageStyle.css)
    .fault { fill: var(--c1); opacity: .55; } .idle { opacity: .2; } .lost { stroke: var(--c3); stroke-width: 2; }
    .bad { stroke: var(--c1); stroke-width: 2; }
    </style>
    </head>
    <body>
    <header>
    <h1>\(Markup.escape(self.title))</h1>
    <p class="quiet">Checked by <code>latchkey verify</code>, \(Markup.escape(self.outcome.machine.date))</p>
    \(self.facts)
    \(self.warnings)
    </header>
    <main>
    <section>
    <h2>What happened</h2>
    \(VerifyTimeline(self.outcome).chart.html)
    </section>
    <section>
    <h2>Figures</h2>
    \(self.tables)
    </section>
    </main>
    </body>
    </html>

    """
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

  private var facts: String {
    let facts = [
      ("servers", self.outcome.version ?? self.outcome.backend), ("machine", self.outcome.machine.summary),
      ("program", self.outcome.machine.build), ("repeat with", self.outcome.command),
    ]
    return "<dl>\(facts.map { "<dt>\($0)</dt><dd>\(Markup.escape($1))</dd>" }.joined())</dl>"
  }

  private var warnings: String {
    let violations = self.outcome.violations.prefix(50).map { self.outcome.text($0) }
    let explained = self.outcome.explanations.map { "\($0.count) × \($0.reason)" }
    let notJudged = self.outcome.notJudged.map { "not judged: \($0)" }
    return (violations + explained + notJudged).map { "<p class=\"warning\">\(Markup.escape($0))</p>" }.joined(
      separator: "\n"
    )
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
