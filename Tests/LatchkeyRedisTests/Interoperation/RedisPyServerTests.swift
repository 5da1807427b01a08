import Foundation
import Latchkey
import LatchkeyRedis
import LatchkeyTestSupport
import LatchkeyTesting
import Subprocess
import Testing

@Suite("redis-py's Lock on the same key", .timeLimit(.minutes(2)))
struct RedisPyServerTests {
  private static let count = 150

  @Test("excludes us and is excluded by us: a counter that both increment ends exact")
  func exclude() async throws {
    let file = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-test-\(UUID().uuidString)")
    try Self.write(0, to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let server = try await SharedRedis.value
    let name = try uniqueName("interoperation")
    try await LockClient.with([server], timeToLive: .seconds(20), changeLocks: { $0.pollCeiling = .milliseconds(5) }) {
      client in
      let lock = client.lock(name)
      async let theirs = Self.contend("\(server.port)", "\(name)", file.path, "\(Self.count)")
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 {
          group.addTask {
            for _ in 0..<(Self.count / 3) {
              try await lock.withLock(within: .seconds(60)) { held in
                let value = try Self.read(file)
                try await Task.sleep(for: .milliseconds(1))
                try Self.write(value + 1, to: file)
                try held.ensureHeld()
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await theirs == "done\n")
      #expect(try Self.read(file) == 2 * Self.count)
      #expect(try await !server.has("\(name)"))
    }
  }

  private static func contend(_ arguments: String...) async throws -> String {
    let contenders = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let program = contenders.appendingPathComponent("Contenders/redis_py_contender.py").path
    // Debian's Python, which is the one that Debian's redis-py is installed for.
    let result = try await Subprocess.run(
      .name("env"),
      arguments: Arguments(["/usr/bin/python3", program] + arguments),
      output: .string(limit: 1 << 16),
      error: .string(limit: 1 << 16)
    )
    guard result.terminationStatus.isSuccess else { return "\(result.terminationStatus): \(result.standardError)" }
    return result.standardOutput
  }

  private static func read(_ file: URL) throws -> Int {
    try #require(Int(String(contentsOf: file, encoding: .utf8)))
  }

  private static func write(_ value: Int, to file: URL) throws {
    try Data("\(value)".utf8).write(to: file)
  }
}
