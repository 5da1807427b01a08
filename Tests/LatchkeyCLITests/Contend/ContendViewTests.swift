import LatchkeyProcesses
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("The live view of a contention", .timeLimit(.minutes(2)))
struct ContendViewTests {
  @Test("shows how far it is, the rate of the last second, who has the lock, and how long it takes")
  func line() {
    var view = ContendView(total: 4000, hasLock: true, style: .plain)
    _ = view.line(.init(seconds: 1, done: 100, holder: nil), width: 100)
    let line = view.line(.init(seconds: 2, done: 1000, holder: 2), width: 100)
    #expect(
      line == "[########......................] 25%  1,000 of 4,000  900/s  held by worker 3  2 s, about 6 s left"
    )
    #expect(
      view.plainLine(.init(seconds: 3, done: 4000, holder: nil)).contains("4,000 of 4,000, 3,000/s, held by nobody")
    )
  }

  @Test("fits the terminal, whatever its width", arguments: [200, 80, 60, 40, 20, 5, 1])
  func width(width: Int) {
    for style in [TextStyle.plain, TextStyle(isColored: false, isUnicode: true)] {
      var view = ContendView(total: 1_000_000_000, hasLock: true, style: style)
      for done in [0, 1, 333_333_333, 999_999_999, 1_000_000_000] {
        let line = view.line(.init(seconds: Double(done) / 1e5, done: done, holder: 99_999), width: width)
        #expect(line.count < width || width == 1 && line.isEmpty)
      }
    }
  }

  @Test("without a lock, speaks of no holder")
  func noLock() {
    var view = ContendView(total: 10, hasLock: false, style: .plain)
    #expect(!view.line(.init(seconds: 1, done: 5, holder: nil), width: 80).contains("held"))
  }

  @Test("is drawn again and again on a terminal, with who has the lock, and is taken away in the end")
  func terminal() async throws {
    let terminal = try PseudoTerminal()
    let screen = Task { await terminal.everything() }
    let process = try ChildProcess.spawn(
      [Latchkey.path, "contend", "--hold", "2ms", "--count", "100", "--workers", "3"],
      settings: ["TERM": "xterm", "NO_COLOR": "1", "LC_ALL": "C"],
      output: terminal.program,
      errors: terminal.program
    )
    terminal.closeProgram()
    #expect(await process.wait() == .exited(0))
    let text = await screen.value
    let views = text.split(separator: "\r").filter { $0.contains("held by worker") }
    #expect(views.count > 1, "\(text)")
    #expect(views.allSatisfy { $0.contains("of 300") && $0.hasPrefix("\u{1B}[K[") && $0.count < 84 })
    // Nothing but the line's removal stands before the result, and there is no colour.
    #expect(text.contains("\r\u{1B}[Kmutex: 3 workers"), "\(text)")
    #expect(!text.contains("\u{1B}[3") && !text.contains("\u{1B}[0m"))
  }

  @Test("is nothing on a dumb terminal, and colours come when they are asked for")
  func dumb() async throws {
    let terminal = try PseudoTerminal()
    let screen = Task { await terminal.everything() }
    let process = try ChildProcess.spawn(
      [Latchkey.path, "contend", "--hold", "2ms", "--count", "100", "--workers", "3", "--color", "always"],
      settings: ["TERM": "dumb", "NO_COLOR": "1"],
      output: terminal.program,
      errors: terminal.program
    )
    terminal.closeProgram()
    #expect(await process.wait() == .exited(0))
    let text = await screen.value
    #expect(!text.contains("\u{1B}[K"), "\(text)")
    #expect(text.contains("\u{1B}[32mno update lost\u{1B}[0m"), "\(text)")
  }
}
