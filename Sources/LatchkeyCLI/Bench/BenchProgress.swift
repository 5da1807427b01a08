internal import Latchkey
internal import LatchkeyPrimitives

/// Shows people on standard error how far a bench has come: a line that is redrawn on a terminal, now and then a plain line
/// elsewhere.
final class BenchProgress: Sendable {
  /// How long nothing is said where lines stay.
  private static let silence: UInt64 = 5_000_000_000

  private let isQuiet: Bool
  private let isTerminal = LiveLine.isPossible
  private let lastLine = Locked(Uptime.nanoseconds)

  init(isQuiet: Bool) {
    self.isQuiet = isQuiet
  }

  /// Tells which step begins, and how long it all may still take.
  func show(_ step: BenchStep, on target: String, number: Int, of total: Int, left seconds: Double) {
    let phase = step.isWarmUp ? "warm-up" : "repetition \(step.repetition)"
    let left = Figures.span(seconds: seconds)
    self.say("[\(number)/\(total)] \(step.workload.rawValue) on \(target), \(phase); about \(left) left")
  }

  /// Says what is done now.
  func say(_ text: String) {
    guard !self.isQuiet else { return }
    if self.isTerminal { return Console.redraw(text) }
    let now = Uptime.nanoseconds
    let isDue = self.lastLine.withLock { last in
      guard now - last >= Self.silence else { return false }
      last = now
      return true
    }
    if isDue { Console.note(text) }
  }

  /// Prints a line that stays, quiet or not: something went wrong.
  func note(_ text: String) {
    self.clear()
    Console.note(text)
  }

  /// Takes the redrawn line away.
  func clear() {
    if self.isTerminal, !self.isQuiet { Console.redraw("") }
  }
}
