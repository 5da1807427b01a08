internal import CZooKeeper
internal import LatchkeyPrimitives

/// What the names of contenders have before their number.
package struct ContenderMarkers: Sendable, Hashable {
  /// Those of Curator, of kazoo and of the clients that follow them.
  package static let locks = ContenderMarkers(["lock-", "__lock__"])

  /// The markers as the shim wants them: passed on for every look at a list, so put together once.
  let joined: String

  /// - Parameter markers: Not empty, none with a line break, none ending with a digit or "-" after which a number could not
  ///   be told from it. ("lock-" is fine: what follows it is a signed number.)
  package init(_ markers: [String]) {
    precondition(!markers.isEmpty && !markers.contains(""), "a marker must not be empty")
    precondition(
      !markers.contains { marker in marker.contains("\n") || marker.last?.isNumber == true },
      "a marker must not hold a line break or end with a digit"
    )
    self.joined = markers.joined(separator: "\n")
  }
}

/// A look at a queue of contenders. A contender is a child whose name ends with a marker and a signed number; they are
/// ordered by number, then by name.
package struct ContenderScan: Sendable, Hashable {
  /// The number of contenders.
  package var count: Int
  /// How many contenders come before our own; nil if it is not in the list, or none was named.
  package var ownIndex: Int?
  /// The name of the contender just before our own; if none was named: the last contender.
  package var predecessor: String?
  /// The name of the first contender: who holds the lock.
  package var first: String?
  /// Names that start with the prefix asked for, contenders or not.
  package var matches: [String]
  /// Whether numbers are negative or near the end of their range, so that they do not tell the order.
  package var wraps: Bool
  /// The names of all contenders, in no order; only if ``wraps``.
  package var contenders: [String]
}

extension ContenderScan {
  init(_ scan: czk_scan) {
    self.count = Int(scan.count)
    self.ownIndex = scan.own_index < 0 ? nil : Int(scan.own_index)
    self.predecessor = scan.predecessor.map { String(cString: $0) }
    self.first = scan.first.map { String(cString: $0) }
    self.matches = strings(scan.matches, Int(scan.match_count))
    self.wraps = scan.wraps
    self.contenders = scan.wraps ? strings(scan.contenders, Int(scan.count)) : []
  }
}

/// What became of a create and the list that followed it in the same flight.
package struct EnterReply: Sendable {
  /// The new node's name without its directory, and the transaction that created it: the fencing token.
  package var create: Result<(name: String, czxid: Int64), ZooKeeperError>
  /// The list; it holds the new node if both succeeded.
  package var scan: Result<ContenderScan, ZooKeeperError>
}

extension ZKSession {
  /// Joins a queue: creates an ephemeral sequential node and lists its directory in one flight.
  ///
  /// - Parameters:
  ///   - directory: The queue's directory.
  ///   - prefix: The path of the new node, to which the server appends its number.
  ///   - data: The node's data.
  ///   - acl: The node's access control list.
  ///   - uuidPrefix: Names that start with this are listed in ``ContenderScan/matches``.
  ///   - markers: What makes a child a contender.
  ///   - done: Called once, with both answers.
  package func enter(
    directory: String,
    prefix: String,
    data: [UInt8],
    acl: [ACL],
    uuidPrefix: String? = nil,
    markers: ContenderMarkers,
    _ done: @escaping @Sendable (EnterReply) -> Void
  ) {
    let refusal =
      self.refusal(ofSize: prefix.utf8.count + data.count + acl.wireSize, "create", prefix)
      ?? (self.reserveEphemeral(prefix, isSequential: true) ? nil : Self.tooManyWatches("create", prefix))
    if let refusal {
      return Self.later { done(EnterReply(create: .failure(refusal), scan: .failure(refusal))) }
    }
    let code = Completion.submit { reply in
      let created = reply.rc == 0 ? reply.path.map { String(cString: $0) } : nil
      self.settleEphemeral(prefix, isSequential: true, created: created)
      done(EnterReply(reply, directory: directory, prefix: prefix))
    } _: { context in
      withACL(acl) { acl, aclCount in
        data.withUnsafeBytes { bytes in
          withOptionalCString(uuidPrefix) { uuidPrefix in
            czk_enter(
              self.pointer,
              directory,
              prefix,
              bytes.baseAddress,
              Int32(bytes.count),
              acl,
              aclCount,
              uuidPrefix,
              markers.joined,
              completionAnswered,
              context
            )
          }
        }
      }
    }
    guard code != .ok else { return }
    self.settleEphemeral(prefix, isSequential: true, created: nil)
    Self.later {
      let error = ZooKeeperError(code, operation: "create", path: prefix)
      done(EnterReply(create: .failure(error), scan: .failure(error)))
    }
  }

  /// Looks at a queue.
  ///
  /// - Parameters:
  ///   - directory: The queue's directory.
  ///   - own: The name of our own node in it.
  ///   - uuidPrefix: Names that start with this are listed in ``ContenderScan/matches``.
  ///   - markers: What makes a child a contender.
  ///   - sync: Whether the server must first catch up with its leader, in the same flight.
  ///   - done: Called once.
  package func scan(
    directory: String,
    own: String?,
    uuidPrefix: String?,
    markers: ContenderMarkers,
    sync: Bool,
    _ done: @escaping @Sendable (Result<ContenderScan, ZooKeeperError>) -> Void
  ) {
    let code = Completion.submit { reply in
      if reply.rc == 0, let scan = reply.scan {
        done(.success(ContenderScan(scan.pointee)))
      } else {
        done(.failure(ZooKeeperError(reply.code, operation: "children", path: directory)))
      }
    } _: { context in
      withOptionalCString(own) { own in
        withOptionalCString(uuidPrefix) { prefix in
          czk_scan_directory(
            self.pointer,
            directory,
            own,
            prefix,
            markers.joined,
            sync,
            completionAnswered,
            context
          )
        }
      }
    }
    guard code != .ok else { return }
    Self.later { done(.failure(ZooKeeperError(code, operation: "children", path: directory))) }
  }

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

  /// Creates a node and those above it that are missing, as containers; nodes that exist are left as they are.
  package func createContainers(_ path: String, acl: [ACL], _ done: @escaping @Sendable (ZooKeeperCode) -> Void) {
    // Containers without children are removed by the servers, so one that was just made may be gone again: hence the tries.
    self.createContainer(path, acl: acl, tries: 3, done)
  }

  private func createContainer(
    _ path: String,
    acl: [ACL],
    tries: Int,
    _ done: @escaping @Sendable (ZooKeeperCode) -> Void
  ) {
    self.create(path, data: [], mode: .container, acl: acl) { outcome in
      let code = outcome.code
      switch code {
      case .ok, .nodeExists: done(.ok)
      case .noNode:
        guard tries > 0, let parent = NodePath.parent(of: path), parent != "/" else {
          done(code)
          return
        }
        self.createContainers(parent, acl: acl) { code in
          guard code == .ok else {
            done(code)
            return
          }
          self.createContainer(path, acl: acl, tries: tries - 1, done)
        }
      default: done(code)
      }
    }
  }
}

extension EnterReply {
  fileprivate init(_ reply: czk_reply, directory: String, prefix: String) {
    if reply.rc == 0, let path = reply.path, let stat = reply.stat {
      self.create = .success((NodePath.lastComponent(of: String(cString: path)), stat.pointee.czxid))
    } else {
      self.create = .failure(ZooKeeperError(reply.code, operation: "create", path: prefix))
    }
    if reply.scan_rc == 0, let scan = reply.scan {
      self.scan = .success(ContenderScan(scan.pointee))
    } else {
      let code = ZooKeeperCode(rawValue: reply.scan_rc)
      self.scan = .failure(ZooKeeperError(code, operation: "children", path: directory))
    }
  }
}

private func withOptionalCString<R>(_ string: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
  guard let string else { return body(nil) }
  return string.withCString { body($0) }
}
