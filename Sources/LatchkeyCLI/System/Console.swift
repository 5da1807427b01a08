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

  /// Prints a line for people.
  static func note(_ text: String) {
    Descriptors.write("latchkey: \(text)\n", to: STDERR_FILENO)
  }

  /// Prints text for people, as it is.
  static func show(_ text: String) {
    Descriptors.write(text + "\n", to: STDERR_FILENO)
  }

  /// Asks a question that is answered on the same line.
  static func ask(_ text: String) {
    Descriptors.write("latchkey: \(text) ", to: STDERR_FILENO)
  }

  /// Replaces the last line on a terminal.
  static func redraw(_ text: String) {
    Descriptors.write("\r\u{1B}[K" + text, to: STDERR_FILENO)
  }
}
