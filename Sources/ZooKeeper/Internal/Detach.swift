internal import CZooKeeper

private final class Detached: Sendable {
  let run: @Sendable () -> Void

  init(_ run: @escaping @Sendable () -> Void) {
    self.run = run
  }
}

/// Runs a closure that may block for long on a thread of its own.
///
/// - Returns: False, and the closure is not called, if the thread could not be started.
func detach(_ run: @escaping @Sendable () -> Void) -> Bool {
  let context = Unmanaged.passRetained(Detached(run))
  if czk_detach(detachedRun, context.toOpaque()) { return true }
  context.release()
  return false
}

nonisolated private func detachedRun(_ context: UnsafeMutableRawPointer?) {
  guard let context else { return }
  // Balances `detach`.
  Unmanaged<Detached>.fromOpaque(context).takeRetainedValue().run()
}
