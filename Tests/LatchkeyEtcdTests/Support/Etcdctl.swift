#if Etcd
import Foundation
import LatchkeyTesting
import Testing

/// etcd's own command, running.
final class Etcdctl {
  private let process = Process()
  private let folder: URL

  /// Starts it.
  ///
  /// - Parameters:
  ///   - arguments: What comes behind the endpoints.
  ///   - endpoint: The server to talk to.
  init(_ arguments: [String], endpoint: String) throws {
    self.folder = FileManager.default.temporaryDirectory.appendingPathComponent("etcdctl-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: self.folder, withIntermediateDirectories: true)
    let output = self.folder.appendingPathComponent("output")
    try Data().write(to: output)
    self.process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    self.process.arguments = ["etcdctl", "--endpoints=\(endpoint)"] + arguments
    self.process.environment = ProcessInfo.processInfo.environment.merging(["ETCDCTL_API": "3"]) { $1 }
    self.process.standardOutput = try FileHandle(forWritingTo: output)
    self.process.standardError = self.process.standardOutput
    try self.process.run()
  }

  /// Everything that it has said.
  var output: String {
    get throws { try String(contentsOf: self.folder.appendingPathComponent("output"), encoding: .utf8) }
  }

  var isRunning: Bool { self.process.isRunning }

  /// Waits until it has said something.
  func waitForOutput(_ text: String, within limit: Duration = .seconds(15)) async throws {
    let isThere = try await eventually(within: limit) { try self.output.contains(text) }
    let seen = try self.output
    try #require(isThere, "etcdctl has not said \"\(text)\" but: \(seen)")
  }

  /// Interrupts it, as a person would, and waits for its end.
  func interrupt() async throws {
    if self.process.isRunning { self.process.interrupt() }
    let isOver = try await eventually(within: .seconds(10)) { !self.process.isRunning }
    if !isOver { kill(self.process.processIdentifier, SIGKILL) }
    try FileManager.default.removeItem(at: self.folder)
    try #require(isOver, "etcdctl does not end")
  }

  /// Runs it to its end.
  static func run(_ arguments: [String], endpoint: String) async throws -> String {
    let command = try Etcdctl(arguments, endpoint: endpoint)
    let isOver = try await eventually(within: .seconds(20)) { !command.isRunning }
    let output = try command.output
    try await command.interrupt()
    try #require(isOver && command.process.terminationStatus == 0, "etcdctl \(arguments): \(output)")
    return output
  }
}
#endif
