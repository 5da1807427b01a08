import Foundation
import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import Subprocess
import Testing

@Suite("Other libraries on the same lock", .serialized, .timeLimit(.minutes(5)))
struct InteroperationServerTests {
  /// A contender that is a program of its own.
  enum Contender: String, CaseIterable, CustomTestStringConvertible {
    case curator, kazoo, go
    case besideCurator
    case curatorReadWrite, kazooWriting
    case curatorSemaphore

    var testDescription: String {
      switch self {
      case .curator: "Apache Curator's InterProcessMutex"
      case .kazoo: "kazoo's Lock"
      case .go: "go-zookeeper's Lock"
      case .besideCurator: "kazoo's Lock with Curator's node names"
      case .curatorReadWrite: "Apache Curator's InterProcessReadWriteLock"
      case .kazooWriting: "kazoo's WriteLock, told our node names"
      case .curatorSemaphore: "Apache Curator's InterProcessSemaphoreV2"
      }
    }
  }

  private static let count = 150

  @Test(
    "excludes us and is excluded by us: a counter that all increment ends exact",
    arguments: [[Contender.curator], [.kazoo], [.go], [.curator, .besideCurator]]
  )
  func exclude(contenders: [Contender]) async throws {
    let servers = try await TestServers.shared.value
    let folder = try ScratchFolder()
    defer { folder.remove() }
    let counter = folder.path + "/counter"
    try FileCounter.write(0, to: counter)
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let name = try uniqueName("interoperation")
      let lock = client.lock(name)
      // The directory, so that nobody's first step is to make it.
      try await lock.acquire().release()
      let arguments = [servers.members[0].connectString, "/\(name)", counter, "\(Self.count)"]
      let ours = Shared(0)
      async let theirs = withThrowingTaskGroup(of: String.self) { group in
        for contender in contenders {
          let program = try await Self.program(contender, folder: folder.path)
          group.addTask { try await Self.run(program.command, program.arguments + arguments) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<3 {
          group.addTask {
            for _ in 0..<(Self.count / 3) {
              try await lock.withLock(within: .seconds(60)) { held in
                let value = try FileCounter.read(counter)
                try await Task.sleep(for: .milliseconds(1))
                try FileCounter.write(value + 1, to: counter)
                ours.change { $0 += 1 }
                try held.ensureHeld()
              }
            }
          }
        }
        try await group.waitForAll()
      }
      let outputs = try await theirs
      #expect(outputs.allSatisfy { $0.hasSuffix("done\n") }, "\(outputs)")
      #expect(ours.value == Self.count)
      #expect(try FileCounter.read(counter) == (1 + contenders.count) * Self.count)
      #expect(try await client.count("/\(name)") == 0)
    }
  }

  // MARK: Programs

  static var contenders: String {
    let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    return tests.appendingPathComponent("Contenders").path
  }

  /// The class path of Curator and of what it needs: Debian's jars, or all in the folder that `scripts/test-newer` names.
  static let curator =
    ProcessInfo.processInfo.environment["LATCHKEY_CURATOR_JARS"].map { $0 + "/*" }
    ?? [
      "curator-recipes", "curator-framework", "curator-client", "zookeeper", "zookeeper-jute", "guava", "slf4j-api",
      "slf4j-nop", "netty-all",
    ].map { "/usr/share/java/\($0).jar" }.joined(separator: ":")

  /// Builds a contender's program in a folder, and says how to run it.
  static func program(
    _ contender: Contender,
    folder: String
  ) async throws -> (command: String, arguments: [String]) {
    switch contender {
    case .kazoo, .besideCurator, .kazooWriting:
      // Debian's Python, which is the one that Debian's kazoo is installed for.
      let name =
        switch contender {
        case .besideCurator: "kazoo_beside_curator_contender"
        case .kazooWriting: "kazoo_write_contender"
        default: "kazoo_contender"
        }
      return ("/usr/bin/python3", ["\(Self.contenders)/\(name).py"])
    case .curator, .curatorReadWrite, .curatorSemaphore:
      let path = "\(folder):\(Self.curator)"
      let name =
        switch contender {
        case .curatorSemaphore: "CuratorSemaphoreContender"
        case .curatorReadWrite: "CuratorReadWriteContender"
        default: "CuratorContender"
        }
      _ = try await Self.run("javac", ["-cp", path, "-d", folder, "\(Self.contenders)/\(name).java"])
      return ("java", ["-Xmx128m", "-cp", path, name])
    case .go:
      let program = "\(folder)/go_contender"
      _ = try await Self.run(
        "env",
        [
          "GO111MODULE=off", "GOPATH=/usr/share/gocode", "GOCACHE=\(folder)/cache", "go", "build", "-o", program,
          "\(Self.contenders)/go_contender.go",
        ]
      )
      return (program, [])
    }
  }

  struct ProgramFailed: Error {
    let command: String
    let status: String
    let errors: String
  }

  static func run(_ command: String, _ arguments: [String]) async throws -> String {
    let result = try await Subprocess.run(
      .name("env"),
      arguments: Arguments([command] + arguments),
      output: .string(limit: 1 << 20),
      error: .string(limit: 1 << 20)
    )
    guard result.terminationStatus.isSuccess else {
      throw ProgramFailed(
        command: "\(command) \(arguments.joined(separator: " "))",
        status: "\(result.terminationStatus)",
        errors: result.standardError
      )
    }
    return result.standardOutput
  }
}

/// A folder that goes away with the test.
struct ScratchFolder {
  let path: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("latchkey-test-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    self.path = url.path
  }

  func remove() {
    do {
      try FileManager.default.removeItem(atPath: self.path)
    } catch {
      Issue.record("the folder \(self.path) could not be removed: \(error)")
    }
  }
}

/// A number in a file that is read and written without any protection of its own.
enum FileCounter {
  struct Unreadable: Error {
    let text: String
  }

  static func read(_ path: String) throws -> Int {
    let text = try String(contentsOfFile: path, encoding: .utf8)
    guard let value = Int(text) else { throw Unreadable(text: text) }
    return value
  }

  static func write(_ value: Int, to path: String) throws {
    try Data("\(value)".utf8).write(to: URL(fileURLWithPath: path))
  }
}
