import Latchkey
import LatchkeyTestSupport
import LatchkeyTesting
import LatchkeyZooKeeper
import Testing

@Suite("Other libraries in the same election", .serialized, .timeLimit(.minutes(5)))
struct ElectionInteroperationServerTests {
  /// A candidate that is a program of its own.
  enum Rival: String, CustomTestStringConvertible {
    case latch, selector, kazoo

    var testDescription: String {
      switch self {
      case .latch: "Apache Curator's LeaderLatch"
      case .selector: "Apache Curator's LeaderSelector"
      case .kazoo: "kazoo's Election"
      }
    }

    var layout: ZooKeeperElection.Layout { self == .latch ? .latch : .lock }

    /// What it says of itself.
    var value: String {
      switch self {
      case .latch: "curator's latch"
      case .selector: "curator's selector"
      case .kazoo: "kazoo's candidate"
      }
    }
  }

  private static let count = 60

  @Test("leads when none of ours does, and none of ours when it leads", arguments: [Rival.latch, .selector, .kazoo])
  func exclude(rival: Rival) async throws {
    let servers = try await TestServers.shared.value
    let folder = try ScratchFolder()
    defer { folder.remove() }
    let counter = folder.path + "/counter"
    try FileCounter.write(0, to: counter)
    try await TestClient.with(servers, sessionTimeout: .seconds(20)) { client in
      let election = client.locks.election(try uniqueName("interoperation"), layout: rival.layout)
      // The directory, so that nobody's first step is to make it.
      try await election.campaign(value: "first").resign()
      let program = try await Self.program(rival, folder: folder.path)
      let arguments = [servers.members[0].connectString, "/\(election.name)", counter, "\(Self.count)"]
      let theirs = Task {
        try await InteroperationServerTests.run(program.command, program.arguments(arguments))
      }
      let seen = Shared<Set<String?>>([])
      let watching = Task {
        for await leader in election.leaders { seen.change { $0.insert(leader?.value) } }
      }
      let value = rival.value
      try await withThrowingTaskGroup(of: Void.self) { group in
        for number in 0..<2 {
          group.addTask {
            for _ in 0..<(Self.count / 2) {
              try await election.withLeadership(value: "ours \(number)", within: .seconds(60)) { leadership in
                let before = try FileCounter.read(counter)
                try await Task.sleep(for: .milliseconds(1))
                try FileCounter.write(before + 1, to: counter)
                try leadership.held.ensureHeld()
              }
            }
          }
        }
        try await group.waitForAll()
      }
      #expect(try await theirs.value.hasSuffix("done\n"))
      #expect(try FileCounter.read(counter) == 2 * Self.count)
      #expect(try await election.candidates().isEmpty)
      try await eventuallyTrue(within: .seconds(10)) { seen.value.contains(value) }
      watching.cancel()
    }
  }

  private struct Program {
    let command: String
    let before: [String]
    let after: [String]

    func arguments(_ arguments: [String]) -> [String] { self.before + arguments + self.after }
  }

  private static func program(_ rival: Rival, folder: String) async throws -> Program {
    let contenders = InteroperationServerTests.contenders
    if rival == .kazoo {
      // Debian's Python, which is the one that Debian's kazoo is installed for.
      return Program(command: "/usr/bin/python3", before: ["\(contenders)/kazoo_candidate.py"], after: [])
    }
    let path = "\(folder):\(InteroperationServerTests.curator)"
    let source = "\(contenders)/CuratorCandidate.java"
    _ = try await InteroperationServerTests.run("javac", ["-cp", path, "-d", folder, source])
    return Program(command: "java", before: ["-Xmx128m", "-cp", path, "CuratorCandidate"], after: [rival.rawValue])
  }
}
