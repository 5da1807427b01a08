#if Etcd
internal import Latchkey
internal import LatchkeyEtcd

extension EtcdBackend: LookableBackend {
  func withInspector<Result: Sendable>(
    at url: LockURL,
    _ body: @Sendable (any LockInspector) async throws -> Result
  ) async throws -> Result {
    do {
      let inspector = try EtcdLockInspector(self.configuration(of: url))
      defer { inspector.close() }
      return try await body(inspector)
    } catch let error as EtcdError {
      throw Self.failure(error)
    }
  }

  func check(_ url: LockURL, tick: Duration?) async throws -> [Finding] {
    do throws(EtcdError) {
      let survey = try await EtcdSurvey(asking: self.configuration(of: url))
      return EtcdJudgement(state: EtcdState(survey)).findings
    } catch {
      throw Self.failure(error)
    }
  }
}

extension EtcdState {
  init(_ survey: EtcdSurvey) {
    self.init(
      members: survey.members.map { member in
        EtcdMember(
          server: member.endpoint,
          version: member.version,
          id: member.id,
          cluster: member.cluster,
          hasLeader: member.hasLeader,
          isLearner: member.isLearner,
          failure: member.failure
        )
      },
      voters: survey.voters,
      alarms: survey.alarms?.map { alarm in
        switch alarm {
        case .noSpace: .noSpace
        case .corrupt: .corrupt
        case .other: .other
        }
      },
      asksForUsers: survey.asksForUsers
    )
  }
}
#endif
