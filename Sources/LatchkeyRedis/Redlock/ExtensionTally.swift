/// Counts what the servers answered to one request that extends several leases.
package struct ExtensionTally: Sendable {
  private let quorum: Int
  private let nodes: Int
  private var extended: [Int]
  private var lost: [Int]
  private var answers: [ExtensionAnswer?]
  private var heard = 0

  /// - Parameters:
  ///   - nodes: How many servers were asked.
  ///   - leases: How many leases the request names.
  package init(nodes: Int, leases: Int) {
    self.nodes = nodes
    self.quorum = nodes / 2 + 1
    self.extended = Array(repeating: 0, count: leases)
    self.lost = Array(repeating: 0, count: leases)
    self.answers = Array(repeating: nil, count: leases)
  }

  /// Counts what one server answered.
  ///
  /// - Parameter votes: True for each lease that it extended, false for each whose key is gone or another's, nil where it
  ///   cannot be believed; nil if it did not answer.
  /// - Returns: The leases that are decided by this, and how.
  package mutating func count(_ votes: [Bool?]?) -> [(lease: Int, answer: ExtensionAnswer)] {
    self.heard += 1
    for (index, vote) in (votes ?? []).enumerated() where index < self.answers.count {
      if vote == true { self.extended[index] += 1 }
      if vote == false { self.lost[index] += 1 }
    }
    return self.decide(isLast: self.heard == self.nodes)
  }

  /// Decides what is left: those who have not answered by now are not waited for.
  package mutating func close() -> [(lease: Int, answer: ExtensionAnswer)] { self.decide(isLast: true) }

  private mutating func decide(isLast: Bool) -> [(lease: Int, answer: ExtensionAnswer)] {
    var decided: [(lease: Int, answer: ExtensionAnswer)] = []
    for index in self.answers.indices where self.answers[index] == nil {
      let answer: ExtensionAnswer
      if self.extended[index] >= self.quorum {
        answer = .extended
      } else if self.lost[index] > self.nodes - self.quorum {
        // A quorum can no longer be ours.
        answer = .lost
      } else if isLast {
        answer = .unknown
      } else {
        continue
      }
      self.answers[index] = answer
      decided.append((index, answer))
    }
    return decided
  }
}
