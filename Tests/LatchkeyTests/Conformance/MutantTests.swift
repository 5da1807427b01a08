import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Broken locks", .timeLimit(.minutes(10)))
  struct MutantTests {
    /// So many are checked at once: they wait most of the time.
    private static let groupSize = 6

    private static let groups = stride(from: 0, to: Mutation.allCases.count, by: groupSize).map {
      Array(Mutation.allCases[$0..<min($0 + groupSize, Mutation.allCases.count)])
    }

    @Test(
      "a broken lock fails the checks meant for it, and passes the others of the promise it breaks",
      arguments: Self.groups
    )
    func areCaught(_ mutations: [Mutation]) async {
      await withDiscardingTaskGroup { group in
        for mutation in mutations { group.addTask { await Self.expectCaught(mutation) } }
      }
    }

    @Test("the beginnings by which the checks are named each mean one check", arguments: Mutation.allCases)
    func beginningsAreUnique(_ mutation: Mutation) {
      let names = mutation.checks.filter { $0.promise == mutation.promise }.map(\.name)
      #expect(!mutation.mustFail.isEmpty)
      for beginning in mutation.mustFail { #expect(names.count { $0.hasPrefix(beginning) } == 1, "\(beginning) …") }
    }

    private static func expectCaught(_ mutation: Mutation) async {
      // On a machine that stalls for a second a lock looks more broken than it is. The mutants do the same each time: what is
      // seen again, with more time, is true.
      guard await !Self.problems(with: mutation, patience: .seconds(4), slack: .milliseconds(600)).isEmpty else {
        return
      }
      for problem in await Self.problems(with: mutation, patience: .seconds(12), slack: .seconds(2)) {
        Issue.record("\(mutation): \(problem)")
      }
    }

    /// - Returns: What the checks of the promise that the mutation breaks did not say, and what they said and should not have.
    private static func problems(with mutation: Mutation, patience: Duration, slack: Duration) async -> [String] {
      let failures = await withTaskGroup(of: ConformanceFailure?.self) { group in
        for check in mutation.checks where check.promise == mutation.promise {
          group.addTask {
            // A server of its own for each check, so that one check's faults are not another's.
            var subject = mutation.subject
            (subject.patience, subject.slack) = (patience, slack)
            return await Self.failure(of: LockConformance(subject: subject), in: check)
          }
        }
        var failures: [ConformanceFailure] = []
        for await case let failure? in group { failures.append(failure) }
        return failures
      }
      let missed = mutation.mustFail.filter { beginning in !failures.contains { $0.check.name.hasPrefix(beginning) } }
      let tolerated = mutation.mustFail + mutation.mayFail
      let unexpected = failures.filter { failure in !tolerated.contains { failure.check.name.hasPrefix($0) } }
      return missed.map { "not caught by: \($0) …" } + unexpected.map { "caught by another check: \($0)" }
    }

    private static func failure(
      of conformance: LockConformance,
      in check: LockConformance.Check
    ) async -> ConformanceFailure? {
      do {
        _ = try await conformance.run(check)
        return nil
      } catch {
        return error
      }
    }
  }
}
