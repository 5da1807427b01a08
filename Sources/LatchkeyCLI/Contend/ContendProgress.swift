#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

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
    let style = TextStyle.of(STDERR_FILENO, self.color)
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
