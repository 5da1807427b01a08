internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging
internal import ZooKeeper

/// Follows who leads an election: does what a ``LeaderObserver`` says, one request at a time.
struct LeaderFollower {
  private let client: ZooKeeperClient
  private let nodes: ElectionNodes
  private let metadata: Logger.Metadata
  private var machine = LeaderObserver()
  private var session: ZKSession?
  private var watch: SessionWatch?
  /// How often in a row nothing came of a request.
  private var failures = 0

  init(client: ZooKeeperClient, nodes: ElectionNodes, metadata: Logger.Metadata) {
    self.client = client
    self.nodes = nodes
    self.metadata = metadata
  }

  /// Reports the present leader, then every change, until the task is cancelled, the client is closed, or the servers refuse.
  mutating func run(_ report: (Leader?) -> Void) async {
    var step = LeaderObserver.Step.connect
    while !Task.isCancelled {
      do throws(ZooKeeperError) {
        let (news, next) = self.machine.handle(try await self.perform(step))
        switch news {
        case nil: break
        case .nobody?: report(nil)
        case .leader(let sighting)?: report(Leader(sighting))
        }
        step = next
        self.failures = 0
      } catch {
        guard error.mayPass else { return self.log(error) }
        self.failures += 1
        try? await Task.sleep(for: .pause(afterRefusals: self.failures))
        // What was refused because of the servers' load is asked again.
        if error.code.endsFlight { step = self.machine.handle(.interrupted).next }
      }
    }
  }

  private func log(_ error: ZooKeeperError) {
    guard error.code != .cancelled, error.code != .closed else { return }
    self.client.configuration.logger.warning(
      "an election is not observed any more: the servers refuse it",
      metadata: self.metadata.and(["error": "\(error)"])
    )
  }

  private mutating func perform(_ step: LeaderObserver.Step) async throws(ZooKeeperError) -> LeaderObserver.Event {
    guard let session, step != .connect else {
      let session = try await self.client.waitForSession(within: nil)
      self.session = session
      return .connected(session: session.generation)
    }
    if step != .rest { self.watch = nil }
    switch step {
    case .connect: preconditionFailure("handled above")
    case .list(let sync): return .listed(try await self.nodes.list(session, sync: sync))
    case .read(let name): return .read(try await self.nodes.read(name, session, watch: &self.watch))
    case .watchDirectory:
      return .directoryWatched(try await self.nodes.watchDirectory(session, watch: &self.watch))
    case .awaitDirectory:
      return .directoryAwaited(exists: try await self.nodes.awaitDirectory(session, watch: &self.watch))
    case .rest:
      switch await self.watch?.fired() {
      case .dataChanged?: return .dataChanged
      case .created?, .deleted?, .childrenChanged?: return .changed
      case .sessionEnded?: return .interrupted
      case nil: throw ZooKeeperError(.cancelled, operation: "watch", path: self.nodes.directory)
      }
    }
  }
}

extension Leader {
  init(_ sighting: LeaderObserver.Sighting) {
    self.init(value: sighting.value, token: FencingToken(major: UInt64(bitPattern: sighting.czxid)))
  }
}

extension ZooKeeperError {
  /// Whether the same may be asked again later.
  fileprivate var mayPass: Bool {
    switch self.code {
    case .throttled, .tooManyWatches, .notRunning: true
    case let code: code.endsFlight
    }
  }
}

extension ZooKeeperCode {
  /// Whether the connection or the session has ended, and what was asked must be asked on the next.
  fileprivate var endsFlight: Bool {
    switch self {
    case .connectionLoss, .operationTimeout, .sessionExpired, .runtimeInconsistency, .invalidState, .sessionMoved: true
    default: false
    }
  }
}
