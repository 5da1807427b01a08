import LatchkeyProcesses

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A terminal that a command can write to, and a test can read.
struct PseudoTerminal: Sendable {
  private let people: Int32
  /// What the command gets as its output.
  let program: Int32

  init() throws {
    var (people, program): (Int32, Int32) = (-1, -1)
    guard openpty(&people, &program, nil, nil, nil) == 0 else {
      throw SystemError(doing: "open a terminal", code: errno)
    }
    (self.people, self.program) = (people, program)
    for end in [people, program] { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  }

  /// Call it when the command has its end: what it shows then ends with it.
  func closeProgram() { close(self.program) }

  /// All that is shown, until no program has its end any more.
  func everything() async -> String {
    var text = ""
    for await line in Descriptors.lines(of: self.people) { text += line + "\n" }
    close(self.people)
    return text
  }
}
