import Foundation
import LatchkeyTesting
import Testing

#if canImport(FoundationNetworking)
import FoundationNetworking
#endif

/// One running instance of the service, as an operator would start it.
final class Instance {
  let name: String
  private let process = Process()
  private let log: URL
  private var port: Int?

  init(_ name: String, in folder: URL, zooKeeper: String, settings: [String: String]) throws {
    self.name = name
    self.log = folder.appending(path: "\(name).log")
    try Data().write(to: self.log)
    let runner = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    self.process.executableURL = runner.deletingLastPathComponent().appending(path: "InvoiceService")
    self.process.environment = ProcessInfo.processInfo.environment.merging(settings) { $1 }.merging([
      "INSTANCE": name, "ZOOKEEPER_SERVERS": zooKeeper, "ZOOKEEPER_SESSION_TIMEOUT": "30s", "ZOOKEEPER_TICK": "200ms",
      "LEDGER_PATH": folder.appending(path: "ledger").path(), "METRICS_PORT": "0",
    ]) { $1 }
    self.process.standardError = try FileHandle(forWritingTo: self.log)
    try self.process.run()
  }

  deinit {
    if self.process.isRunning { kill(self.process.processIdentifier, SIGKILL) }
  }

  var output: String { (try? String(contentsOf: self.log, encoding: .utf8)) ?? "" }

  func terminate() { self.process.terminate() }

  /// Waits for the end of the process.
  func exitStatus(within limit: Duration = .seconds(20)) async throws -> Int32 {
    let hasEnded = try await eventually(within: limit) { !self.process.isRunning }
    try #require(hasEnded, "\(self.name) has not ended: \(self.output)")
    try #require(self.process.terminationReason == .exit, "\(self.name) was ended by a signal")
    return self.process.terminationStatus
  }

  /// What its metrics say of one series now; nil if they do not say anything.
  func metric(_ series: String) async throws -> Double? {
    guard let port = self.findPort(), let url = URL(string: "http://127.0.0.1:\(port)/metrics") else { return nil }
    let (data, _) = try await URLSession.shared.data(from: url)
    let line = String(decoding: data, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("\(series) ") }
    return line.flatMap { Double($0.dropFirst(series.count + 1)) }
  }

  /// Waits until one of its metrics has reached a value.
  func wait(for series: String, toBe value: Double, within limit: Duration = .seconds(30)) async throws {
    let isThere = try await eventually(within: limit, every: .milliseconds(10)) {
      try await self.metric(series).map { $0 >= value } ?? false
    }
    try #require(isThere, "\(self.name): \(series) did not become \(value) within \(limit): \(self.output)")
  }

  private func findPort() -> Int? {
    if self.port == nil { self.port = self.output.firstMatch(of: /port=(\d+)/).flatMap { Int($0.1) } }
    return self.port
  }
}

/// What the ledger says.
struct Entry: Equatable {
  let number: Int
  let token: UInt64
  let instance: String

  static func all(in folder: URL) throws -> [Entry] {
    let text = try String(contentsOf: folder.appending(path: "ledger"), encoding: .utf8)
    return try text.split(separator: "\n").map { line in
      let words = line.split(separator: " ")
      try #require(words.count == 3, "a torn line: \(line)")
      return Entry(
        number: try #require(Int(words[0])),
        token: try #require(UInt64(words[1])),
        instance: String(words[2])
      )
    }
  }
}
