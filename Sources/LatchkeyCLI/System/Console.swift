internal import Latchkey
internal import LatchkeyPrimitives
internal import LatchkeyProcesses

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Results go to standard output; everything else, for people, to standard error.
enum Console {
  static var errorIsTerminal: Bool { Descriptors.isTerminal(Descriptors.errors) }

  static var outputIsTerminal: Bool { Descriptors.isTerminal(Descriptors.output) }

  static var inputIsTerminal: Bool { Descriptors.isTerminal(Descriptors.input) }

  /// Prints a result.
  ///
  /// - Throws: ``CommandFailure`` if it could not be written; quietly if the reader has gone, as in `… | head -1`.
  static func output(_ text: String) throws(CommandFailure) {
    try self.outputRaw(text + "\n")
  }

  /// Prints a piece of a result, as it is.
  static func outputRaw(_ text: String) throws(CommandFailure) {
    switch Descriptors.write(text, to: STDOUT_FILENO) {
    case 0: return
    case EPIPE: throw CommandFailure(.signal(SIGPIPE), nil)
    case let code: throw CommandFailure(.failed, SystemError(doing: "write the result", code: code).description)
    }
  }

  /// What stands in the last line of the terminal.
  private static let lastLine = Locked(LastLine())

  /// Prints a line for people.
  static func note(_ text: String) { self.write("latchkey: \(text)\n") }

  /// Prints text for people, as it is.
  static func show(_ text: String) { self.write(text + "\n") }

  /// Asks a question that is answered on the same line.
  static func ask(_ text: String) { self.write("latchkey: \(text) ") }

  /// Replaces the last line on a terminal.
  static func redraw(_ text: String) {
    self.lastLine.withLock { line in _ = Descriptors.write(line.replace(with: text), to: STDERR_FILENO) }
  }

  /// Says that another process draws the last line of our terminal.
  static func shareLastLine() {
    self.lastLine.withLock { $0.isShared = self.errorIsTerminal }
  }

  private static func write(_ text: String) {
    self.lastLine.withLock { line in _ = Descriptors.write(line.inserting(text), to: STDERR_FILENO) }
  }
}

/// The last line of a terminal: drawn again and again, and moved down by what is printed meanwhile.
struct LastLine: Sendable {
  private static let clear = "\r\u{1B}[K"

  private var text = ""
  /// Whether another process may have drawn it, and will again.
  var isShared = false

  /// What to write so that other text stands there.
  mutating func replace(with text: String) -> String {
    self.text = text
    return Self.clear + text
  }

  /// What to write so that some lines stand above it.
  func inserting(_ lines: String) -> String {
    self.text.isEmpty && !self.isShared ? lines : Self.clear + lines + self.text
  }
}

/// The last line of a terminal on standard error, drawn again and again while something runs.
enum LiveLine {
  /// Whether there is a terminal that can do it.
  static var isPossible: Bool {
    Console.errorIsTerminal && Environment.value("TERM") != "dumb"
  }

  /// How many columns a line may have.
  static var width: Int {
    var size = winsize()
    if ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 { return Int(size.ws_col) }
    return Environment.value("COLUMNS").flatMap { Int($0) } ?? 80
  }

  /// Replaces the line; takes it away if the text is empty.
  static func draw(_ text: String) { Console.redraw(text) }
}

/// Shows people on standard error how far something has come: a line that is redrawn on a terminal, plain lines elsewhere.
final class Progress: Sendable {
  private let isQuiet: Bool
  private let isTerminal = LiveLine.isPossible
  /// How long nothing is said where lines stay.
  private let silence: Duration
  private let lastLine = Locked(ContinuousClock.now)

  init(isQuiet: Bool, silence: Duration = .zero) {
    self.isQuiet = isQuiet
    self.silence = silence
  }

  /// Says what is done now.
  func say(_ text: String) {
    guard !self.isQuiet else { return }
    if self.isTerminal { return Console.redraw(text) }
    let isDue = self.lastLine.withLock { last in
      guard ContinuousClock.now - last >= self.silence else { return false }
      last = .now
      return true
    }
    if isDue { Console.note(text) }
  }

  /// Says how far it is, where the line is redrawn.
  func show(_ text: @autoclosure () -> String) {
    if !self.isQuiet, self.isTerminal { Console.redraw(text()) }
  }

  /// Says what has happened, where lines stay.
  func log(_ text: @autoclosure () -> String) {
    if !self.isQuiet, !self.isTerminal { Console.note(text()) }
  }

  /// Prints a line that stays, quiet or not: something went wrong.
  func note(_ text: String) {
    self.clear()
    Console.note(text)
  }

  /// Takes the redrawn line away.
  func clear() { self.show("") }
}
