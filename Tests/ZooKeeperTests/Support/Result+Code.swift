import ZooKeeper

extension Result where Failure == ZooKeeperError {
  /// `ok`, or the error's code.
  var code: ZooKeeperCode {
    switch self {
    case .success: .ok
    case .failure(let error): error.code
    }
  }
}
