import LatchkeyTesting
import Testing

extension TimedTests {
  @Suite("Broken locks", .timeLimit(.minutes(10)))
  struct MutantTests {
    @Test(
      "a broken lock fails the checks meant for it, and passes the others of the promise it breaks",
      arguments: Mutation.allCases
    )
    func isCaught(_ mutation: Mutation) async {
      let failures = await withTaskGroup(of: ConformanceFailure?.self) { group in
        for check in LockConformance.checks where check.promise == mutation.promise {
          group.addTask { await Self.failure(of: mutation, in: check) }
        }
        var failures: [ConformanceFailure] = []
        for await case let failure? in group { failures.append(failure) }
        return failures
      }
      for beginning in mutation.mustFail {
        #expect(failures.contains { $0.check.name.hasPrefix(beginning) }, "not caught by: \(beginning) …")
      }
      let tolerated = mutation.mustFail + mutation.mayFail
      for failure in failures {
        #expect(tolerated.contains { failure.check.name.hasPrefix($0) }, "caught by another check: \(failure)")
      }
    }

    @Test("the beginnings by which the checks are named each mean one check", arguments: Mutation.allCases)
    func beginningsAreUnique(_ mutation: Mutation) {
      let names = LockConformance.checks.filter { $0.promise == mutation.promise }.map(\.name)
      #expect(!mutation.mustFail.isEmpty)
      for beginning in mutation.mustFail { #expect(names.count { $0.hasPrefix(beginning) } == 1, "\(beginning) …") }
    }

    private static func failure(of mutation: Mutation, in check: LockConformance.Check) async -> ConformanceFailure? {
      // A server of its own for each check, so that one check's faults are not another's.
      var subject = LockSubject.simulated(mutation, isFenced: mutation != .inventsTokens)
      subject.patience = .seconds(4)
      subject.slack = .milliseconds(600)
      do {
        _ = try await LockConformance(subject: subject).run(check)
        return nil
      } catch {
        return error
      }
    }
  }
}
