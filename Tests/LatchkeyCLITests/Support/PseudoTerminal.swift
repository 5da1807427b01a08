@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A terminal that a command can write to, and a test can read.
struct PseudoTerminal: Sendable {
  private let reader: Int32
  /// What the command gets as its output.
  let screen: Int32

  init() throws {
    var (reader, screen): (Int32, Int32) = (-1, -1)
    guard openpty(&reader, &screen, nil, nil, nil) == 0 else { throw SystemError(doing: "open a terminal") }
    self.reader = reader
    self.screen = screen
    for end in [reader, screen] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  }

  /// Call it when the command has the screen: what it writes then ends with it.
  func closeScreen() { close(self.screen) }

  /// All that is written, until nobody has the screen any more.
  func everything() async -> String {
    var text = ""
    for await line in Descriptors.lines(of: self.reader) { text += line + "\n" }
    close(self.reader)
    return text
  }
}
