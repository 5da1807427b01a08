import LatchkeyProcesses
import LatchkeyTestSupport
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("A process that has not begun to run its program")
struct PreparedProcessTests {
  private static func arguments(_ words: String...) -> [ContiguousArray<CChar>] { words.map(\.utf8CString) }

  @Test("leads a group of its own before it begins, and keeps its number when it runs the program")
  func begins() async throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    let prepared = try PreparedProcess(
      Self.arguments("/bin/sh", "-c", "echo $$ $WORD >>$SAID; exit 7"),
      settings: scratch.settings.merging(["WORD": "told"]) { $1 }
    )
    let child = prepared.process
    #expect(getpgid(child.pid) == child.pid && child.pid != getpgrp())
    #expect(scratch.lines == [])
    try prepared.begin()
    #expect(await child.wait() == .exited(7))
    #expect(scratch.lines == ["\(child.pid) told"])
  }

  @Test("runs nothing if whoever has prepared it goes away")
  func abandoned() async throws {
    let scratch = try Scratch()
    defer { scratch.remove() }
    func prepare() throws -> ChildProcess {
      try PreparedProcess(Self.arguments("/bin/sh", "-c", "echo $$ >>$SAID"), settings: scratch.settings).process
    }
    #expect(await (try prepare()).wait() == .exited(127))
    #expect(scratch.lines == [])
  }

  @Test("says why its program cannot be run")
  func missing() throws {
    for (program, code) in [("/nonexistent/program", ENOENT), ("no-such-program-anywhere", ENOENT), ("/", EACCES)] {
      let prepared = try PreparedProcess(Self.arguments(program))
      let pid = prepared.process.pid
      do throws(SystemError) {
        try prepared.begin()
        Issue.record("\(program) was run")
      } catch {
        #expect(error.code == code)
      }
      #expect(!isAlive(pid))
    }
  }

  @Test("begins with no handler of ours and no blocked signal")
  func signals() async throws {
    let prepared = try PreparedProcess(Self.arguments("/bin/sh", "-c", "kill -s TERM $$; exit 0"))
    let child = prepared.process
    try prepared.begin()
    #expect(await child.wait() == .killed(by: SIGTERM))
  }
}
