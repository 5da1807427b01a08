internal import Latchkey
internal import LatchkeyPrimitives

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Results go to standard output; everything else, for people, to standard error.
enum Console {
  static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

  static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

  static var inputIsTerminal: Bool { isatty(STDIN_FILENO) == 1 }

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
