internal import LatchkeyPrimitives
internal import LatchkeyProcesses

/// What people see of a contention while it runs, in one line.
struct ContendView: Sendable {
  /// What is known at a moment.
  struct Moment: Sendable {
    /// Since the start.
    var seconds: Double
    /// Attempts that are done.
    var done: Int
    /// The place of the worker that has the lock, from 0.
    var holder: Int?
  }

  private static let window = 1.0

  let total: Int
  /// Whether there is a lock to hold.
  let hasLock: Bool
  let style: TextStyle
  /// The moments of the last second, and one before.
  private var recent: [Moment] = []

  init(total: Int, hasLock: Bool, style: TextStyle) {
    self.total = total
    self.hasLock = hasLock
    self.style = style
  }

  /// A line for a terminal.
  ///
  /// - Parameters:
  ///   - moment: What is known now.
  ///   - width: How many columns there are.
  mutating func line(_ moment: Moment, width: Int) -> String {
    let share = self.total > 0 ? Double(moment.done) / Double(self.total) : 0
    let words = ["\(Int(share * 100))%"] + self.words(moment)
    let text = words.joined(separator: "  ")
    // One column stays free: a character in the last one makes some terminals begin a new line.
    let barWidth = min(30, width - text.count - 4)
    guard barWidth >= 5 else { return String(text.prefix(max(0, width - 1))) }
    let bar = self.style.bar(share, width: barWidth)
    let rest = String(repeating: self.style.isUnicode ? "░" : ".", count: max(0, barWidth - bar.count))
    return "[" + self.style.colored(bar, .good) + self.style.colored(rest, .faint) + "] " + text
  }

  /// A line for a file.
  mutating func plainLine(_ moment: Moment) -> String { self.words(moment).joined(separator: ", ") }

  private mutating func words(_ moment: Moment) -> [String] {
    let rate = self.rate(at: moment)
    var words = ["\(Figures.grouped(moment.done)) of \(Figures.grouped(self.total))", "\(Figures.number(rate))/s"]
    if self.hasLock { words.append(moment.holder.map { "held by worker \($0 + 1)" } ?? "held by nobody") }
    var time = Figures.span(seconds: moment.seconds)
    if moment.done > 0, moment.seconds > 0.5 {
      let left = Double(self.total - moment.done) * moment.seconds / Double(moment.done)
      time += ", about \(Figures.span(seconds: left)) left"
    }
    return words + [time]
  }

  /// Attempts per second in the last second, or since the start.
  private mutating func rate(at moment: Moment) -> Double {
    if self.recent.isEmpty { self.recent = [Moment(seconds: 0, done: 0)] }
    self.recent.append(moment)
    while self.recent.count > 2, self.recent[1].seconds <= moment.seconds - Self.window { self.recent.removeFirst() }
    let first = self.recent[0]
    let seconds = moment.seconds - first.seconds
    return seconds > 0 ? Double(moment.done - first.done) / seconds : 0
  }
}

/// Shows people on standard error how far a contention has come: a line that is drawn again on a terminal, now and then a plain
/// line elsewhere.
struct ContendProgress: Sendable {
  let board: Board
  let total: Int
  let hasLock: Bool
  let color: ColorChoice

  /// Reports until the task is cancelled.
  func run() async {
    let isLive = LiveLine.isPossible
    let style = TextStyle.of(Descriptors.errors, self.color)
    let start = Uptime.nanoseconds
    var view = ContendView(total: self.total, hasLock: self.hasLock, style: style)
    while (try? await Task.sleep(for: isLive ? .milliseconds(100) : .seconds(5))) != nil {
      let seconds = Double(Uptime.nanoseconds - start) / 1e9
      let moment = ContendView.Moment(seconds: seconds, done: self.board.attempts, holder: self.board.holder)
      if isLive {
        LiveLine.draw(view.line(moment, width: LiveLine.width))
      } else {
        Console.note(view.plainLine(moment))
      }
    }
    if isLive { LiveLine.draw("") }
  }
}
