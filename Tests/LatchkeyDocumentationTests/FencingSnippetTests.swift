import Foundation
import Latchkey
import LatchkeyTesting
import Testing

@Suite("Code of the article on fencing")
struct FencingSnippetTests {
  private let old = FencingToken(major: 33)
  private let new = FencingToken(major: 34)

  @Test("an actor refuses a stale token")
  func account() async throws {
    let account = Account()
    try await account.set(1, fencedBy: self.old)
    try await account.set(2, fencedBy: self.new)
    await #expect(throws: StaleToken.self) { try await account.set(3, fencedBy: self.old) }
    #expect(await account.balance == 2)
    try await settle(Account(), under: LocalMutex("account"))
  }

  @Test("a file refuses a stale token, also after a restart")
  func file() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("fencing-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let path = folder.appendingPathComponent("report")
    try GuardedFile(path).write("new", fencedBy: self.new)
    let reopened = try GuardedFile(path)
    #expect(throws: StaleToken(token: self.old, newest: self.new)) { try reopened.write("late", fencedBy: self.old) }
    #expect(try String(contentsOf: path, encoding: .utf8) == "new")
    try reopened.write("new again", fencedBy: self.new)
    #expect(try String(contentsOf: path, encoding: .utf8) == "new again")
  }

  @Test("a store behind an asynchronous gate refuses a stale token")
  func store() async throws {
    actor Orders: OrderStore {
      private(set) var orders: [String] = []
      func put(_ order: String) { self.orders.append(order) }
    }
    let orders = Orders()
    let guarded = GuardedStore(orders)
    try await guarded.put("new", fencedBy: self.new)
    await #expect(throws: StaleToken.self) { try await guarded.put("late", fencedBy: self.old) }
    #expect(await orders.orders == ["new"])
  }

  @Test("the SQL statement writes under equal and growing tokens, and changes nothing under a smaller one")
  func sql() throws {
    /// The statement with its parameters, and then how many rows it has changed.
    func write(_ state: String, _ token: UInt64) -> String {
      """
      .parameter set :id 42
      .parameter set :state "'\(state)'"
      .parameter set :token \(token)
      \(FencingSQL.write)
      ;
      SELECT changes();
      """
    }
    let rows = try SQLite.run([
      FencingSQL.table, ";",
      write("new", 34), write("paid", 34), write("late", 33), "SELECT state, fence FROM orders;",
      write("sent", 35), "SELECT state, fence FROM orders;",
    ])
    #expect(rows == ["1", "1", "0", "paid|34", "1", "sent|35"])
  }
}

/// The command `sqlite3` on a database in memory.
private enum SQLite {
  static func run(_ input: [String]) throws -> [String] {
    let process = Process()
    let (stdin, stdout) = (Pipe(), Pipe())
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["sqlite3", "-batch", "-bail", ":memory:"]
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stdout
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.joined(separator: "\n").utf8))
    try stdin.fileHandleForWriting.close()
    let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "sqlite3: \(output)")
    return output.split(separator: "\n").map(String.init)
  }
}
