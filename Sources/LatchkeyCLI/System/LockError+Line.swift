internal import Latchkey

extension LockError {
  /// The error as this command tells it: as its description, but with the digits of a time that mean something.
  ///
  /// - Parameter waited: Whether the call waited at all; a single try that found the lock held did not.
  func line(waited hasWaited: Bool = true) -> String {
    var error = self
    if !hasWaited, self.code == .timedOut {
      error.message = "somebody else holds the lock; leave out --try, give it time with --wait, or look at who holds it"
    }
    guard var wait = self.wait else { return error.description }
    var facts: [String] = []
    if hasWaited, let time = wait.waited {
      facts = ["waited \(Figures.time(microseconds: Double(time.nanoseconds) / 1000))"]
    }
    wait.waited = nil
    let votes = wait.votes
    wait.votes = [:]
    if !wait.description.isEmpty { facts.insert(wait.description, at: 0) }
    let answers = Wait(votes: votes).description
    if !answers.isEmpty { facts.append(answers) }
    error.wait = nil
    let underlying = error.underlying.map { ": \($0)" } ?? ""
    error.underlying = nil
    return error.description + (facts.isEmpty ? "" : " (\(facts.joined(separator: ", ")))") + underlying
  }
}
