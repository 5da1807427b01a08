internal import CZooKeeper

// Several requests that go out together, next to each other on the wire, and are answered as one.

/// What became of a create and the list that followed it in the same flight.
package struct CreateAndScanReply: Sendable {
  /// The new node's name without its directory, and the transaction that created it.
  package var create: Result<(name: String, czxid: Int64), ZooKeeperError>
  /// The list; it holds the new node if both succeeded.
  package var scan: Result<SequenceScan, ZooKeeperError>
}

extension ZKSession {
  /// Creates an ephemeral sequential node and lists its directory in one flight.
  ///
  /// - Parameters:
  ///   - directory: The node's directory.
  ///   - prefix: The path of the new node, to which the server appends its number.
  ///   - data: The node's data.
  ///   - acl: The node's access control list.
  ///   - matchPrefix: Names that start with this are listed in ``SequenceScan/matches``.
  ///   - markers: Which nodes count, and which of them block.
  ///   - done: Called once, with both answers.
  package func createAndScan(
    directory: String,
    prefix: String,
    data: [UInt8],
    acl: [ACL],
    matchPrefix: String? = nil,
    markers: SequenceMarkers,
    _ done: @escaping @Sendable (CreateAndScanReply) -> Void
  ) {
    let refusal =
      self.refusal(ofSize: prefix.utf8.count + data.count + acl.wireSize, "create", prefix)
      ?? (self.reserveEphemeral(prefix, isSequential: true) ? nil : Self.tooManyWatches("create", prefix))
    if let refusal {
      return Self.later { done(CreateAndScanReply(create: .failure(refusal), scan: .failure(refusal))) }
    }
    let code = Completion.submit { reply in
      let created = reply.rc == 0 ? reply.path.map { String(cString: $0) } : nil
      self.settleEphemeral(prefix, isSequential: true, created: created)
      done(CreateAndScanReply(reply, created: created, directory: directory, prefix: prefix, markers))
    } _: { context in
      withACL(acl) { acl, aclCount in
        data.withUnsafeBytes { bytes in
          withOptionalCString(matchPrefix) { matchPrefix in
            markers.withShim { markers in
              czk_create_and_scan(
                self.pointer,
                directory,
                prefix,
                bytes.baseAddress,
                Int32(bytes.count),
                acl,
                aclCount,
                matchPrefix,
                markers,
                completionAnswered,
                context
              )
            }
          }
        }
      }
    }
    guard code != .ok else { return }
    self.settleEphemeral(prefix, isSequential: true, created: nil)
    Self.later {
      let error = ZooKeeperError(code, operation: "create", path: prefix)
      done(CreateAndScanReply(create: .failure(error), scan: .failure(error)))
    }
  }

  /// Looks at the sequential nodes of a directory.
  ///
  /// - Parameters:
  ///   - directory: The directory.
  ///   - own: The name of our own node in it.
  ///   - matchPrefix: Names that start with this are listed in ``SequenceScan/matches``.
  ///   - markers: Which nodes count, and which of them block.
  ///   - sync: Whether the server must first catch up with its leader, in the same flight.
  ///   - done: Called once.
  package func scan(
    directory: String,
    own: String?,
    matchPrefix: String?,
    markers: SequenceMarkers,
    sync: Bool,
    _ done: @escaping @Sendable (Result<SequenceScan, ZooKeeperError>) -> Void
  ) {
    let code = Completion.submit { reply in
      if reply.rc == 0, let scan = reply.scan {
        done(.success(SequenceScan(scan.pointee, markers)))
      } else {
        done(.failure(ZooKeeperError(reply.code, operation: "children", path: directory)))
      }
    } _: { context in
      withOptionalCString(own) { own in
        withOptionalCString(matchPrefix) { prefix in
          markers.withShim { markers in
            czk_scan_directory(self.pointer, directory, own, prefix, markers, sync, completionAnswered, context)
          }
        }
      }
    }
    guard code != .ok else { return }
    Self.later { done(.failure(ZooKeeperError(code, operation: "children", path: directory))) }
  }
}

extension CreateAndScanReply {
  /// - Parameter path: The new node's; nil if there is none.
  fileprivate init(
    _ reply: czk_reply,
    created path: String?,
    directory: String,
    prefix: String,
    _ markers: SequenceMarkers
  ) {
    if let path, let stat = reply.stat {
      self.create = .success((NodePath.lastComponent(of: path), stat.pointee.czxid))
    } else {
      self.create = .failure(ZooKeeperError(reply.code, operation: "create", path: prefix))
    }
    if reply.scan_rc == 0, let scan = reply.scan {
      self.scan = .success(SequenceScan(scan.pointee, markers))
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
