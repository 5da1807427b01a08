#if Etcd
internal import EtcdAPI
internal import SwiftProtobuf

/// What every answer has: it says which cluster it comes from.
protocol EtcdAnswer: SwiftProtobuf.Message {
  var header: EtcdResponseHeader { get }
}

extension EtcdTxnResponse: EtcdAnswer {}
extension EtcdRangeResponse: EtcdAnswer {}
extension EtcdLeaseGrantResponse: EtcdAnswer {}
extension EtcdLeaseRevokeResponse: EtcdAnswer {}
extension EtcdLeaseKeepAliveResponse: EtcdAnswer {}
extension EtcdLeaseTimeToLiveResponse: EtcdAnswer {}
extension EtcdMemberListResponse: EtcdAnswer {}
extension EtcdStatusResponse: EtcdAnswer {}
extension EtcdAlarmResponse: EtcdAnswer {}
extension EtcdWatchResponse: EtcdAnswer {}
extension EtcdAuthenticateResponse: EtcdAnswer {}

/// One call of the interface: its name, and the messages that it takes and gives.
struct EtcdMethod<Request: SwiftProtobuf.Message, Response: EtcdAnswer>: Sendable {
  let path: String

  init(_ service: String, _ method: String) {
    self.path = "/etcdserverpb.\(service)/\(method)"
  }
}

/// The calls that Latchkey makes.
enum EtcdMethods {
  static let txn = EtcdMethod<EtcdTxnRequest, EtcdTxnResponse>("KV", "Txn")
  static let range = EtcdMethod<EtcdRangeRequest, EtcdRangeResponse>("KV", "Range")
  static let leaseGrant = EtcdMethod<EtcdLeaseGrantRequest, EtcdLeaseGrantResponse>("Lease", "LeaseGrant")
  static let leaseRevoke = EtcdMethod<EtcdLeaseRevokeRequest, EtcdLeaseRevokeResponse>("Lease", "LeaseRevoke")
  static let leaseKeepAlive = EtcdMethod<EtcdLeaseKeepAliveRequest, EtcdLeaseKeepAliveResponse>(
    "Lease",
    "LeaseKeepAlive"
  )
  static let leaseTimeToLive = EtcdMethod<EtcdLeaseTimeToLiveRequest, EtcdLeaseTimeToLiveResponse>(
    "Lease",
    "LeaseTimeToLive"
  )
  static let memberList = EtcdMethod<EtcdMemberListRequest, EtcdMemberListResponse>("Cluster", "MemberList")
  static let status = EtcdMethod<EtcdStatusRequest, EtcdStatusResponse>("Maintenance", "Status")
  static let alarm = EtcdMethod<EtcdAlarmRequest, EtcdAlarmResponse>("Maintenance", "Alarm")
  static let watch = EtcdMethod<EtcdWatchRequest, EtcdWatchResponse>("Watch", "Watch")
  static let authenticate = EtcdMethod<EtcdAuthenticateRequest, EtcdAuthenticateResponse>("Auth", "Authenticate")
}
#endif
