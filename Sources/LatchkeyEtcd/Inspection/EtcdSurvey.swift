#if Etcd
internal import EtcdAPI
internal import Latchkey

/// What the members of a cluster say about themselves, each asked by itself.
package struct EtcdSurvey: Sendable {
  /// One endpoint.
  package struct Member: Sendable {
    package var endpoint: String
    package var version = ""
    package var id: UInt64 = 0
    package var cluster: UInt64 = 0
    package var hasLeader = false
    /// Whether it has no vote yet, and serves next to nothing.
    package var isLearner = false
    /// Why there is no answer.
    package var failure: String?
  }

  package enum Alarm: Sendable {
    case noSpace
    case corrupt
    case other
  }

  /// In the order of the endpoints.
  package var members: [Member] = []
  /// How many members have a vote; nil if that could not be read.
  package var voters: Int?
  /// Nil if they could not be read.
  package var alarms: [Alarm]?
  /// Whether users and passwords are asked for; nil if that could not be found out.
  package var asksForUsers: Bool?
}

extension EtcdSurvey {
  /// Asks every member. Leaves nothing behind.
  ///
  /// - Throws: ``EtcdError`` if no member answers.
  package init(asking configuration: EtcdClient.Configuration) async throws(EtcdError) {
    try configuration.validate()
    self.init()
    let answers = await withTaskGroup(of: (Int, Result<Member, EtcdError>).self) { group in
      for (place, endpoint) in configuration.endpoints.enumerated() {
        group.addTask { (place, await Self.member(endpoint, configuration)) }
      }
      return await group.reduce(into: []) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
    }
    var failures: [EtcdError] = []
    for (endpoint, answer) in zip(configuration.endpoints, answers) {
      switch answer {
      case .success(let member): self.members.append(member)
      case .failure(let error):
        failures.append(error)
        self.members.append(Member(endpoint: endpoint, failure: error.message))
      }
    }
    if failures.count == answers.count, let failure = failures.first { throw failure }
    let reader = try EtcdReader(configuration)
    defer { reader.close() }
    if let list = await Self.permitted(EtcdMethods.memberList, EtcdMemberListRequest(), reader) {
      self.voters = list.members.count { !$0.isLearner }
    }
    if let answer = await Self.permitted(EtcdMethods.alarm, EtcdAlarmRequest(), reader) {
      self.alarms = answer.alarms.map { alarm in
        switch alarm.alarm {
        case .nospace: .noSpace
        case .corrupt: .corrupt
        default: .other
        }
      }
    }
    self.asksForUsers = try await Self.asksForUsers(configuration)
  }

  private static func member(
    _ endpoint: String,
    _ configuration: EtcdClient.Configuration
  ) async -> Result<Member, EtcdError> {
    var configuration = configuration
    configuration.endpoints = [endpoint]
    do throws(EtcdError) {
      let reader = try EtcdReader(configuration, admitsLearners: true)
      defer { reader.close() }
      let status = try await reader.read(EtcdMethods.status, EtcdStatusRequest())
      return .success(
        Member(
          endpoint: endpoint,
          version: status.version,
          id: status.header.memberID,
          cluster: status.header.clusterID,
          hasLeader: status.leader != 0,
          isLearner: status.isLearner
        )
      )
    } catch {
      return .failure(error)
    }
  }

  /// Nil if the answer is refused, or does not come: what others say stands all the same.
  private static func permitted<Request, Response>(
    _ method: EtcdMethod<Request, Response>,
    _ request: Request,
    _ reader: EtcdReader
  ) async -> Response? {
    do throws(EtcdError) {
      return try await reader.read(method, request)
    } catch {
      return nil
    }
  }

  /// A read by nobody in particular is refused only where users are asked for.
  private static func asksForUsers(_ configuration: EtcdClient.Configuration) async throws(EtcdError) -> Bool? {
    var configuration = configuration
    configuration.credentials = nil
    let reader = try EtcdReader(configuration)
    defer { reader.close() }
    do throws(EtcdError) {
      // This very key alone, whatever it is: its value is not sent.
      _ = try await reader.read(EtcdMethods.range, .key([0]))
      return false
    } catch {
      return error.code == .notAuthorized ? true : nil
    }
  }
}
#endif
