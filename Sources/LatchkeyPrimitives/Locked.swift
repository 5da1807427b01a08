// Thread sanitizer does not understand `Synchronization.Mutex` on Linux and reports races that are none, so a build with
// `-Xswiftc -DSANITIZE_THREAD` takes a pthread mutex instead.
#if SANITIZE_THREAD
#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// A value that is only reached while its lock is held: the one lock type inside Latchkey.
package struct Locked<Value>: ~Copyable, Sendable {
  // Safe: every access to `value` is made by `withLock`, between lock and unlock of `handle`.
  private final class Storage: @unchecked Sendable {
    let handle: UnsafeMutablePointer<pthread_mutex_t>
    var value: Value

    init(_ value: sending Value) {
      self.value = value
      self.handle = .allocate(capacity: 1)
      pthread_mutex_init(self.handle, nil)
    }

    deinit {
      pthread_mutex_destroy(self.handle)
      self.handle.deallocate()
    }
  }

  private let storage: Storage

  package init(_ value: sending Value) {
    self.storage = Storage(value)
  }

  package borrowing func withLock<R: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending R
  ) throws(E) -> sending R {
    pthread_mutex_lock(self.storage.handle)
    defer { pthread_mutex_unlock(self.storage.handle) }
    return try body(&self.storage.value)
  }
}
#else
public import Synchronization

/// A value that is only reached while its lock is held: the one lock type inside Latchkey.
///
/// Inlinable: every step of every lock goes through this, in the modules of the backends, which specialise only what is.
@frozen
@usableFromInline
package struct Locked<Value>: ~Copyable, Sendable {
  @usableFromInline
  let mutex: Mutex<Value>

  /// Makes a lock around a value.
  @inlinable
  package init(_ value: consuming sending Value) {
    self.mutex = Mutex(value)
  }

  /// Runs a body that alone has the value.
  @inlinable
  @inline(__always)
  package borrowing func withLock<R: ~Copyable, E: Error>(
    _ body: (inout sending Value) throws(E) -> sending R
  ) throws(E) -> sending R {
    try self.mutex.withLock(body)
  }
}
#endif
