internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// An array of atomic words in a file that several processes map; zero at first.
///
/// Every access is a relaxed atomic operation, so what several processes do to a word at once is a lost update at worst, never
/// undefined behaviour.
package final class MappedWords: Sendable {
  /// Words that many threads write stand this far apart, each in its own cache line.
  package static let stride = 8

  package let count: Int
  // Safe: set once; it points at `count` words that stay mapped as long as this object lives.
  private nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt64>>

  /// Maps a file.
  ///
  /// - Parameters:
  ///   - path: The file; made if it is not there.
  ///   - count: The number of words.
  package init(path: String, count: Int) throws(SystemError) {
    let length = count * MemoryLayout<UInt64>.stride
    let file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw SystemError(doing: "open the shared file \(path)") }
    defer { close(file) }
    guard ftruncate(file, off_t(length)) == 0 else { throw SystemError(doing: "size the shared file \(path)") }
    let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
    guard let address, address != MAP_FAILED else { throw SystemError(doing: "map the shared file \(path)") }
    self.count = count
    // A word that is all zeros is an `Atomic<UInt64>` of 0: the type has the layout of its value.
    self.words = address.bindMemory(to: Atomic<UInt64>.self, capacity: count)
  }

  deinit {
    munmap(self.words, self.count * MemoryLayout<UInt64>.stride)
  }

  /// The word at an index: read by a load of its own, written by a store of its own.
  package subscript(index: Int) -> UInt64 {
    get {
      precondition((0..<self.count).contains(index))
      return self.words[index].load(ordering: .relaxed)
    }
    set {
      precondition((0..<self.count).contains(index))
      self.words[index].store(newValue, ordering: .relaxed)
    }
  }

  /// Adds to a word in one step, and returns the sum.
  @discardableResult
  package func add(_ amount: UInt64, at index: Int) -> UInt64 {
    precondition((0..<self.count).contains(index))
    return self.words[index].wrappingAdd(amount, ordering: .relaxed).newValue
  }

  /// Sets a word to 1; true for the one caller who found it 0.
  package func claim(_ index: Int) -> Bool {
    precondition((0..<self.count).contains(index))
    return self.words[index].compareExchange(expected: 0, desired: 1, ordering: .relaxed).exchanged
  }
}
