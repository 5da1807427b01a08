internal import CZooKeeper

/// What the C client is given for a request: the closure that its answer goes to, retained until then.
final class Completion: Sendable {
  private let handle: @Sendable (czk_reply) -> Void

  init(_ handle: @escaping @Sendable (czk_reply) -> Void) {
    self.handle = handle
  }

  /// Makes a request that is answered by calling a closure once.
  ///
  /// - Returns: The C client's code: if it is not 0, the request was refused and the closure will not be called.
  static func submit(
    _ handle: @escaping @Sendable (czk_reply) -> Void,
    _ request: (UnsafeMutableRawPointer) -> Int32
  ) -> ZooKeeperCode {
    let context = Unmanaged.passRetained(Completion(handle))
    let code = request(context.toOpaque())
    if code != 0 { context.release() }
    return ZooKeeperCode(rawValue: code)
  }

  fileprivate static func answer(_ context: UnsafeMutableRawPointer?, _ reply: UnsafePointer<czk_reply>) {
    guard let context else { return }
    // Balances `submit`: the shim answers every accepted request exactly once.
    Unmanaged<Completion>.fromOpaque(context).takeRetainedValue().handle(reply.pointee)
  }
}

/// The one C function that all answers come to. Not a closure: one written where an actor is inferred would trap on the C
/// client's threads.
nonisolated func completionAnswered(_ context: UnsafeMutableRawPointer?, _ reply: UnsafePointer<czk_reply>) {
  Completion.answer(context, reply)
}

extension czk_reply {
  var code: ZooKeeperCode { ZooKeeperCode(rawValue: self.rc) }

  var statValue: Stat? { self.stat.map { Stat($0.pointee) } }

  var bytes: [UInt8] {
    guard let data = self.data, self.data_length > 0 else { return [] }
    return [UInt8](UnsafeRawBufferPointer(start: data, count: Int(self.data_length)))
  }

  var nameValues: [String] { strings(self.names, Int(self.name_count)) }

  var aclValues: [ACL] {
    guard let acl = self.acl else { return [] }
    return UnsafeBufferPointer(start: acl, count: Int(self.acl_count)).map { entry in
      ACL(.init(rawValue: entry.permissions), scheme: String(cString: entry.scheme), id: String(cString: entry.id))
    }
  }
}

func strings(_ pointer: UnsafePointer<UnsafePointer<CChar>?>?, _ count: Int) -> [String] {
  guard let pointer, count > 0 else { return [] }
  return UnsafeBufferPointer(start: pointer, count: count).compactMap { name in name.map { String(cString: $0) } }
}

/// Lends an access control list to a C call. Everybody-may-all is by far the most frequent and needs no memory.
func withACL<R>(_ acl: [ACL], _ body: (UnsafePointer<czk_acl>?, Int32) -> R) -> R {
  if acl == .open { return body(nil, 0) }
  return withCStrings(acl.flatMap { [$0.scheme, $0.id] } + [""]) { strings in
    let entries = acl.indices.map { index in
      czk_acl(permissions: acl[index].permissions.rawValue, scheme: strings[2 * index], id: strings[2 * index + 1])
    }
    // One more than there are, so that no entries at all is not taken for no list: the server then says what is wrong.
    let nothing = strings[2 * acl.count]
    let padded = entries + [czk_acl(permissions: 0, scheme: nothing, id: nothing)]
    return padded.withUnsafeBufferPointer { body($0.baseAddress, Int32(entries.count)) }
  }
}

/// Lends C strings, at least one, that all live until the body returns.
func withCStrings<R>(_ strings: [String], _ body: ([UnsafePointer<CChar>]) -> R) -> R {
  var bytes: [CChar] = []
  var offsets: [Int] = []
  for string in strings {
    offsets.append(bytes.count)
    bytes.append(contentsOf: string.utf8.map { CChar(bitPattern: $0) })
    bytes.append(0)
  }
  return bytes.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { preconditionFailure("there is at least one string") }
    return body(offsets.map { base + $0 })
  }
}
