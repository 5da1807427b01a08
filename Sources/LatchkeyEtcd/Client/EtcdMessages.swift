#if Etcd
internal import EtcdAPI

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

// The messages in the words of their use.

extension EtcdWatchCreateRequest {
  init(_ target: WatchTable.Target) {
    self.init()
    switch target {
    case .deletion(let key):
      self.key = Data(key)
      self.filters = [.noput]
    case .prefix(let prefix):
      self.key = Data(prefix)
      self.rangeEnd = Data(LockKeys.end(ofPrefix: prefix))
    }
  }
}

extension EtcdKeyValue {
  var keyBytes: [UInt8] { Array(self.key) }

  var text: String { String(decoding: self.value, as: UTF8.self) }
}

extension EtcdCompare {
  /// The key was created at this revision; 0 if it must not exist.
  static func created(_ key: [UInt8], at revision: Int64) -> EtcdCompare {
    var compare = EtcdCompare()
    compare.target = .create
    compare.key = Data(key)
    compare.createRevision = revision
    return compare
  }

  /// No key has the prefix.
  static func noKey(withPrefix prefix: [UInt8]) -> EtcdCompare {
    var compare = Self.created(prefix, at: 0)
    compare.rangeEnd = Data(LockKeys.end(ofPrefix: prefix))
    return compare
  }
}

extension EtcdRangeRequest {
  enum Order {
    case oldest
    case newest
  }

  static func key(_ key: [UInt8], withValue: Bool = false) -> EtcdRangeRequest {
    var range = EtcdRangeRequest()
    range.key = Data(key)
    range.keysOnly = !withValue
    return range
  }

  /// Keys with a prefix in the order of their creation.
  static func prefix(
    _ prefix: [UInt8],
    _ order: Order,
    limit: Int64 = 0,
    createdBefore revision: Int64? = nil,
    withValue: Bool = false
  ) -> EtcdRangeRequest {
    var range = Self.key(prefix, withValue: withValue)
    range.rangeEnd = Data(LockKeys.end(ofPrefix: prefix))
    range.sortTarget = .create
    range.sortOrder = order == .oldest ? .ascend : .descend
    range.limit = limit
    if let revision { range.maxCreateRevision = revision - 1 }
    return range
  }
}

extension EtcdRequestOp {
  /// - Parameter lease: The lease to bind the key to; nil to leave it with the one it has.
  static func put(_ key: [UInt8], _ value: [UInt8], lease: Int64?) -> EtcdRequestOp {
    var put = EtcdPutRequest()
    put.key = Data(key)
    put.value = Data(value)
    if let lease { put.lease = lease } else { put.ignoreLease = true }
    var operation = EtcdRequestOp()
    operation.requestPut = put
    return operation
  }

  static func range(_ range: EtcdRangeRequest) -> EtcdRequestOp {
    var operation = EtcdRequestOp()
    operation.requestRange = range
    return operation
  }

  /// The same read, of what the member that is asked has of the store.
  var local: EtcdRequestOp {
    var operation = self
    operation.requestRange.serializable = true
    return operation
  }

  static func delete(_ key: [UInt8]) -> EtcdRequestOp {
    var delete = EtcdDeleteRangeRequest()
    delete.key = Data(key)
    var operation = EtcdRequestOp()
    operation.requestDeleteRange = delete
    return operation
  }
}

extension EtcdTxnRequest {
  init(if compare: [EtcdCompare] = [], then success: [EtcdRequestOp], else failure: [EtcdRequestOp] = []) {
    self.init()
    self.compare = compare
    self.success = success
    self.failure = failure
  }
}

extension EtcdTxnResponse {
  /// The keys that an operation read; none if it is not there or was no read.
  func read(_ index: Int) -> EtcdRangeResponse {
    index < self.responses.count ? self.responses[index].responseRange : EtcdRangeResponse()
  }
}
#endif
