internal import Dispatch

/// Work that blocks a thread, kept away from the threads that run tasks.
package enum Background {
  /// Starts blocking work on a thread of its own. Such a thread takes no signals.
  package static func start(_ name: String, _ work: @escaping @Sendable () -> Void) {
    DispatchQueue(label: "latchkey.\(name)").async(execute: work)
  }
}
