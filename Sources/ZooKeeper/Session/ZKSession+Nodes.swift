internal import CZooKeeper

// Requests that only the public operations make.
extension ZKSession {
  func create(
    _ path: String,
    data: [UInt8],
    mode: CreateMode,
    acl: [ACL],
    _ done: @escaping @Sendable (Result<(path: String, stat: Stat), ZooKeeperError>) -> Void
  ) {
    let ttl = mode.ttl?.wholeMilliseconds ?? -1
    let code = Completion.submit { reply in
      if reply.rc == 0, let path = reply.pathValue, let stat = reply.statValue {
        done(.success((path, stat)))
      } else {
        done(.failure(ZooKeeperError(reply.code, operation: "create", path: path)))
      }
    } _: { context in
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
            ttl,
            completionAnswered,
            context
          )
        }
      }
    }
    self.refuse(code, nil) { done(.failure(ZooKeeperError(code, operation: "create", path: path))) }
  }

  func set(
    _ path: String,
    data: [UInt8],
    version: Int32,
    _ done: @escaping @Sendable (Result<Stat, ZooKeeperError>) -> Void
  ) {
    let code = Completion.submit { reply in
      if reply.rc == 0, let stat = reply.statValue {
        done(.success(stat))
      } else {
        done(.failure(ZooKeeperError(reply.code, operation: "set", path: path)))
      }
    } _: { context in
      data.withUnsafeBytes { bytes in
        czk_set(self.pointer, path, bytes.baseAddress, Int32(bytes.count), version, completionAnswered, context)
      }
    }
    self.refuse(code, nil) { done(.failure(ZooKeeperError(code, operation: "set", path: path))) }
  }

  func getACL(_ path: String, _ done: @escaping @Sendable (Result<(acl: [ACL], stat: Stat), ZooKeeperError>) -> Void) {
    let code = Completion.submit { reply in
      if reply.rc == 0, let stat = reply.statValue {
        done(.success((reply.aclValues, stat)))
      } else {
        done(.failure(ZooKeeperError(reply.code, operation: "getACL", path: path)))
      }
    } _: {
      czk_get_acl(self.pointer, path, completionAnswered, $0)
    }
    self.refuse(code, nil) { done(.failure(ZooKeeperError(code, operation: "getACL", path: path))) }
  }

  func setACL(_ path: String, _ acl: [ACL], version: Int32, _ done: @escaping @Sendable (ZooKeeperCode) -> Void) {
    self.request(done) { context in
      withACL(acl) { acl, aclCount in
        czk_set_acl(self.pointer, path, version, acl, aclCount, completionAnswered, context)
      }
    }
  }

  /// Makes the server catch up with its leader.
  package func sync(_ path: String, _ done: @escaping @Sendable (ZooKeeperCode) -> Void) {
    self.request(done) { czk_sync(self.pointer, path, completionAnswered, $0) }
  }
}
