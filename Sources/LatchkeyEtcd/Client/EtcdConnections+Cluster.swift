#if Etcd
internal import EtcdAPI
internal import Latchkey
internal import LatchkeyPrimitives
internal import Logging

/// All endpoints must be members of one cluster: two clients that reach different ones do not exclude each other.
extension EtcdConnections {
  /// Refuses a member of another cluster than the first that was reached, and one without a vote, before anything is asked of it.
  func admit(_ connection: EtcdConnection, timeout: Duration) async throws(EtcdError) {
    let status: EtcdStatusResponse
    do throws(EtcdError) {
      status = try await connection.call(EtcdMethods.status, EtcdStatusRequest(), token: nil, timeout: timeout)
    } catch {
      guard !error.isInDoubt else { throw error }
      // The member does not say yet: servers may require authentication first. Later answers name the cluster.
      return
    }
    try self.expectOurCluster(status.header, from: connection.endpoint)
    guard status.isLearner, !self.admitsLearners else { return }
    // It answers little, and refuses the rest until it has a vote.
    throw EtcdError(
      .unreachable,
      "\(connection.endpoint) is a learner, which serves no locks; name members that vote, or promote it"
    )
  }

  /// Makes sure that an answer comes from our cluster, which the first answer decides on.
  ///
  /// - Throws: ``EtcdError`` with code ``EtcdError/Code/unreachable``, and says it in the log.
  func expectOurCluster(_ header: EtcdResponseHeader, from endpoint: EtcdEndpoint) throws(EtcdError) {
    let cluster = header.clusterID
    guard cluster != 0 else { return }
    let ours = self.state.withLock { state in
      if state.cluster == nil { state.cluster = cluster }
      return state.cluster
    }
    guard let ours, ours != cluster else { return }
    let error = EtcdError(
      .unreachable,
      """
      \(endpoint) belongs to another cluster (\(String(cluster, radix: 16)), not \(String(ours, radix: 16))) \
      and is not used; name members of one cluster only
      """
    )
    self.configuration.logger.error(
      "an endpoint belongs to another cluster; locks there and here do not exclude each other",
      metadata: ["etcd.endpoint": "\(endpoint)", "error": "\(error)"]
    )
    throw error
  }

  /// Looks once at the members that are not in use, so that a stranger among them is told at the start and not at the first
  /// outage. One that cannot be reached now is looked at when it is needed.
  func lookAtOthers(than present: EtcdEndpoint) async {
    for endpoint in self.endpoints where endpoint != present && !self.state.withLock({ $0.isClosed }) {
      do throws(EtcdError) {
        try await self.open(endpoint).close()
      } catch {
        self.state.withLock { $0.failures[endpoint] = error }
      }
    }
  }
}
#endif
