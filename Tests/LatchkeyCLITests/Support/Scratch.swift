import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// A folder of one test's own, with a file that the scripts under a lock write lines to.
struct Scratch {
  private let folder: TemporaryFolder

  init() throws {
    self.folder = try TemporaryFolder()
  }

  var path: String { self.folder.path }

  /// The file of the lines: `$SAID` in scripts.
  var said: String { self.folder.file("said") }

  /// What was written to ``said`` so far.
  var lines: [String] { (contents(of: self.said) ?? "").split(separator: "\n").map(String.init) }

  /// What commands are told of it: they also make their own files here.
  var settings: [String: String?] { ["SAID": self.said, "TMPDIR": self.path] }

  /// The process of a command that writes its number, and a line for each SIGUSR1, once latchkey's watchdog guards it: latchkey
  /// passes signals on from then on.
  func guardedCommand(of holder: Latchkey) async throws -> Int32 {
    #expect(try await eventually { self.lines.count == 1 })
    holder.process.signal(SIGUSR1)
    #expect(try await eventually { self.lines.count == 2 })
    return try #require(Int32(self.lines[0]))
  }

  /// What is left in it.
  var entries: [String] { LatchkeyCLITests.entries(of: self.path) }

  func remove() { self.folder.remove() }
}
