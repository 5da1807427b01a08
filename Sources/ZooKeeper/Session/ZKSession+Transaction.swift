internal import CZooKeeper

/// Why a transaction was not carried out.
package struct TransactionFailure: Error {
  package var error: ZooKeeperError
  /// The first operation that failed, counted from 0; nil if the servers have not said so.
  package var operation: Int?
}

extension ZKSession {
  /// Carries out all operations or none, in one request.
  ///
  /// - Parameters:
  ///   - operations: What to do, in order: at least one, and each has passed its ``ZooKeeperClient/Operation/check()``.
  ///   - defaultACL: The access control list of nodes that are created without one.
  ///   - done: Called once, with a result for each operation.
  package func transaction(
    _ operations: [ZooKeeperClient.Operation],
    defaultACL: [ACL],
    _ done: @escaping @Sendable (Result<[ZooKeeperClient.OperationResult], TransactionFailure>) -> Void
  ) {
    let size = operations.reduce(0) { $0 + $1.path.utf8.count + $1.data.count + $1.wireSize(defaultACL) }
    if let error = self.refusal(ofSize: size, "transaction", nil) {
      return Self.later { done(.failure(TransactionFailure(error: error))) }
    }
    guard self.reserve(operations) else {
      return Self.later { done(.failure(TransactionFailure(error: Self.tooManyWatches("transaction", nil)))) }
    }
    let code = Completion.submit { reply in
      let outcome = Self.outcome(of: operations, reply)
      self.settle(operations, outcome)
      done(outcome)
    } _: { context in
      withSpecs(operations, defaultACL: defaultACL) { specs in
        guard let first = specs.baseAddress else { preconditionFailure("a transaction has at least one operation") }
        return czk_multi(self.pointer, first, Int32(specs.count), completionAnswered, context)
      }
    }
    guard code != .ok else { return }
    let failure = TransactionFailure(error: ZooKeeperError(code, operation: "transaction"))
    self.settle(operations, .failure(failure))
    Self.later { done(.failure(failure)) }
  }

  /// Reserves room for the ephemeral nodes of a transaction: for all or for none.
  private func reserve(_ operations: [ZooKeeperClient.Operation]) -> Bool {
    for (index, operation) in operations.enumerated() where operation.mode.isEphemeral {
      guard !self.reserveEphemeral(operation.path, isSequential: operation.mode.isSequential) else { continue }
      self.settle(Array(operations[..<index]), nil)
      return false
    }
    return true
  }

  private func settle(
    _ operations: [ZooKeeperClient.Operation],
    _ outcome: Result<[ZooKeeperClient.OperationResult], TransactionFailure>?
  ) {
    let results: [ZooKeeperClient.OperationResult]? = if case .success(let results) = outcome { results } else { nil }
    for (index, operation) in operations.enumerated() {
      if operation.mode.isEphemeral {
        let created: String? = if case .created(let path) = results?[index] { path } else { nil }
        self.settleEphemeral(operation.path, isSequential: operation.mode.isSequential, created: created)
      } else if results != nil, operation.cKind == CZK_OP_DELETE {
        self.learned(operation.path, owner: nil)
      }
    }
  }

  private static func outcome(
    of operations: [ZooKeeperClient.Operation],
    _ reply: czk_reply
  ) -> Result<[ZooKeeperClient.OperationResult], TransactionFailure> {
    let results = Array(UnsafeBufferPointer(start: reply.results, count: Int(reply.result_count)))
    guard reply.rc == 0 else {
      // Operations before the one that failed have the code 0, those after it "runtime inconsistency".
      let index = results.firstIndex { $0.rc != 0 }
      // Where there is no answer, the C client gives all of them the same code.
      let isAnswered = results.contains { $0.rc != reply.rc } || (results.count == 1 && !reply.code.isInDoubt)
      guard isAnswered, let index, results[index].rc == reply.rc else {
        return .failure(TransactionFailure(error: ZooKeeperError(reply.code, operation: "transaction")))
      }
      let error = ZooKeeperError(
        reply.code,
        operation: "transaction",
        path: operations[index].path,
        detail: "operation \(index + 1) of \(operations.count) failed: \(reply.code)"
      )
      return .failure(TransactionFailure(error: error, operation: index))
    }
    return .success(
      results.map { result in
        if result.has_stat { return .set(Stat(result.stat)) }
        return result.path.map { .created(path: String(cString: $0)) } ?? .done
      }
    )
  }
}

extension ZooKeeperClient.Operation {
  fileprivate var cKind: Int32 {
    switch self.kind {
    case .create: Int32(CZK_OP_CREATE)
    case .delete: Int32(CZK_OP_DELETE)
    case .set: Int32(CZK_OP_SET)
    case .check: Int32(CZK_OP_CHECK)
    }
  }

  /// How many bytes the operation has besides path and data.
  fileprivate func wireSize(_ defaultACL: [ACL]) -> Int {
    guard case .create(_, _, let acl) = self.kind else { return 16 }
    return 16 + (acl ?? defaultACL).wireSize
  }

  fileprivate var mode: CreateMode {
    if case .create(_, let mode, _) = self.kind { mode } else { .persistent }
  }

  fileprivate var data: [UInt8] {
    switch self.kind {
    case .create(let data, _, _), .set(let data): data
    case .delete, .check: []
    }
  }
}

/// Lends operations to the shim: everything they point to lives until the body returns.
private func withSpecs<R>(
  _ operations: [ZooKeeperClient.Operation],
  defaultACL: [ACL],
  _ body: (UnsafeBufferPointer<czk_op_spec>) -> R
) -> R {
  // Everything goes into one buffer first, since pointers into it can be taken only when it grows no more.
  var bytes: [UInt8] = []
  func add(_ new: some Sequence<UInt8>) -> Int {
    defer { bytes += new }
    return bytes.count
  }
  func add(_ string: String) -> Int { add(Array(string.utf8) + [0]) }

  var entries: [(permissions: Int32, scheme: Int, id: Int)] = []
  var places: [(path: Int, data: Int, acl: Int, aclCount: Int)] = []
  for operation in operations {
    var acl: [ACL] = []
    if case .create(_, _, let itsACL) = operation.kind { acl = itsACL ?? defaultACL }
    places.append((add(operation.path), add(operation.data), entries.count, acl.count))
    for entry in acl { entries.append((entry.permissions.rawValue, add(entry.scheme), add(entry.id))) }
  }
  return bytes.withUnsafeBytes { buffer in
    func string(_ offset: Int) -> UnsafePointer<CChar> {
      guard let base = buffer.baseAddress else { preconditionFailure("there is at least one path") }
      return (base + offset).assumingMemoryBound(to: CChar.self)
    }
    let acl = entries.map { czk_acl(permissions: $0.permissions, scheme: string($0.scheme), id: string($0.id)) }
    return acl.withUnsafeBufferPointer { acl in
      let specs = zip(operations, places).map { operation, place in
        czk_op_spec(
          kind: operation.cKind,
          mode: operation.mode.rawValue,
          version: operation.version,
          data_length: Int32(operation.data.count),
          path: string(place.path),
          data: string(place.data),
          acl: acl.baseAddress.map { $0 + place.acl },
          acl_count: Int32(place.aclCount)
        )
      }
      return specs.withUnsafeBufferPointer(body)
    }
  }
}
