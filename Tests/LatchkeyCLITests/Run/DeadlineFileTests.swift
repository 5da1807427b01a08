import Latchkey
import LatchkeyPrimitives
import LatchkeyTesting
import Testing

@testable import LatchkeyCLI

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

@Suite("The deadline file", .timeLimit(.minutes(1)))
struct DeadlineFileTests {
  private func seconds(_ file: DeadlineFile) -> Double? {
    contents(of: file.path).flatMap { text in
      let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
      return lines.count == 2 && lines[1].isEmpty ? Double(lines[0]) : nil
    }
  }

  @Test("says until when the lock is safe, on the clock of /proc/uptime, to this user alone")
  func content() throws {
    let file = try DeadlineFile()
    defer { file.remove() }
    try file.write(.now.advanced(by: .seconds(100)))
    let uptime = try #require(contents(of: "/proc/uptime")?.split(separator: " ").first.flatMap { Double($0) })
    let deadline = try #require(self.seconds(file))
    #expect(abs(deadline - uptime - 100) < 1)
    var status = stat()
    #expect(stat(file.path, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
    let folder = String(file.path.dropLast("/deadline".count))
    #expect(stat(folder, &status) == 0)
    #expect(status.st_mode & 0o777 == 0o700)
    #expect(entries(of: folder) == ["deadline"])
    file.remove()
    #expect(entries(of: folder) == [])
    #expect(stat(folder, &status) != 0)
  }

  @Test("follows the deadline while the lease is held, and stops with it")
  func following() async throws {
    let file = try DeadlineFile()
    defer { file.remove() }
    let lease = try FakeLease(remaining: .milliseconds(500))
    let first = lease.term.deadline
    try file.write(first)
    let before = try #require(self.seconds(file))
    let follower = Task { await file.follow(lease.held, since: first) }
    lease.term.advance(to: .now.advanced(by: .seconds(5)))
    #expect(try await eventually { (self.seconds(file) ?? 0) > before + 3 })
    lease.lose()
    await follower.value
  }

  @Test("says that the lock is not safe any more once it is lost, and nothing else after that")
  func revoked() throws {
    let file = try DeadlineFile()
    defer { file.remove() }
    try file.write(.now.advanced(by: .seconds(100)))
    file.revoke()
    try file.write(.now.advanced(by: .seconds(100)))
    let uptime = try #require(contents(of: "/proc/uptime")?.split(separator: " ").first.flatMap { Double($0) })
    #expect(try #require(self.seconds(file)) <= uptime + 0.02)
  }

  @Test(
    "writes seconds without floating point",
    arguments: [(Int64(0), "0.000000000"), (1_000_000_001, "1.000000001")]
  )
  func text(nanoseconds: Int64, text: String) {
    #expect(DeadlineFile.text(nanoseconds) == text)
  }
}
