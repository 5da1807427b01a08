/// What a node looks like each time that it has changed: the present first.
///
/// Changes that follow each other quickly may be seen as one. The sequence survives lost connections and expired sessions:
/// it goes on with what the node looks like afterwards. It ends when the task is cancelled; it throws when the client is
/// closed or may not read the node.
public struct NodeChanges<Value: Sendable>: AsyncSequence, Sendable {
  /// What it throws.
  public typealias Failure = ZooKeeperError

  /// Reads the node and sets a watch; the transaction tells one state of the node from another.
  typealias Read = @Sendable () async throws(ZooKeeperError) -> (value: Value?, mark: Int64, watch: Watch)

  private let read: Read

  init(_ read: @escaping Read) {
    self.read = read
  }

  /// Begins with the present.
  ///
  /// - Returns: An iterator.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(read: self.read) }

  /// Follows a node.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let read: Read
    private var watch: Watch?
    private var lastMark: Int64?

    fileprivate init(read: @escaping Read) {
      self.read = read
    }

    /// Waits until the node looks different from what was returned last.
    ///
    /// - Parameter isolation: The actor to run on; the caller's.
    /// - Returns: What the node looks like, the inner nil if it does not exist; the outer nil if the task was cancelled.
    /// - Throws: ``ZooKeeperError``.
    public mutating func next(
      isolation: isolated (any Actor)? = #isolation
    ) async throws(ZooKeeperError) -> Value?? {
      var refusals = 0
      while true {
        do throws(ZooKeeperError) {
          if let watch = self.watch {
            _ = try await watch.event()
            self.watch = nil
          }
          let (value, mark, watch) = try await self.read()
          self.watch = watch
          guard mark != self.lastMark else { continue }
          self.lastMark = mark
          return .some(value)
        } catch {
          switch error.code {
          case .cancelled: return nil
          // The next read waits for the connection, or for the next session.
          case .connectionLoss, .operationTimeout, .sessionExpired, .runtimeInconsistency, .invalidState, .sessionMoved:
            continue
          case .throttled:
            refusals += 1
            // If the task is cancelled meanwhile, the next read says so.
            try? await Task.sleep(for: .pause(afterRefusals: refusals))
          default: throw error
          }
        }
      }
    }
  }
}

extension ZooKeeperClient {
  /// A node's data each time that it has changed; nil while the node does not exist.
  ///
  /// - Parameter path: The node.
  /// - Returns: A sequence that begins with the present.
  public func dataChanges(of path: String) -> NodeChanges<(data: [UInt8], stat: Stat)> {
    NodeChanges { () throws(ZooKeeperError) in
      while true {
        do throws(ZooKeeperError) {
          let (data, stat, watch) = try await self.getWatching(path)
          return ((data, stat), stat.modifiedBy, watch)
        } catch  where error.code == .noNode {
          let (stat, watch) = try await self.existsWatching(path)
          // Created in between: read it after all. The watch is forgotten when it fires.
          if stat == nil { return (nil, 0, watch) }
        }
      }
    }
  }

  /// A node's children each time that one has come or gone; nil while the node does not exist.
  ///
  /// - Parameter path: The node.
  /// - Returns: A sequence that begins with the present.
  public func childrenChanges(of path: String) -> NodeChanges<[String]> {
    NodeChanges { () throws(ZooKeeperError) in
      while true {
        do throws(ZooKeeperError) {
          let (names, stat, watch) = try await self.childrenWatching(of: path)
          return (names, stat.childrenModifiedBy, watch)
        } catch  where error.code == .noNode {
          let (stat, watch) = try await self.existsWatching(path)
          if stat == nil { return (nil, 0, watch) }
        }
      }
    }
  }
}
