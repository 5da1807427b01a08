/// A system that can be explored: what its states are, what may happen in each, and what must never be.
///
/// A model is closed: what its clients, its servers, the network and the faults may do are all steps, and whoever explores it
/// takes every one of them in every state. So a state holds everything that decides what can happen next, messages under way
/// and the budget of faults included, and nothing else: every number that only counts up makes a state new that is not.
///
/// The states are explored with ``explore(_:upTo:progress:)``, as a rule breadth first, so that the story of a broken promise is
/// as short as it can be. The method is that of explicit-state model checkers (Holzmann, *The SPIN Model Checker*, 2003); what is
/// explored here are not descriptions of state machines but the state machines themselves.
package protocol ExplorationModel {
  /// Everything that decides what may happen next.
  associatedtype State
  /// Something that happens: one message arrives, one caller asks, one fault strikes.
  associatedtype Step

  /// Where everything begins.
  var start: State { get }

  /// Everything that may happen next.
  func steps(from state: State) -> [Step]

  /// Lets one step happen.
  ///
  /// - Throws: ``BrokenPromise`` if it must not have happened.
  func take(_ step: Step, in state: inout State) throws(BrokenPromise)

  /// Looks at a state that was reached.
  ///
  /// - Throws: ``BrokenPromise`` if there must be no such state.
  func check(_ state: State) throws(BrokenPromise)

  /// Whether a step need never happen: a fault, or somebody who changes their mind. Nobody may have to wait for one.
  func isFault(_ step: Step, in state: State) -> Bool

  /// Whether everything is done: nobody waits, nothing is held, nothing is left behind.
  ///
  /// From every state that can be reached, one at rest must be reachable without any further fault; else somebody is stuck for
  /// ever, or something is left for ever.
  func isAtRest(_ state: State) -> Bool

  /// Tells a state from others: two states with the same digest are taken for one.
  ///
  /// Numbers that only serve as names go in by ``StateDigest/add(name:of:)``, so that states which differ by names alone are
  /// one. States that are mirror images of each other may be given the same digest too.
  func digest(_ state: State, into digest: inout StateDigest)

  /// One step in words, as a line of a story.
  func describe(_ step: Step, in state: State) -> String

  /// A state in words, for the end of a story in which somebody is stuck.
  func describe(_ state: State) -> String
}

extension ExplorationModel {
  /// Every state is fine, unless a model says otherwise.
  package func check(_ state: State) throws(BrokenPromise) {}
  /// No step is a fault, unless a model says otherwise.
  package func isFault(_ step: Step, in state: State) -> Bool { false }
  /// Nobody can be stuck, unless a model says what rest is.
  package func isAtRest(_ state: State) -> Bool { true }
  /// The step as it prints.
  package func describe(_ step: Step, in state: State) -> String { "\(step)" }
  /// The state as it prints.
  package func describe(_ state: State) -> String { "\(state)" }
}

extension ExplorationModel where State: Hashable {
  /// The state's hash.
  package func digest(_ state: State, into digest: inout StateDigest) { digest.add(state) }
}
