import LatchkeyExplorer
import LatchkeyTesting
import Testing

// The code of the article on exploration.

// snippet: explore model
struct LookThenTake: ExplorationModel {
  enum Phase { case away, saw, holds }
  struct State: Hashable { var phases: [Phase] = [.away, .away] }

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
// end

@Suite("Code of the article on exploration")
struct ExplorationSnippetTests {
  @Test("a lock that looks and then takes is found to be broken")
  func lookThenTake() {
    // snippet: explore
    let exploration = LookThenTake().explore()
    #expect(exploration.story.map { "\($0)".contains("both hold the lock") } == true)
    // end
  }
}
