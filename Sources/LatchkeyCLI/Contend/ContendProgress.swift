/// Shows people on standard error how far a contention has come.
struct ContendProgress: Sendable {
  let board: Board
  let total: Int

  /// Reports until the task is cancelled: a line that is redrawn on a terminal, now and then a plain line elsewhere.
  func run() async {
    let isTerminal = Console.errorIsTerminal
    let start = Uptime.nanoseconds
    let interval: Duration = isTerminal ? .milliseconds(100) : .seconds(5)
    while (try? await Task.sleep(for: interval)) != nil {
      let done = self.board.attempts
      let rate = Double(done) / (Double(Uptime.nanoseconds - start) / 1e9)
      let text = "\(done)/\(self.total) attempts, \(Int(rate))/s"
      if isTerminal { Console.redraw(text) } else { Console.note(text) }
    }
    if isTerminal { Console.redraw("") }
  }
}
