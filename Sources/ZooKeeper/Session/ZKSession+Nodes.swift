internal import CZooKeeper
internal import LatchkeyPrimitives

extension ZKSession {
  func create(
    _ path: String,
    data: [UInt8],
    mode: CreateMode,
    acl: [ACL],
    _ done: @escaping @Sendable (Result<(path: String, stat: Stat), ZooKeeperError>) -> Void
  ) {
    let isEphemeral = mode.isEphemeral
    if isEphemeral, !self.reserveEphemeral(path, isSequential: mode.isSequential) {
      return Self.later { done(.failure(Self.tooManyWatches("create", path))) }
    }
    self.request("create", path, size: data.count + acl.wireSize) { reply -> (path: String, stat: Stat)? in
      reply.path.flatMap { path in reply.statValue.map { (String(cString: path), $0) } }
    } done: { (result: Result<(path: String, stat: Stat), ZooKeeperError>) in
      if isEphemeral {
        let created: String? = if case .success(let node) = result { node.path } else { nil }
        self.settleEphemeral(path, isSequential: mode.isSequential, created: created)
      }
      done(result)
    } submit: { context in
      withACL(acl) { acl, aclCount in
        data.withUnsafeBytes { bytes in
          czk_create_node(
            self.pointer,
            path,
            bytes.baseAddress,
            Int32(bytes.count),
            acl,
            aclCount,
            mode.rawValue,
            mode.ttl?.milliseconds ?? -1,
            completionAnswered,
            context
          )
        }
      }
    }
  }

  /// Creates ephemeral sequential nodes that begin alike: all in one transaction, or none.
  ///
  /// - Parameters:
  ///   - count: How many, at least 1.
  ///   - prefix: The path of each, to which the server appends its number.
  ///   - data: The data of each.
  ///   - acl: The access control list of each.
  ///   - done: Called once, with the names of the nodes without their directory, lowest number first.
  package func createEphemerals(
    _ count: Int,
    prefix: String,
    data: [UInt8],
    acl: [ACL],
    _ done: @escaping @Sendable (Result<[String], ZooKeeperError>) -> Void
  ) {
    precondition(count >= 1, "a transaction has at least one operation")
    if count == 1 {
      return self.create(prefix, data: data, mode: .ephemeralSequential, acl: acl) { result in
        done(result.map { [NodePath.lastComponent(of: $0.path)] })
      }
    }
    let create = ZooKeeperClient.Operation.create(prefix, data: data, mode: .ephemeralSequential, acl: acl)
    self.transaction(Array(repeating: create, count: count), defaultACL: acl) { result in
      done(
        result.mapError(\.error).map { results in
          results.compactMap { if case .created(let path) = $0 { NodePath.lastComponent(of: path) } else { nil } }
        }
      )
    }
  }

  /// Replaces a node's data.
  ///
  /// - Parameter version: The version that the node must have; -1 for any.
  package func set(
    _ path: String,
    data: [UInt8],
    version: Int32,
    _ done: @escaping @Sendable (Result<Stat, ZooKeeperError>) -> Void
  ) {
    self.request("set", path, size: data.count) { reply in
      reply.statValue
    } done: {
      done($0)
    } submit: { context in
      data.withUnsafeBytes { bytes in
        czk_set(self.pointer, path, bytes.baseAddress, Int32(bytes.count), version, completionAnswered, context)
      }
    }
  }

  func getACL(_ path: String, _ done: @escaping @Sendable (Result<(acl: [ACL], stat: Stat), ZooKeeperError>) -> Void) {
    self.request("getACL", path) { reply in
      reply.statValue.map { (reply.aclValues, $0) }
    } done: {
      done($0)
    } submit: {
      czk_get_acl(self.pointer, path, completionAnswered, $0)
    }
  }

  func setACL(_ path: String, _ acl: [ACL], version: Int32, _ done: @escaping @Sendable (ZooKeeperCode) -> Void) {
    self.request(size: path.utf8.count + acl.wireSize, done) { context in
      withACL(acl) { acl, aclCount in
        czk_set_acl(self.pointer, path, version, acl, aclCount, completionAnswered, context)
      }
    }
  }

  /// Makes the server catch up with its leader.
  package func sync(_ path: String, _ done: @escaping @Sendable (ZooKeeperCode) -> Void) {
    self.request(size: path.utf8.count, done) { czk_sync(self.pointer, path, completionAnswered, $0) }
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
