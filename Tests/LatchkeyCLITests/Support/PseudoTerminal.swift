@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A terminal that a command can write to, and a test can read.
struct PseudoTerminal: Sendable {
  private let people: Int32
  /// The end of programs.
  let program: Int32

  init() throws {
    let people = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard people >= 0, grantpt(people) == 0, unlockpt(people) == 0, let name = ptsname(people) else {
      throw SystemError(doing: "make a terminal", code: errno)
    }
    let program = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)
    guard program >= 0 else { throw SystemError(doing: "open a terminal", code: errno) }
    (self.people, self.program) = (people, program)
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
