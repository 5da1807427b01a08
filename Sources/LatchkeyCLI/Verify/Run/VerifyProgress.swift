internal import Latchkey
internal import LatchkeyPrimitives

/// Shows people on standard error how far a verification has come: a line that is redrawn on a terminal, plain lines
/// elsewhere.
final class VerifyProgress: Sendable {
  private let isQuiet: Bool
  private let isTerminal = Console.errorIsTerminal

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
  }

  func say(_ text: String) {
    guard !self.isQuiet else { return }
    self.isTerminal ? Console.redraw(text) : Console.note(text)
  }

  func note(_ fault: PlannedFault) {
    guard !self.isQuiet, !self.isTerminal else { return }
    Console.note("\(Figures.moment(fault.at)): \(fault.action.name)")
  }

  func show(_ counts: VerifyRecord.Counts, since began: ContinuousClock.Instant, of duration: Duration) {
    guard !self.isQuiet, self.isTerminal else { return }
    let seconds = Double(began.duration(to: .now).nanoseconds) / 1e9
    let whole = Double(duration.nanoseconds) / 1e9
    Console.redraw(
      "\(Figures.number(min(seconds, whole)))/\(Figures.number(whole)) s: \(Figures.grouped(counts.grants)) grants, "
        + "\(counts.losses) losses, \(Figures.grouped(counts.accepted)) writes, \(counts.refused) refused"
    )
  }

  func clear() {
    if self.isTerminal, !self.isQuiet { Console.redraw("") }
  }
}
