#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// The last line of a terminal on standard error, drawn again and again while something runs.
enum LiveLine {
  /// Whether there is a terminal that can do it.
  static var isPossible: Bool {
    Console.errorIsTerminal && getenv("TERM").map { String(cString: $0) } != "dumb"
  }

  /// How many columns a line may have.
  static var width: Int {
    var size = winsize()
    if ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return getenv("COLUMNS").flatMap { Int(String(cString: $0)) } ?? 80
  }

  /// Replaces the line; takes it away if the text is empty.
  static func draw(_ text: String) { Console.redraw(text) }
}
