import LatchkeyExplorer
import LatchkeyTesting
import Testing

@Suite("The explorer")
struct ExplorerTests {
  /// Two clients that look whether a lock is free, and then take it.
  private struct LookThenTake: ExplorationModel {
    enum Phase { case away, saw, holds }

    struct State: Hashable {
      var phases: [Phase] = [.away, .away]
    }

    let start = State()

    func steps(from state: State) -> [Int] { [0, 1] }

    func take(_ client: Int, in state: inout State) throws(BrokenPromise) {
      switch state.phases[client] {
      case .away: if !state.phases.contains(.holds) { state.phases[client] = .saw }
      case .saw: state.phases[client] = .holds
      case .holds: state.phases[client] = .away
      }
    }

    func check(_ state: State) throws(BrokenPromise) {
      if state.phases == [.holds, .holds] { throw BrokenPromise("both hold the lock") }
    }

    func describe(_ client: Int, in state: State) -> String { "client \(client): \(state.phases[client])" }
  }

  @Test("finds a broken promise by the shortest way, and tells it as a numbered story")
  func shortest() throws {
    let exploration = LookThenTake().explore()
    let story = try #require(exploration.story)
    #expect(story.promise == BrokenPromise("both hold the lock"))
    #expect(story.steps.count == 4)
    #expect("\(story)".contains("\n  4. client "))
    #expect("\(exploration)".contains("after 4 steps, both hold the lock"))
  }

  /// Counts up, and may lose its way.
  private struct Counter: ExplorationModel {
    enum Step { case up, fall, climb }

    let top: Int
    let canClimb: Bool
    let start = 0

    func steps(from state: Int) -> [Step] {
      switch state {
      case -1: self.canClimb ? [.climb] : []
      case self.top: []
      default: [.up, .fall]
      }
    }

    func take(_ step: Step, in state: inout Int) throws(BrokenPromise) {
      switch step {
      case .up: state += 1
      case .fall: state = state == self.top / 2 ? -1 : state
      case .climb: state = self.top
      }
    }

    func isFault(_ step: Step, in state: Int) -> Bool { step == .fall }
    func isAtRest(_ state: Int) -> Bool { state == self.top }
  }

  @Test("counts states and transitions, and knows when it has seen all")
  func counts() {
    let exploration = Counter(top: 10, canClimb: true).explore()
    #expect(exploration.isComplete && exploration.story == nil)
    // Whoever has fallen can only climb: that state is passed.
    #expect(exploration.states == 11)
    #expect(exploration.transitions == 20)
    // The fall is a short cut.
    #expect(exploration.depth == 9)
  }

  @Test("says so when it gives up")
  func limit() {
    let exploration = Counter(top: 10_000, canClimb: true).explore(upTo: 100)
    #expect(!exploration.isComplete && exploration.story == nil)
    #expect(exploration.states == 100)
    #expect("\(exploration)".hasSuffix("not complete"))
  }

  @Test("finds who is stuck for ever after a fault")
  func deadEnd() throws {
    let story = try #require(Counter(top: 10, canClimb: false).explore().story)
    #expect(story.steps.count == 6)
    #expect(story.promise.description.hasPrefix("nothing more happens"))
  }

  /// Two rooms with a door that falls shut: one can walk about for ever behind it.
  private struct Rooms: ExplorationModel {
    let start = 0

    func steps(from state: Int) -> [Int] {
      switch state {
      case 0: [1, 2]
      case 1: [1]
      default: [3 - state]
      }
    }

    func take(_ step: Int, in state: inout Int) throws(BrokenPromise) { state = step == 2 ? 3 : step }
    func isAtRest(_ state: Int) -> Bool { state == 3 }
  }

  @Test("finds who goes round in circles and can never rest")
  func circles() throws {
    let story = try #require(Rooms().explore().story)
    #expect(story.steps == ["1"])
    #expect(story.promise.description.hasPrefix("whatever follows, it never comes to rest"))
  }

  @Test("reaches the same states and finds the same mistakes depth first")
  func depthFirst() throws {
    let all = Counter(top: 10, canClimb: true).explore(.depthFirst)
    #expect(all.isComplete && all.story == nil)
    #expect(all.states == 11)
    #expect(all.transitions == 20)
    #expect(LookThenTake().explore(.depthFirst).story?.promise == BrokenPromise("both hold the lock"))
    let deadEnd = Counter(top: 10, canClimb: false).explore(.depthFirst).story?.promise.description
    #expect(deadEnd?.hasPrefix("nothing more happens") == true)
    let circle = Rooms().explore(.depthFirst).story
    #expect(circle?.steps == ["1"])
    #expect(circle?.promise.description.hasPrefix("whatever follows, it never comes to rest") == true)
    #expect(!Counter(top: 10_000, canClimb: true).explore(.depthFirst, upTo: 100).isComplete)
  }

  @Test("takes the same way for the same seed, and finds what is to be found on it")
  func walks() {
    let model = LookThenTake()
    let stories = (0..<20 as Range<UInt64>).map { model.walk(seed: $0, length: 100)?.steps }
    #expect(stories == (0..<20 as Range<UInt64>).map { model.walk(seed: $0, length: 100)?.steps })
    #expect(stories.contains { $0 != nil })
  }

  @Test("takes states for one that differ by names alone")
  func names() {
    func digest(_ names: [UInt64], kind: UInt8 = 1) -> UInt64 {
      var digest = StateDigest()
      for name in names { digest.add(name: name, of: kind) }
      return digest.value
    }
    #expect(digest([7, 9, 7]) == digest([3, 1, 3]))
    #expect(digest([7, 9, 7]) != digest([7, 9, 9]))
  }

  /// Counts to ten, and may turn back, which its digest leaves out or does not.
  private struct ThereAndBack: ExplorationModel {
    struct State: Hashable {
      var place = 0
      var hasTurned = false
    }

    let seesTurns: Bool
    /// Where nobody may be who has turned.
    var forbidden: Int?
    let start = State()

    func check(_ state: State) throws(BrokenPromise) {
      if state.hasTurned, state.place == self.forbidden { throw BrokenPromise("somebody came back") }
    }

    func steps(from state: State) -> [Int] {
      guard !state.hasTurned else { return state.place > 0 ? [-1] : [] }
      return state.place < 10 ? [1, 0] : [0]
    }

    func take(_ step: Int, in state: inout State) throws(BrokenPromise) {
      if step == 0 { state.hasTurned = true }
      state.place += step
    }

    func digest(_ state: State, into digest: inout StateDigest) {
      digest.add(state.place)
      if self.seesTurns { digest.add(state.hasTurned) }
    }

    func describe(_ step: Int, in state: State) -> String { "goes on by \(step)" }
    func describe(_ state: State) -> String { "at \(state.place)\(state.hasTurned ? ", turned" : "")" }
  }

  @Test("finds states that are taken for one though they lead elsewhere, and tells them apart in words")
  func ambiguity() throws {
    #expect(ThereAndBack(seesTurns: true).firstAmbiguity() == nil)
    let ambiguity = try #require(ThereAndBack(seesTurns: false).firstAmbiguity())
    #expect(ambiguity.hasPrefix("taken for one:"))
    #expect(ambiguity.contains(", turned, where only here:"))
    #expect(ambiguity.contains("goes on by 1"))
  }

  @Test("finds states that are taken for one though only one of them breaks a promise")
  func ambiguousPromise() throws {
    #expect(ThereAndBack(seesTurns: true, forbidden: 0).firstAmbiguity() == nil)
    let ambiguity = try #require(ThereAndBack(seesTurns: false, forbidden: 0).firstAmbiguity())
    #expect(ambiguity.contains("at 0, turned, where only here: a promise is broken"))
  }

  @Test("takes mirror images for one, and nothing else")
  func least() {
    func digest(_ colours: [UInt64], links: [(Int, Int)]) -> UInt64 {
      StateDigest.least(among: colours) { order in
        var digest = StateDigest()
        for (one, other) in links {
          digest.add(order.firstIndex(of: one) ?? -1)
          digest.add(order.firstIndex(of: other) ?? -1)
        }
        for index in order { digest.add(colours[index]) }
        return digest.value
      }
    }
    #expect(digest([1, 1, 1], links: [(0, 1)]) == digest([1, 1, 1], links: [(2, 0)]))
    #expect(digest([1, 2, 1], links: [(0, 1)]) == digest([1, 2, 1], links: [(2, 1)]))
    #expect(digest([1, 2, 1], links: [(0, 1)]) != digest([1, 2, 1], links: [(1, 0)]))
    #expect(digest([1, 2, 1], links: [(0, 1)]) != digest([1, 1, 2], links: [(0, 1)]))
  }

  /// Two clients that each take a free lock and give it back, once, or only the first of two that might.
  private struct TakeInTurn: ExplorationModel {
    enum Phase { case wants, holds, done }

    struct State: Hashable {
      var phases: [Phase] = [.wants, .wants]
    }

    /// Leaves out a step whose order does matter.
    var prefersFirst = false
    let start = State()

    func steps(from state: State) -> [Int] {
      let possible = state.phases.indices.filter { client in
        switch state.phases[client] {
        case .wants: !state.phases.contains(.holds)
        case .holds: true
        case .done: false
        }
      }
      return self.prefersFirst ? Array(possible.prefix(1)) : possible
    }

    func take(_ client: Int, in state: inout State) throws(BrokenPromise) {
      state.phases[client] = state.phases[client] == .wants ? .holds : .done
    }
  }

  @Test("tells models apart that end alike, by what is seen on the way, and finds as much in a traced one")
  func traces() {
    let (whole, part) = (TakeInTurn(), TakeInTurn(prefersFirst: true))
    #expect(whole.ends() == part.ends())
    let traced = { (model: TakeInTurn) in TracedModel(model) { client, _, _ in UInt64(client) } }
    #expect(traced(whole).ends().count == 2)
    #expect(traced(part).ends().isSubset(of: traced(whole).ends()))
    #expect(traced(part).ends().count == 1)
    let blind = TracedModel(whole) { _, _, _ in nil }
    #expect(blind.ends().count == 1)
    let story = TracedModel(LookThenTake()) { _, _, _ in nil }.explore().story
    #expect(story?.promise == BrokenPromise("both hold the lock"))
  }
}
