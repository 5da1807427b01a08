internal import CZooKeeper
internal import LatchkeyPrimitives

extension ZKSession {
  /// Watches a node that has no children until it is deleted: a watch on its list of children, which other changes of the
  /// node do not fire and which leaves nothing behind if the node is gone.
  ///
  /// - Parameters:
  ///   - path: The node.
  ///   - onEvent: Called once when the node has been deleted; not at all if the session ends first.
  ///   - done: Called once, before `onEvent`: `ok` if the watch is set, `noNode` if the node is gone already, `tooManyWatches` if
  ///     the session cannot have more.
  /// - Returns: A number for ``removeWatch(_:)``.
  @discardableResult
  package func watchDeletion(
    of path: String,
    onEvent: @escaping @Sendable () -> Void,
    _ done: @escaping @Sendable (ZooKeeperCode) -> Void
  ) -> UInt64 {
    let id = self.addWatch(.deletion, path: path) { event in if event == .deleted { onEvent() } }
    guard let reservation = self.reserve(id, path: path) else {
      Self.later { done(.tooManyWatches) }
      return id
    }
    let code = Completion.submit { reply in
      self.replied(reservation, reply.code)
      done(reply.code)
    } _: { context in
      czk_children(self.pointer, path, true, completionAnswered, context)
    }
    self.refuse(code, reservation) { done(code) }
    return id
  }

  /// Sets the server's part of a deletion watch again, after a change of the node's children has used it up.
  ///
  /// - Parameter failures: How often in a row this has failed.
  func rearmDeletionWatch(of path: String, failures: Int = 0) {
    let bytes = Array(path.utf8)
    let reserved = self.state.withLock { state in
      state.watches.awaitsDeletion(of: path) ? state.budget.reserveWatch(bytes, isRenewal: true) : nil
    }
    guard let reserved else { return }
    let settle: @Sendable (ZooKeeperCode) -> Void = { code in
      self.state.withLock { $0.budget.settleWatch(bytes, reserved: reserved, tables: code == .ok ? .children : []) }
    }
    let code = Completion.submit { reply in
      settle(reply.code)
      switch reply.code {
      case .ok: break
      case .noNode: self.fire(.deleted, path: path)
      // The deletion of a node that may not be read cannot be watched.
      case .noAuth, .sessionExpired, .closed, .authFailed, .invalidState: break
      // The C client sends what it is given now over the next connection.
      case let code where code.isInDoubt && failures == 0: self.rearmDeletionWatch(of: path, failures: 1)
      // Whatever it is, it may pass; without a pause, a failure that does not would keep the completion thread busy.
      default:
        Task.detached {
          try? await Task.sleep(for: .pause(afterRefusals: failures + 1))
          self.rearmDeletionWatch(of: path, failures: failures + 1)
        }
      }
    } _: { context in
      czk_children(self.pointer, path, true, completionAnswered, context)
    }
    // A refusal means that the session is over, which ends all watches.
    if code != .ok { settle(code) }
  }
}
